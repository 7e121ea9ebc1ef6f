"""Where a Voice SDK turns to besides the gateway: it is answered here, whatever page it runs in."""

import io
import wave

import pytest
from support.server import Site, request

PAGE = [("Origin", "http://any.example")]
REPORT = b'{"name":"connection"}'


@pytest.mark.parametrize(
    "target", ["/eventgw?.twilio.com/v4/EndpointEvents", "/eventgw/v4/EndpointMetrics", "/eventgw"]
)
def test_insights_of_any_page_are_taken(site: Site, target: str) -> None:
    reply = site.ask("POST", target, PAGE, REPORT)

    assert (reply.status, reply.json()) == (200, {})
    assert reply.header("access-control-allow-origin") == "*"


def test_preflight_is_answered(site: Site) -> None:
    reply = site.ask("OPTIONS", "/eventgw?.twilio.com/v4/EndpointEvents", PAGE)

    assert reply.status == 204
    assert reply.header("access-control-allow-headers") == "content-type, x-twilio-token"


@pytest.mark.parametrize("host", ["127.0.0.1", "sdk.twilio.com"])
def test_a_sound_is_silent(site: Site, host: str) -> None:
    target = "/js/client/sounds/releases/1.0.0/incoming.mp3?cache=1"
    with site.connect() as connection:
        connection.send(request("GET", target, PAGE).replace(b"Host: 127.0.0.1", f"Host: {host}".encode()))
        reply = connection.reply("GET")

    assert (reply.status, reply.header("content-type")) == (200, "audio/wav")
    with wave.open(io.BytesIO(reply.body)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 1, 8000)
        assert set(sound.readframes(sound.getnframes())) == {0x80}


@pytest.mark.parametrize(("method", "target"), [("GET", "/eventgw"), ("POST", "/sounds/x.mp3")])
def test_other_requests_are_404(site: Site, method: str, target: str) -> None:
    assert site.ask(method, target, PAGE, b"").status == 405


@pytest.mark.parametrize("target", ["/eventgws", "/x.mp3", "/x/sounds/x.mp3", "/sounds/x.wav"])
def test_other_paths_are_guarded(site: Site, target: str) -> None:
    assert site.ask("POST", target, PAGE, REPORT).status == 403
