"""The web page: a client of the inspection API like any other, for a person at a desk."""
