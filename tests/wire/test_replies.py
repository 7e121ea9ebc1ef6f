import json
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import SOME_TIME, message, path

from emulator.wire import errors, replies
from emulator.wire.errors import ErrorSpec
from emulator.wire.replies import Reply, Representation

JSON, XML = Representation.JSON, Representation.XML
# What may stand in XML 1.0 and comes back as it was: no control characters, no non-characters.
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))

each_problem = pytest.mark.parametrize("problem", errors.CATALOGUE, ids=lambda problem: problem.name)


def head(reply: Reply | None = None, **given: object) -> bytes:
    usual = {"now": SOME_TIME, "request_id": "RQ" + "0" * 32, "duration": 0.034, "concurrent": 1, "charset": False}
    return replies.head(reply or replies.refusal(errors.TOKEN_WRONG, path(), JSON), **{**usual, **given})


def headers(reply: Reply | None = None, **given: object) -> list[tuple[bytes, bytes]]:
    return replies.headers(head(reply, **given))


def test_wrong_token_body_is_recorded() -> None:
    reply = replies.refusal(errors.TOKEN_WRONG, path(), JSON)

    assert reply.status == 401
    assert len(reply.body) == 171
    assert reply.body == (
        b'{"code": 20003, "detail": "Your AccountSid or AuthToken was incorrect.", "message": "Authenticate", '
        b'"more_info": "https://www.twilio.com/docs/errors/20003", "status": 401}'
    )


def test_wrong_token_xml_body_is_recorded() -> None:
    reply = replies.refusal(errors.TOKEN_WRONG, path(), XML)

    assert len(reply.body) == 293
    assert reply.body == (
        b"<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException><Code>20003</Code>"
        b"<Detail>Your AccountSid or AuthToken was incorrect.</Detail><Message>Authenticate</Message>"
        b"<MoreInfo>https://www.twilio.com/docs/errors/20003</MoreInfo><Status>401</Status>"
        b"</RestException></TwilioResponse>"
    )


def test_created_body_is_one_line_in_order() -> None:
    reply = replies.created("UserDefinedMessage", message().members(), JSON)

    assert reply.status == 201
    assert reply.headers == ()
    assert reply.body == (
        b'{"account_sid": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "call_sid": "CAdddddddddddddddddddddddddddddddd", '
        b'"sid": "KXffffffffffffffffffffffffffffffff", "date_created": "Wed, 18 Dec 2019 20:02:01 +0000"}'
    )


def test_created_xml_has_twilios_frame() -> None:
    reply = replies.created("UserDefinedMessage", message().members(), XML)

    assert reply.status == 201
    assert reply.body == (
        b"<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><UserDefinedMessage>"
        b"<AccountSid>ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</AccountSid>"
        b"<CallSid>CAdddddddddddddddddddddddddddddddd</CallSid><Sid>KXffffffffffffffffffffffffffffffff</Sid>"
        b"<DateCreated>Wed, 18 Dec 2019 20:02:01 +0000</DateCreated></UserDefinedMessage></TwilioResponse>"
    )


def test_refusal_without_a_code() -> None:
    """It has neither code nor more_info."""
    reply = replies.refusal(errors.CALL_IS_PSTN, path(), JSON)

    assert reply.body == b'{"message": "Client message not supported for PSTN calls", "status": 400}'


def test_missing_resource_has_the_raw_path() -> None:
    reply = replies.refusal(errors.PATH_UNKNOWN, "/2010-04-01/Accounts//Messages%2E{path}.json", JSON)

    assert json.loads(reply.body)["message"] == (
        "The requested resource /2010-04-01/Accounts//Messages%2E{path}.json was not found"
    )


@each_problem
@pytest.mark.parametrize("representation", Representation)
def test_no_body_ends_with_a_newline(problem: ErrorSpec, representation: Representation) -> None:
    body = replies.refusal(problem, path(), representation).body

    assert body == body.strip()
    assert body.count(b"\n") == (representation is XML)


@each_problem
def test_refusal_members_are_alphabetical(problem: ErrorSpec) -> None:
    names = list(json.loads(replies.refusal(problem, path(), JSON).body))

    assert names == sorted(names)


@each_problem
def test_status_in_the_body_is_the_responses(problem: ErrorSpec) -> None:
    reply = replies.refusal(problem, path(), JSON)

    assert json.loads(reply.body)["status"] == reply.status == problem.status


@each_problem
def test_refusal_has_the_headers_of_its_row(problem: ErrorSpec) -> None:
    reply = replies.refusal(problem, path(), JSON)

    assert reply.headers == problem.headers


# What members of a resource are made of: SIDs, dates, paths.
SAFE = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'))


@given(st.dictionaries(st.sampled_from(["sid", "call_sid", "uri"]), SAFE))
def test_json_agrees_with_standard_library(members: dict[str, str]) -> None:
    body = replies.created("UserDefinedMessage", members, JSON).body

    assert body.decode() == json.dumps(members, ensure_ascii=False)


@given(PRINTABLE)
def test_xml_round_trips_any_path(text: str) -> None:
    body = replies.refusal(errors.PATH_UNKNOWN, text, XML).body

    assert ET.fromstring(body).findtext("RestException/Message") == f"The requested resource {text} was not found"


