"""The shims as pages and Node get them: from any origin, without a token, the same for all."""

import re
from importlib.resources import files

import pytest
from support.server import Servers, Site

SHIMS = ["voice-shim.js", "voice-shim.cjs"]


@pytest.mark.parametrize("name", SHIMS)
def test_any_origin_may_load_a_shim(serve: Servers, name: str) -> None:
    site = serve(control_token="secret")
    headers = [("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")]
    reply = site.ask("GET", f"/_emulator/{name}", headers)

    assert reply.status == 200
    assert reply.text == files("emulator.endpoints.voice").joinpath("static", name).read_text()
    assert reply.header("content-type") == "text/javascript; charset=utf-8"
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("cross-origin-resource-policy") == "cross-origin"


@pytest.mark.parametrize("name", SHIMS)
def test_rebound_host_gets_no_shim(site: Site, name: str) -> None:
    with site.connect() as connection:
        connection.send(f"GET /_emulator/{name} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())

        assert connection.reply("GET").status == 403


@pytest.mark.parametrize("path", ["/_emulator/voice-shim.json", "/_emulator/voice-shim.js/", "/_emulator/messages"])
def test_other_paths_are_guarded(serve: Servers, path: str) -> None:
    site = serve(control_token="secret")

    assert site.ask("GET", path, [("Sec-Fetch-Site", "cross-site")]).status == 403


def test_both_shims_redirect_the_same_hosts() -> None:
    static = files("emulator.endpoints.voice").joinpath("static")
    led = [
        re.findall(r"const (?:signalling|insights|sounds) = .*", static.joinpath(name).read_text()) for name in SHIMS
    ]

    assert led[0] == led[1]
    assert len(led[0]) == 3
