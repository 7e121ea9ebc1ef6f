"""The Twilio surface, which official helper libraries send requests to."""
