"""Who may use the control surface, tried as browsers, rebound names and strangers would: in raw HTTP."""

import json
import logging
import socket
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import Time
from support.server import CONTENT, FORM, Caller, Connection, Headers, Reply, Servers, Site, basic, chunk, fresh

JSON = ("Content-Type", "application/json")
EVIL = "https://evil.example"


def raw(site: Site, method: str, target: str, headers: Headers = (), body: bytes = b"", *, host: str = "x") -> Reply:
    """One request, whose Host is given."""
    framed = {name.lower() for name, _ in headers} & {"transfer-encoding"}
    lines = [("Host", host), *headers, *([] if framed else [("Content-Length", str(len(body)))])]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    with Connection(site.address) as connection:
        connection.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return connection.reply(method)


READ = ["/_emulator/messages", "/_emulator/requests", "/_emulator/calls", "/_emulator/schemas", "/_emulator/rules"]
READ += ["/_emulator/clock", "/_emulator/seed", "/_emulator/events", "/openapi.json", "/docs", "/livez", "/readyz"]


@pytest.mark.parametrize("target", READ)
@pytest.mark.parametrize(
    ("headers", "host", "option"),
    [
        pytest.param([], "evil.example", "allowed_hosts", id="a name bound to us"),
        pytest.param([("Origin", EVIL)], "localhost", "allowed_origins", id="a page of another site"),
        pytest.param([("Sec-Fetch-Site", "cross-site")], "localhost", "allowed_origins", id="an image of another site"),
    ],
)
def test_other_sites_read_nothing(site: Site, target: str, headers: Headers, host: str, option: str) -> None:
    reply = raw(site, "GET", target, headers, host=host)

    assert reply.status == 403
    assert option in reply.json()["error"]
    assert f"EMULATOR_{option.upper()}" in reply.json()["error"]
    assert not [name for name in reply.names if name.startswith("access-control")]


ALLOWED = ["localhost", "localhost:2010", "LOCALHOST.", "a.b.localhost:1", "127.0.0.1", "10.1.2.3:80", "[::1]:2010"]
ALLOWED += ["[fe80::1]", "emulator", "emulator:2010", "host.docker.internal", "x.y.internal:1", socket.gethostname()]
ALLOWED += ["emulator.default.svc.cluster.local:2010", "EMULATOR.Local.", "ci.test", "nas.home.arpa:1"]
REFUSED = ["evil.example", "evil.example:2010", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example."]
REFUSED += ["xlocalhost.com", "internal.com", "127.0.0.1.nip.io", "1.2.3"]
REFUSED += ["a..local", "a.local..", "emulator.default.svc"]
INVALID = ["[evil.example]", "evil.example:localhost", "[::1].evil.example", "127.0.0.1:99999", "a b", "u@localhost"]
INVALID += ["[::1]evil", "localhost:80:80"]


@pytest.mark.parametrize("host", ALLOWED)
def test_local_names_and_ips_are_allowed(site: Site, host: str) -> None:
    assert raw(site, "GET", "/_emulator/messages?limit=1", host=host).status == 200


@pytest.mark.parametrize("host", REFUSED)
def test_other_names_are_not(site: Site, host: str) -> None:
    reply = raw(site, "GET", "/_emulator/messages?limit=1", host=host)

    assert reply.status == 403
    assert "add it to allowed_hosts (EMULATOR_ALLOWED_HOSTS)" in reply.json()["error"]
    assert "names under localhost, test, local, home.arpa, internal" in reply.json()["error"]


@pytest.mark.parametrize(("host", "status"), [("emulator.default.svc.cluster.local", 200), ("evil.example", 403)])
def test_health_follows_the_same_rule(site: Site, host: str, status: int) -> None:
    assert raw(site, "GET", "/readyz", host=host).status == status


@pytest.mark.parametrize("host", INVALID)
def test_an_invalid_host_is_a_bad_request(site: Site, host: str) -> None:
    assert raw(site, "GET", "/livez", host=host).status == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("mock.example.com", 200),
        ("MOCK.example.com:80", 200),
        ("a.test.example", 200),
        ("a.b.Test.example.", 200),
        ("example.com", 403),
        ("xmock.example.com", 403),
        ("test.example", 403),
        ("xtest.example", 403),
        ("[x].test.example", 400),
    ],
)
def test_names_can_be_allowed(serve: Servers, host: str, status: int) -> None:
    site = serve(allowed_hosts=frozenset({"mock.Example.com", ".test.example"}))

    assert raw(site, "GET", "/_emulator/messages", host=host).status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:2010", 200),
        ("http://localhost", 403),
        ("http://localhost:2011", 403),
        ("https://localhost:2010", 403),
        ("http://127.0.0.1:2010", 403),
        ("http://evil.localhost:2010", 403),
        ("null", 403),
        ("", 403),
        (EVIL, 403),
    ],
)
def test_only_own_origin_is_allowed(site: Site, origin: str, status: int) -> None:
    """The port must match too."""
    headers = [("Origin", origin), ("Sec-Fetch-Site", "same-origin")]

    assert raw(site, "GET", "/_emulator/messages?limit=1", headers, host="localhost:2010").status == status


