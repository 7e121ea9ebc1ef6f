"""Descriptions, against what RFC 8829 asks of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import sdp

ENTROPY = bytes(range(sdp.ENTROPY_BYTES))
# The shape of Chromium's, shortened.
_OFFERED = """\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE a1
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=setup:actpass
a=mid:a1
a=sendrecv
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=ssrc:1 cname:x
"""
OFFER = _OFFERED.replace("\n", "\r\n")


def lines(description: str) -> list[str]:
    assert description.endswith("\r\n")
    return description.removesuffix("\r\n").split("\r\n")


def test_answer_sends_nothing() -> None:
    answer = lines(sdp.answer(OFFER, ENTROPY))

    assert answer == [
        "v=0",
        f"o=- {0x0001020304050607 >> 1} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE a1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:08090a0b",
        "a=ice-pwd:0c0d0e0f101112131415161718191a1b",
        "a=fingerprint:sha-256 " + ENTROPY[28:].hex(":").upper(),
        "a=setup:passive",
        "a=mid:a1",
        "a=inactive",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:126 telephone-event/8000",
    ]


@pytest.mark.parametrize(
    ("offered", "answered"), [("actpass", "passive"), ("active", "passive"), ("passive", "active")]
)
def test_dtls_roles_never_deadlock(offered: str, answered: str) -> None:
    answer = lines(sdp.answer(OFFER.replace("setup:actpass", f"setup:{offered}"), ENTROPY))

    assert f"a=setup:{answered}" in answer


def test_sections_are_answered_in_order() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v1\r\n"
    answer = lines(sdp.answer(OFFER + video, ENTROPY))

    assert [line for line in answer if line.startswith("m=")] == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
    ]
    assert "a=group:BUNDLE a1" in answer


def test_without_audio_nothing_is_bundled() -> None:
    answer = lines(sdp.answer("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", ENTROPY))

    assert answer[4:] == ["m=video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0"]


def test_offer_has_the_sdks_codecs() -> None:
    offer = lines(sdp.offer(ENTROPY))

    assert {"a=setup:actpass", "a=mid:0", "a=group:BUNDLE 0", "a=sendrecv"} <= set(offer)
    assert [line.split(" ")[1] for line in offer if line.startswith("a=rtpmap:")] == [
        "opus/48000/2",
        "PCMU/8000",
        "telephone-event/8000",
    ]


@pytest.mark.parametrize("offered", ["", "v=0", "m=audio", "m=\r\n", "nonsense"])
def test_invalid_offer_is_answered(offered: str) -> None:
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 101" in lines(sdp.answer(offered, ENTROPY))


def test_excess_sections_are_ignored() -> None:
    answer = sdp.answer("m=audio 9 RTP 0\n" * 1000, ENTROPY)

    assert answer.count("m=audio") == 16


@given(st.text() | st.lists(st.sampled_from(OFFER.split("\r\n"))).map("\n".join), st.binary(min_size=60, max_size=60))
def test_any_text_gets_a_description(offered: str, entropy: bytes) -> None:
    for line in lines(sdp.answer(offered, entropy)):
        assert line[1] == "="
