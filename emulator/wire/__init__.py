"""What Twilio says: pure values and functions, standard library only. No I/O, clock, randomness or framework."""
