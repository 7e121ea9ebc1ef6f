"""What we need from outside, one file per outside thing."""
