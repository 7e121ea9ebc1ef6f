from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, CALLBACK, SUBSCRIPTION, path, subscription

from emulator.wire import errors, subscriptions
from emulator.wire.errors import TwilioError
from emulator.wire.masking import mask_text


def refusal(form: dict[str, str]) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        subscriptions.read(form)
    return caught.value


def test_members_are_in_documented_order() -> None:
    members = subscription().members()

    assert list(members.items()) == [
        ("account_sid", ACCOUNT),
        ("call_sid", CALL),
        ("sid", SUBSCRIPTION),
        ("date_created", "Wed, 18 Dec 2019 20:02:01 +0000"),
        ("uri", path(resource=f"UserDefinedMessageSubscriptions/{SUBSCRIPTION}.json")),
    ]


def test_all_parameters_are_read() -> None:
    form = {"Callback": CALLBACK, "Method": "GET", "IdempotencyKey": "k", "Else": "x"}

    assert subscriptions.read(form) == (CALLBACK, "GET", "k")


@pytest.mark.parametrize("form", [{}, {"Method": "", "IdempotencyKey": ""}], ids=["left out", "empty"])
def test_defaults_of_method_and_key(form: dict[str, str]) -> None:
    """The method is POST, and an empty key is no key."""
    assert subscriptions.read({"Callback": CALLBACK, **form}) == (CALLBACK, "POST", None)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({}, "the form has no parameters"),
        ({"Callback": "", "Method": "GET"}, "the form has 'Callback', 'Method'"),
        ({"callback": CALLBACK}, "the form has 'callback'; names are case-sensitive"),
    ],
    ids=["no parameters", "empty", "its name in lower case"],
)
def test_missing_callback_is_refused(form: dict[str, str], reason: str) -> None:
    error = refusal(form)

    assert error.problem is errors.CALLBACK_REQUIRED
    assert error.reason == reason


@pytest.mark.parametrize(("method", "hint"), [("PUT", ""), ("post", "; in capitals"), ("GET ", ""), ("GET,POST", "")])
def test_other_methods_are_refused(method: str, hint: str) -> None:
    error = refusal({"Callback": CALLBACK, "Method": method})

    assert error.problem is errors.METHOD_INVALID
    assert error.reason == f"{method!r} is not GET or POST{hint}"


@pytest.mark.parametrize(
    "callback",
    [
        "http://localhost",
        "HTTP://LOCALHOST:1/",
        "https://example.com:443/a/b;c?d=e&f=%20#ct=2000&rc=2",
        "http://host-name.example./",
        "http://127.0.0.1:8000/?",
        "http://[::1]:8000/x",
        "http://receiver/under_score?a_b=_",
        "http://2130706433/",
        "http://localhost:/",
        "http://localhost/" + "x" * 2031,
    ],
)
def test_valid_urls_are_kept(callback: str) -> None:
    assert subscriptions.read({"Callback": callback}).callback == callback


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        ("localhost:8000/x", "it must begin with http:// or https://"),
        ("/messages", "it must begin with http:// or https://"),
        ("//localhost/x", "it must begin with http:// or https://"),
        ("ftp://localhost/", "it must begin with http:// or https://"),
        ("file:///etc/passwd", "it must begin with http:// or https://"),
        ("javascript:alert(1)", "it must begin with http:// or https://"),
        ("http://", "it has no host"),
        ("http:localhost", "it has no host"),
        ("http:///x", "it has no host"),
        ("http://:80/", "its host or port is malformed"),
        ("http://my_host/", "underscores are not permitted in the host name"),
        ("http://user:secret@localhost/", "credentials in a URL are not supported here"),
        ("http://@localhost/", "credentials in a URL are not supported here"),
        ("http://localhost:0/", "nothing listens on port 0"),
        ("http://localhost:65536/", "its host or port is malformed"),
        ("http://localhost:x/", "its host or port is malformed"),
        ("http://[::1].evil.example/", "its host or port is malformed"),
        ("http://a..b/", "'a..b' is not a host name"),
        ("http://.localhost/", "'.localhost' is not a host name"),
        (f"http://{'a' * 64}/", f"{'a' * 64!r} is not a host name"),
        ("http://%6cocalhost/", "'%6cocalhost' is not a host name"),
        ("http://[::1/", "its host or port is malformed"),
        ("http://[fe80::1%25eth0]/", "its host or port is malformed"),
        ("http://localhost /", "' ' cannot stand in a URI: percent-encode it"),
        ("http://localhost\\@evil/", "'\\\\' cannot stand in a URI: percent-encode it"),
        ("http://localhost/\r\nX: y", "'\\r' cannot stand in a URI: percent-encode it"),
        ("http://localhost/ü", "'ü' cannot stand in a URI: percent-encode it"),
        ("http://bücher.example/", "'ü' cannot stand in a URI: percent-encode it"),
        ("http://localhost/%zz", "a % without two hex digits"),
        ("http://localhost/%", "a % without two hex digits"),
        (
            "http://localhost/#top",
            "in the fragment 'top' is not a connection override; expected one of ct, rt, tt, rc, rp, e, sni",
        ),
        ("http://localhost/#rc=9", "in the fragment the override rc is '9'; expected an integer from 0 to 5"),
        ("http://localhost/" + "x" * 2032, "2049 characters, at most 2048"),
    ],
)
def test_invalid_urls_have_a_reason(callback: str, reason: str) -> None:
    error = refusal({"Callback": callback})

    assert error.problem is errors.CALLBACK_INVALID
    assert error.reason == f"{mask_text(callback)[:80]!r}: {reason}"


@pytest.mark.parametrize("host", ["[::g]", "[v1.a]", "[127.0.0.1]"])
def test_brackets_enclose_an_ipv6_address(host: str) -> None:
    assert refusal({"Callback": f"http://{host}/"}).problem is errors.CALLBACK_INVALID


@given(st.text())
@example("http://[/")
@example("http://[v1.x]:1/")
def test_any_url_is_accepted_or_refused(text: str) -> None:
    for callback in (text, f"http://{text}", f"http://localhost/{text}"):
        with suppress(TwilioError):
            assert subscriptions.read({"Callback": callback}).callback == callback