@pytest.mark.parametrize(("site_", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("x", 403)])
def test_sec_fetch_site_is_checked(site: Site, site_: str, status: int) -> None:
    assert raw(site, "GET", "/_emulator/messages?limit=1", [("Sec-Fetch-Site", site_)]).status == status


def test_an_origin_can_be_allowed(serve: Servers) -> None:
    site = serve(allowed_origins=frozenset({"http://localhost:3000"}))
    headers = [("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site")]
    allowed, other = (
        raw(site, "GET", "/_emulator/messages", sent) for sent in (headers, [("Origin", "http://localhost:3001")])
    )

    assert (allowed.status, other.status) == (200, 403)
    assert not [name for name in allowed.names if name.startswith("access-control")]


# --- links


NAVIGATION = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/docs", 200),
        ("GET", "/docs/docs.js", 403),
        ("GET", "/_emulator/messages", 403),
        ("GET", "/openapi.json", 403),
        ("POST", "/docs", 403),
        ("POST", "/_emulator/reset", 403),
    ],
)
def test_link_from_another_site(site: Site, method: str, target: str, status: int) -> None:
    """It may open the page and the documentation only."""
    assert raw(site, method, target, NAVIGATION).status == status


def test_the_page_cannot_be_framed(site: Site) -> None:
    assert "frame-ancestors 'none'" in (raw(site, "GET", "/docs", NAVIGATION).header("content-security-policy") or "")


# --- no effect


def state(site: Site, headers: Headers) -> list[Any]:
    """All that a control call can change."""
    names = ("messages", "requests", "calls", "schemas", "clock", "seed")
    return [raw(site, "GET", f"/_emulator/{name}", headers).json() for name in names]


CALL = fresh("CA")
WRITES = [
    ("POST", "/_emulator/reset", b""),
    ("DELETE", "/_emulator/messages", b""),
    ("PUT", "/_emulator/clock", b'{"advance": 60}'),
    ("PUT", "/_emulator/seed", b'{"seed": 8}'),
    ("PUT", f"/_emulator/calls/{CALL}", b'{"status": "busy"}'),
    ("DELETE", f"/_emulator/calls/{CALL}", b""),
    ("PUT", "/_emulator/schemas/s", b'{"schema": false}'),
    ("DELETE", "/_emulator/schemas/s", b""),
]
BEARER = ("Authorization", "Bearer sesame")


@pytest.mark.parametrize(("method", "target", "body"), WRITES, ids=[f"{one[0]} {one[1][:22]}" for one in WRITES])
def test_a_refused_call_has_no_effect(serve: Servers, method: str, target: str, body: bytes) -> None:
    site = serve(now=Time(), control_token="sesame", clock=0.0, seed=7)
    Caller(site).send()
    raw(site, "PUT", f"/_emulator/calls/{CALL}", [BEARER, JSON], b"{}")
    raw(site, "PUT", "/_emulator/schemas/s", [BEARER, JSON], b'{"schema": true}')
    before = state(site, [BEARER])
    padding = b" " * (1024 * 1024 + 1)
    refused = [
        raw(site, method, target, [BEARER, JSON], body, host="evil.example"),
        raw(site, method, target, [BEARER, JSON, ("Origin", EVIL)], body),
        raw(site, method, target, [BEARER, JSON, ("Origin", "null")], body),
        raw(site, method, target, [BEARER, JSON, ("Sec-Fetch-Site", "cross-site")], body),
        raw(site, method, target, [BEARER, JSON, *NAVIGATION], body),
        raw(site, method, target, [JSON], body),
        raw(site, method, target, [JSON, ("Authorization", "Bearer Sesame")], body),
        raw(site, method, target, [BEARER, JSON], body + padding),
    ]

    assert [reply.status for reply in refused] == [403] * 5 + [401] * 2 + [413]
    assert state(site, [BEARER]) == before
    assert raw(site, method, target, [BEARER, JSON], body).status in (200, 204)
    assert state(site, [BEARER]) != before


def test_a_preflight_allows_nothing(site: Site) -> None:
    asked = [("Origin", EVIL), ("Access-Control-Request-Method", "PUT")]
    reply = raw(site, "OPTIONS", "/_emulator/clock", asked)

    assert reply.status == 403
    assert not [name for name in reply.names if name.startswith("access-control")]


