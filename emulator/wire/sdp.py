"""Minimal session descriptions: a browser accepts them as negotiated, but no media flow.

A Voice SDK treats a call as open once an answer is applied; it does not check ICE and DTLS. An inactive audio section
without candidates causes no reaction for longest (a rejected section makes the SDK restart ICE). Syntax: RFC 8866,
8829, 8839.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

ENTROPY_BYTES = 60
"""Bytes used by a description: 8 for its id, 4 and 16 for ICE, 32 for the fingerprint."""

_CODECS = (
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
)
_FORMATS = "111 0 101"
_MAX_SECTIONS = 16


@dataclass(slots=True)
class _Section:
    """A media section of an offer: the parts of its `m=` line, and the lines below it."""

    media: str = "audio"
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: str = _FORMATS
    lines: list[str] = field(default_factory=lambda: [*_CODECS, "a=mid:0", "a=setup:actpass"])

    def value(self, name: str, otherwise: str) -> str:
        """The value of an attribute, or `otherwise` if absent."""
        start = f"a={name}:"
        return next((line.removeprefix(start) for line in self.lines if line.startswith(start)), otherwise)


def offer(entropy: bytes) -> str:
    """The offer for an incoming call.

    Args:
        entropy: 60 random bytes from the caller.
    """
    return _text(_head(entropy, ["0"]) + _audio(_Section(), entropy, setup="actpass", direction="sendrecv"))


def answer(offered: str, entropy: bytes) -> str:
    """The inactive answer to an offer; an invalid offer is answered as if it were ours.

    Args:
        offered: the client's description.
        entropy: 60 random bytes from the caller.
    """
    sections = list(_sections(offered)) or [_Section()]
    mids = [section.value("mid", str(place)) for place, section in enumerate(sections)]
    audio = [section.media == "audio" for section in sections]
    lines = _head(entropy, [mid for mid, taken in zip(mids, audio, strict=True) if taken])
    for section, mid, taken in zip(sections, mids, audio, strict=True):
        if taken:
            # RFC 8842 §5.3: the side that answers actpass is passive, and both sides cannot be passive.
            setup = "active" if section.value("setup", "") == "passive" else "passive"
            lines += _audio(section, entropy, setup=setup, direction="inactive")
        else:
            lines += [f"m={section.media} 0 {section.protocol} {section.formats}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}"]
    return _text(lines)


def _sections(offered: str) -> Iterator[_Section]:
    section = None
    count = 0
    for line in offered.replace("\r", "").split("\n"):
        if line.startswith("m="):
            if section is not None:
                yield section
            parts = line[2:].split(" ", 3)
            count += 1
            if len(parts) < 4 or count > _MAX_SECTIONS:  # noqa: PLR2004  media, port, protocol, formats
                return
            section = _Section(parts[0], parts[2], parts[3], [])
        elif section is not None:
            section.lines.append(line)
    if section is not None:
        yield section


def _head(entropy: bytes, bundle: list[str]) -> list[str]:
    assert len(entropy) == ENTROPY_BYTES
    number = int.from_bytes(entropy[:8]) >> 1  # RFC 8829 §5.2.1: 63 bits
    lines = ["v=0", f"o=- {number} 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    return [*lines, "a=group:BUNDLE " + " ".join(bundle)] if bundle else lines


def _audio(section: _Section, entropy: bytes, *, setup: str, direction: str) -> list[str]:
    return [
        f"m=audio 9 {section.protocol} {section.formats}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{entropy[8:12].hex()}",
        f"a=ice-pwd:{entropy[12:28].hex()}",
        f"a=fingerprint:sha-256 {entropy[28:].hex(':').upper()}",
        f"a=setup:{setup}",
        f"a=mid:{section.value('mid', '0')}",
        f"a={direction}",
        "a=rtcp-mux",
        *(line for line in section.lines if line.startswith(("a=rtpmap:", "a=fmtp:"))),
    ]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
