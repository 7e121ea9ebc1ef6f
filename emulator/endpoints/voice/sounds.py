"""A ringtone that cannot be heard: a Voice SDK that gets none waits for two seconds before it tells of a call."""

import struct

_RATE = 8000
_SAMPLES = 800


def silence() -> bytes:
    """A tenth of a second of silence as WAV: RIFF, PCM, one channel, 8 bits, 8 kHz."""
    data = b"\x80" * _SAMPLES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE, 1, 8)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body