@pytest.mark.parametrize(
    ("of", "representation"),
    [
        (path(), JSON),
        (path(resource="UserDefinedMessages"), XML),
        (path(resource="UserDefinedMessages.xml"), XML),
        (path(resource="UserDefinedMessages.csv"), XML),
        (path(resource="UserDefinedMessages.JSON"), XML),
        (path(resource="UserDefinedMessages.json/"), XML),
        ("/2010-04-01/nonsense.json", JSON),
        ("/2010-04-01/json", XML),
    ],
)
def test_suffix_decides_the_representation(of: str, representation: Representation) -> None:
    assert replies.representation_of(of) is representation


def test_options_response_has_no_body() -> None:
    reply = replies.preflight(JSON)

    assert reply == (200, b"", JSON.value, ((b"allow", b"OPTIONS, POST"),))


def test_headers_have_the_recorded_order() -> None:
    sent = headers(replies.created("UserDefinedMessage", message().members(), JSON))

    assert sent == [
        (b"date", b"Wed, 18 Dec 2019 20:02:01 GMT"),
        (b"content-type", b"application/json"),
        (b"content-length", b"199"),
        (b"twilio-request-id", b"RQ00000000000000000000000000000000"),
        (b"twilio-request-duration", b"0.034"),
        (b"access-control-allow-origin", b"*"),
        (
            b"access-control-allow-headers",
            (
                b"Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
                b"If-Unmodified-Since, Idempotency-Key"
            ),
        ),
        (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
        (b"access-control-expose-headers", b"ETag"),
        (b"access-control-allow-credentials", b"true"),
        (b"x-powered-by", b"AT-5000"),
        (b"strict-transport-security", b"max-age=31536000"),
        (b"twilio-concurrent-requests", b"1"),
        (b"x-shenanigans", b"none"),
        (b"x-home-region", b"us1"),
        (b"x-api-domain", b"api.twilio.com"),
    ]


def test_header_lines_are_rendered() -> None:
    lines = head(replies.refusal(errors.METHOD_NOT_ALLOWED, path(), JSON))

    assert lines.startswith(b"date: Wed, 18 Dec 2019 20:02:01 GMT\r\ncontent-type: application/json\r\n")
    assert lines.endswith(b"\r\nx-api-domain: api.twilio.com\r\nallow: OPTIONS, POST\r\n")
    assert lines.count(b"\n") == 17


@each_problem
def test_refusal_has_usual_headers_first(problem: ErrorSpec) -> None:
    sent = headers(replies.refusal(problem, path(), JSON))

    assert [name for name, _ in sent[:16]] == [name for name, _ in headers()[:16]]
    assert tuple(sent[16:]) == problem.headers


@pytest.mark.parametrize(
    ("representation", "charset", "media_type"),
    [
        (JSON, False, b"application/json"),
        (JSON, True, b"application/json; charset=utf-8"),
        (XML, False, b"application/xml"),
        (XML, True, b"application/xml; charset=utf-8"),
    ],
)
def test_charset_depends_on_the_request(representation: Representation, media_type: bytes, *, charset: bool) -> None:
    sent = dict(headers(replies.preflight(representation), charset=charset))

    assert sent[b"content-type"] == media_type


@given(PRINTABLE)
def test_the_content_length_counts_bytes(text: str) -> None:
    reply = replies.refusal(errors.PATH_UNKNOWN, text, JSON)

    assert dict(headers(reply))[b"content-length"] == str(len(reply.body)).encode()


@pytest.mark.parametrize(("duration", "text"), [(0, b"0.000"), (0.0804, b"0.080"), (1.5, b"1.500"), (12, b"12.000")])
def test_the_duration_has_three_decimals(duration: float, text: bytes) -> None:
    assert dict(headers(duration=duration))[b"twilio-request-duration"] == text


@given(st.floats(0, 4e9))
def test_date_header_is_parseable(now: float) -> None:
    date = dict(headers(now=now))[b"date"].decode()

    assert parsedate_to_datetime(date).timestamp() == now // 1


def test_concurrent_requests_header() -> None:
    assert dict(headers(concurrent=17))[b"twilio-concurrent-requests"] == b"17"


def test_gateway_head_has_nothing_of_twilio() -> None:
    reply = replies.Reply(502, b"<h1>", b"text/html", ((b"retry-after", b"3"),))

    assert replies.foreign_head(reply, now=1576699321.9) == (
        b"date: Wed, 18 Dec 2019 20:02:01 GMT\r\ncontent-type: text/html\r\ncontent-length: 4\r\nretry-after: 3\r\n"
    )


@pytest.mark.parametrize("representation", Representation)
def test_deletion_has_no_body_headers(
    representation: Representation,
) -> None:
    reply = replies.deleted(representation)
    names = {name for name, _ in headers(reply)}

    assert (reply.status, reply.body, reply.headers) == (204, b"", ())
    assert {name for name, _ in headers()} - names == {b"content-type", b"content-length", b"www-authenticate"}


def test_preflight_lists_methods() -> None:
    assert replies.preflight(JSON).headers == ((b"allow", b"OPTIONS, POST"),)
    assert replies.preflight(JSON, (b"allow", b"OPTIONS, DELETE")).headers == ((b"allow", b"OPTIONS, DELETE"),)
