"""An HTTP proxy that routes api.twilio.com to the emulator."""
