"""PStream 1.6, the protocol between a Voice SDK and its signalling gateway.

A frame is a JSON object `{type, version, payload}`, except the keepalive. The protocol is not documented; names and
behaviour are taken from pstream.ts, device.ts and call.ts of @twilio/voice-sdk 2.2.0 to 2.18.5.
"""

VERSION = "1.6"
KEEPALIVE = "\n"
MAX_FRAME = 64 * 1024
"""Maximum size in bytes of a frame from a client; Twilio's limit is not known."""
MESSAGE_TYPE = "user-defined-message"
CONTENT_TYPE = "application/json"
