"""Twilio's own host names, and those that only look like them."""

import pytest

from emulator.wire.hosts import is_host, is_local, is_loopback, is_twilio, name_of, parse_authority


@pytest.mark.parametrize(
    ("host", "twilios"),
    [
        ("twilio.com", True),
        ("api.twilio.com", True),
        ("API.Twilio.COM.", True),
        ("api.sydney.us1.twilio.com", True),
        ("api.twilio.com..", False),
        ("eviltwilio.com", False),
        ("api.twilio.com.evil.example", False),
        ("twilio.co", False),
        ("com", False),
        ("", False),
    ],
)
def test_twilios_hosts_are_its_domain(host: str, *, twilios: bool) -> None:
    assert is_twilio(host) is twilios


NAMES = {
    "[::1]:2010": "::1",
    "[FE80::1]": "fe80::1",
    "LOCALHOST:1": "localhost",
    "localhost:": "localhost",
    "127.0.0.1:80": "127.0.0.1",
    "a.b.": "a.b",
    "A.b.:80": "a.b",
    "api.twilio.com": "api.twilio.com",
    "": "",
}
MALFORMED = ["[::1].evil.example", "[::1]evil", "[localhost]", "[127.0.0.1]", "[]", "[::1", "::1]", "[[::1]]", "."]
MALFORMED += [
    "localhost:80:80",
    "localhost:http",
    "localhost:-1",
    "localhost:80.evil.example",
    "[::1]:x",
    "[x].localhost",
]
LOCAL = ["localhost", "a.localhost", "emulator", "my_service_1", "10.0.0.1", "::1", "", "host.docker.internal"]
LOCAL += ["emulator.default.svc.cluster.local", "printer.local", "ci.test", "nas.home.arpa", "a-b.internal"]
FOREIGN = ["evil.example", "127.us1.0.1", "localhost.evil.example", "local.evil.example", "xlocal.com", "x.local.com"]
FOREIGN += ["emulator.default.svc", "a..local", ".local", "a.local.", "arpa.home", "x.arpa", "a b.local", "a/b.local"]
FOREIGN += ["user@a.local", f"{'a' * 64}.local", f"{'a.' * 128}local", "a\x00.local", "é.local", *MALFORMED]


@pytest.mark.parametrize("host", NAMES)
def test_host_header_has_a_name(host: str) -> None:
    assert name_of(host) == NAMES[host]


AUTHORITIES = {
    "[::1]:2010": ("[::1]", "::1", 2010),
    "Example.COM.:0": ("example.com.", "example.com", 0),
    "a:": ("a", "a", None),
    "a:65535": ("a", "a", 65535),
    "a_b%20~!$&'()*+,;=": ("a_b%20~!$&'()*+,;=", "a_b%20~!$&'()*+,;=", None),
    "a" * 255 + ":12345": ("a" * 255, "a" * 255, 12345),
}
NONE = [*MALFORMED, "", ":80", "a:65536", "a:123456", "u@a", "u:p@a", "a b", "a/b", "a?b", "a#b", "é", "a\n", "a\0"]
NONE += ["[fe80::1%25eth0]", "[::1]]", "[v1.x]", "a" * 256, "a:²"]


@pytest.mark.parametrize("text", AUTHORITIES)
def test_an_authority_is_a_host_and_a_port(text: str) -> None:
    authority = parse_authority(text)

    assert authority is not None
    assert (authority.uri_host, authority.host, authority.port) == AUTHORITIES[text]


@pytest.mark.parametrize("text", NONE)
def test_other_texts_are_not_an_authority(text: str) -> None:
    assert parse_authority(text) is None


@pytest.mark.parametrize(("name", "expected"), [("a_b.c", True), ("::1", True), ("1.2.3.4", True), ("a b", False)])
def test_a_host_is_a_name_or_an_address(name: str, *, expected: bool) -> None:
    assert is_host(name) is expected


@pytest.mark.parametrize("host", MALFORMED)
def test_a_malformed_host_is_never_local(host: str) -> None:
    name = name_of(host)

    assert name == host
    assert not is_local(name)
    assert not is_loopback(name)


@pytest.mark.parametrize("name", [*LOCAL, *FOREIGN])
def test_local_names(name: str) -> None:
    assert is_local(name) is (name in LOCAL)


LOOPBACK = ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"]
ELSEWHERE = [
    "xlocalhost",
    ".localhost",
    "a b.localhost",
    "localhost.example",
    "10.0.0.1",
    "0.0.0.0",
    "emulator",
    "",
    "127.0.0.1.example",
]


@pytest.mark.parametrize("name", [*LOOPBACK, *ELSEWHERE])
def test_loopback_addresses(name: str) -> None:
    assert is_loopback(name) is (name in LOOPBACK)
