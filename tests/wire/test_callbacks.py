import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, CALLBACK, MESSAGE, TOKEN, notice
from twilio.request_validator import RequestValidator

from emulator.wire import callbacks
from emulator.wire.callbacks import Callback

UUID = "10000000-0000-4000-8000-000000000001"
CONTENTS = ['{"key": "value"}', '{"ü": "€ 😀 &=+%"}', '"a\\nb"', ""]


def rendered(callback: str = CALLBACK, method: str = "POST", **given: object) -> Callback:
    return callbacks.render(callback, method, notice(**given), auth_token=TOKEN, idempotency_token=UUID)


def test_parameters_are_those_of_the_docs() -> None:
    assert notice(sent_at=1670018569.9).parameters() == {
        "AccountSid": ACCOUNT,
        "CallSid": CALL,
        "Content": '{"key": "value"}',
        "ContentType": "application/json",
        "SequenceNumber": "1",
        "Sid": MESSAGE,
        "Timestamp": "Fri, 2 Dec 2022 22:02:49 +0000",
    }


def test_post_has_form_and_twilios_headers() -> None:
    request = rendered()
    headers = dict(request.headers)

    assert (request.method, request.url) == ("POST", CALLBACK)
    assert dict(parse_qsl(request.body.decode("ascii"))) == notice().parameters()
    assert headers.pop("X-Twilio-Signature")
    assert headers == {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "I-Twilio-Idempotency-Token": UUID,
        "User-Agent": "TwilioProxy/1.1",
        "X-Home-Region": "us1",
    }


@pytest.mark.parametrize("query", ["", "?", "?a=1&b=%20"])
def test_get_has_a_query_and_no_body(query: str) -> None:
    request = rendered(CALLBACK + query, "GET")

    assert request.body == b""
    assert "Content-Type" not in dict(request.headers)
    assert dict(parse_qsl(urlsplit(request.url).query)) == {
        **dict(parse_qsl(query.removeprefix("?"))),
        **notice().parameters(),
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(
    "callback",
    [
        "http://localhost",
        "HTTP://LocalHost:80/x",
        "https://localhost:443/x?",
        "https://receiver.example:8443/x?a=1&b=%C3%BC",
        "http://[::1]:8000/x",
        "http://127.0.0.1:8000/x#rc=2",
    ],
)
def test_validator_accepts_the_signature(method: str, content: str, callback: str) -> None:
    request = rendered(callback, method, content=content)
    form = dict(parse_qsl(request.body.decode("ascii"), keep_blank_values=True))

    assert RequestValidator(TOKEN).validate(request.url, form, dict(request.headers)["X-Twilio-Signature"])


@pytest.mark.parametrize(
    ("callback", "url"),
    [
        ("HTTP://LocalHost", "http://localhost/"),
        ("http://localhost:80/A?B=c", "http://localhost/A?B=c"),
        ("https://localhost:80/", "https://localhost:80/"),
        ("https://localhost:443", "https://localhost/"),
        ("http://localhost:/", "http://localhost/"),
        ("http://[::1]:8000/?#rc=1", "http://[::1]:8000/"),
        ("http://h./%2f//..;x", "http://h./%2f//..;x"),
    ],
)
def test_url_is_the_receivers(callback: str, url: str) -> None:
    assert callbacks.destination(callback) == url


@given(st.binary(min_size=16, max_size=16))
def test_an_idempotency_token_is_a_uuid(entropy: bytes) -> None:
    token = callbacks.idempotency_token(entropy)

    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", token)