# --- the token


def test_token_is_required(serve: Servers) -> None:
    site = serve(control_token="sesame")
    replies = [raw(site, "GET", target) for target in READ if target.startswith("/_emulator/")]

    assert {reply.status for reply in replies} == {401}
    assert {reply.header("www-authenticate") for reply in replies} == {"Bearer"}
    assert "control_token" in replies[0].json()["error"]
    assert "sesame" not in replies[0].text


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sesame", 200),
        ("bearer sesame", 200),
        ("Bearer Sesame", 401),
        ("Bearer sesam", 401),
        ("Bearer ", 401),
        ("Bearer", 401),
        ("sesame", 401),
        ("Basic sesame", 401),
        (*basic("sesame", "sesame")[1:], 401),
    ],
)
def test_only_the_token_gives_access(serve: Servers, authorization: str, status: int) -> None:
    site = serve(control_token="sesame")

    assert raw(site, "GET", "/_emulator/messages", [("Authorization", authorization)]).status == status


def test_a_token_may_be_any_text(serve: Servers) -> None:
    site = serve(control_token="sésame")

    assert raw(site, "GET", "/_emulator/messages", [("Authorization", "Bearer sésame")]).status == 200


def test_token_does_not_allow_other_sites(serve: Servers) -> None:
    site = serve(control_token="sesame")

    assert raw(site, "GET", "/_emulator/messages", [BEARER, ("Origin", EVIL)]).status == 403


@pytest.mark.parametrize("target", ["/livez", "/readyz", "/docs", "/openapi.json"])
def test_health_and_docs_need_no_token(serve: Servers, target: str) -> None:
    assert raw(serve(control_token="sesame"), "GET", target).status == 200


@pytest.mark.parametrize("target", ["/%5femulator/messages", "/_emulator/%6dessages", "//_emulator/messages"])
def test_token_applies_to_every_spelling(serve: Servers, target: str) -> None:
    assert raw(serve(control_token="sesame"), "GET", target).status in (401, 404)


# --- bodies


def chunked(size: int) -> tuple[Headers, bytes]:
    return [JSON, ("Transfer-Encoding", "chunked")], chunk(b'{"schema": true') + chunk(b" " * size) + chunk(
        b"}"
    ) + b"0\r\n\r\n"


def test_body_may_have_1_mib(site: Site) -> None:
    body = b'{"reset": true}'
    fits, refused = (raw(site, "PUT", "/_emulator/clock", [JSON], body.ljust(1024 * 1024 + more)) for more in (0, 1))

    assert (fits.status, refused.status) == (200, 413)
    assert "1024 KiB" in refused.json()["error"]


def test_a_body_of_unknown_length_is_counted(site: Site) -> None:
    name = fresh("s")
    fits, refused = (
        raw(site, "PUT", f"/_emulator/schemas/{name}{size}", *chunked(size)) for size in (1000, 1024 * 1024)
    )

    assert (fits.status, refused.status) == (201, 413)
    assert site.get(f"/_emulator/schemas/{name}{1024 * 1024}").status == 404
    site.delete(f"/_emulator/schemas/{name}1000")


def test_client_reads_413_after_a_large_body(site: Site) -> None:
    reply = raw(site, "PUT", "/_emulator/clock", [JSON, ("Connection", "close")], b" " * 8_000_000)

    assert reply.status == 413


# --- and who is told


def test_refusal_is_logged_with_a_hint(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    raw(site, "GET", "/_emulator/messages?limit=1", [("Origin", EVIL)])

    (line,) = [record.getMessage() for record in caplog.records if EVIL in record.getMessage()]
    assert all(text in line for text in ("GET", "/_emulator/messages", "allowed_origins"))


def test_twilio_api_is_open_to_all_origins(serve: Servers) -> None:
    caller = Caller(serve(control_token="sesame"))
    headers = [caller.auth, ("Content-Type", FORM), ("Origin", EVIL), ("Sec-Fetch-Site", "cross-site")]
    reply = raw(
        caller.site, "POST", caller.path, headers, urlencode({"Content": CONTENT}).encode(), host="evil.example"
    )

    assert reply.status == 201
    assert reply.header("access-control-allow-origin") == "*"


def test_refusals_have_the_apis_error_shape(serve: Servers) -> None:
    site = serve(control_token="sesame")
    replies = [raw(site, "GET", "/_emulator/messages", host="evil.example"), raw(site, "GET", "/_emulator/messages")]

    assert [set(json.loads(reply.body)) for reply in replies] == [{"error", "parameters"}] * 2
