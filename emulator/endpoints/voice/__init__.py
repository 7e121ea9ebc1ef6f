"""What a Voice SDK sees: the signalling gateway, and stand-ins for where else it would turn to."""
