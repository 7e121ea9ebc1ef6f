"""The Twilio surface: what an official helper library talks to."""
