"""Twilio's formats and rules: pure values and functions, standard library only. No I/O, clock or randomness."""
