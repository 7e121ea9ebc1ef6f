"""A silent ringtone: without one a Voice SDK waits for two seconds before it reports a call."""

import struct

_RATE = 8000
_SAMPLES = 800


def silence() -> bytes:
    """Return 0.1 s of silence as WAV: RIFF, PCM, one channel, 8 bits, 8 kHz."""
    data = b"\x80" * _SAMPLES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE, 1, 8)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body
