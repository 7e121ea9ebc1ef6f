"""`/livez`, `/readyz`, and what is nowhere."""

import pytest
from support.server import Caller, Site

from emulator import __version__


def test_livez(site: Site) -> None:
    reply = site.get("/livez")

    assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_readyz_fields(site: Site) -> None:
    """Version, uptime and addresses."""
    ready, later = (site.get("/readyz").json() for _ in range(2))

    assert (ready["status"], ready["version"], ready["addresses"]) == ("ok", __version__, [site.url])
    assert 0 <= ready["uptime"] <= later["uptime"]


def test_health_checks_are_not_recorded(caller: Caller) -> None:
    before = caller.listing()["last_seq"]
    caller.site.get("/livez")
    caller.site.get("/readyz")

    assert caller.listing()["last_seq"] == before


@pytest.mark.parametrize(
    "path", ["/nowhere", "/_emulator", "/_emulator/nothing", "/redoc", "/2010-04-02/x", "/2010-04-01x"]
)
def test_unknown_path_is_404_with_a_hint(site: Site, path: str) -> None:
    reply = site.get(path)

    assert reply.status == 404
    assert path in reply.json()["error"]
    assert "/docs" in reply.json()["error"]


def test_unsupported_method_is_405(site: Site) -> None:
    reply = site.ask("PATCH", "/_emulator/messages")

    assert reply.status == 405
    assert set((reply.header("allow") or "").split(", ")) == {"GET", "DELETE"}
    assert all(text in reply.json()["error"] for text in ("PATCH", "/_emulator/messages", "GET", "DELETE"))


def test_no_reply_names_the_server_software(site: Site) -> None:
    replies = [site.get(path) for path in ("/livez", "/nowhere", "/docs", "/2010-04-01/x.json")]

    assert [reply.header("server") for reply in replies] == [None] * 4


def test_half_closed_client_is_answered(site: Site) -> None:
    with site.connect() as connection:
        connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.finish()
        reply = connection.next_reply()

    assert reply is not None
    assert reply.status == 200
