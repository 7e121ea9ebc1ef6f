"""A local emulator of Twilio's UserDefinedMessages endpoint."""

__version__ = "0.1.0"
