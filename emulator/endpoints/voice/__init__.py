"""The interfaces for Voice SDKs: the signalling gateway, and stubs of Twilio's other hosts."""
