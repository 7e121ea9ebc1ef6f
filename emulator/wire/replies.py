"""Reply bodies and headers, byte for byte.

Bodies are one line with a space after `:` and `,` and no trailing newline: the recorded Content-Lengths of 136, 171
and 335 bytes fit no other form. XML: recorded 2018 (293 bytes). Headers: the set and order recorded in 2023.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from xml.sax.saxutils import escape

from emulator.wire.dates import http_date
from emulator.wire.errors import ALLOW, Problem

Header = tuple[bytes, bytes]


class Representation(StrEnum):
    """The form of a reply. The path's suffix decides, `Accept` never does (twilio.com/docs/usage/twilios-response)."""

    JSON = "json"
    XML = "xml"


def representation_of(path: str) -> Representation:
    """`.json` is JSON; no suffix, `.xml` and anything else is XML, the default of 2010-04-01."""
    return Representation.JSON if path.endswith(".json") else Representation.XML


class Reply(NamedTuple):
    """What goes out, but for the headers that depend on the moment. A tuple: the cheapest value to make."""

    status: int
    body: bytes
    representation: Representation
    headers: tuple[Header, ...] = ()


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def _render(element: str, members: Mapping[str, str | int], representation: Representation) -> bytes:
    if representation is Representation.JSON:
        return json.dumps(members, ensure_ascii=False).encode()
    inner = "".join(f"<{_camel(name)}>{escape(str(value))}</{_camel(name)}>" for name, value in members.items())
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><{element}>{inner}</{element}></TwilioResponse>"
    ).encode()


def created(element: str, members: Mapping[str, str | int], representation: Representation) -> Reply:
    """The 201 for a resource with these members, in this order."""
    return Reply(201, _render(element, members, representation), representation)


def refusal(problem: Problem, path: str, representation: Representation) -> Reply:
    """The reply of a catalogue row: members in alphabetical order, absent ones left out."""
    members: dict[str, str | int | None] = {
        "code": problem.code,
        "detail": problem.detail,
        "message": problem.message.replace("{path}", path),
        "more_info": problem.more_info,
        "status": problem.status.value,
    }
    present = {name: value for name, value in members.items() if value is not None}
    body = _render("RestException", present, representation)
    return Reply(problem.status.value, body, representation, problem.headers)


def preflight(representation: Representation) -> Reply:
    """The answer to OPTIONS on any path; Allow is recorded, the empty body is our choice."""
    return Reply(200, b"", representation, (ALLOW,))


# Recorded on 201 and 400 replies of api.twilio.com in 2023, in this order.
_CROSS_ORIGIN: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-allow-headers",
        (
            b"Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, "
            b"Idempotency-Key"
        ),
    ),
    (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
    (b"access-control-expose-headers", b"ETag"),
    (b"access-control-allow-credentials", b"true"),
    (b"x-powered-by", b"AT-5000"),
    (b"strict-transport-security", b"max-age=31536000"),
)
_ORIGIN: tuple[Header, ...] = (
    (b"x-shenanigans", b"none"),
    (b"x-home-region", b"us1"),
    (b"x-api-domain", b"api.twilio.com"),
)
_MEDIA_TYPES = {
    # With the charset only when the request carried Accept-Charset: fits every recording whose request is known.
    (Representation.JSON, False): b"application/json",
    (Representation.JSON, True): b"application/json; charset=utf-8",
    (Representation.XML, False): b"application/xml",
    (Representation.XML, True): b"application/xml; charset=utf-8",
}


def headers(
    reply: Reply, *, now: float, request_id: str, duration: float, concurrent: int, charset: bool
) -> list[Header]:
    """All headers of a reply, in Twilio's order.

    Args:
        reply: what is sent.
        now: seconds since 1970, for `Date`.
        request_id: `RQ` and 32 hex digits.
        duration: seconds from receipt to reply.
        concurrent: how many requests of the account are in flight, this one included.
        charset: whether the request carried `Accept-Charset: utf-8`.
    """
    return [
        (b"date", http_date(now).encode()),
        (b"content-type", _MEDIA_TYPES[reply.representation, charset]),
        (b"content-length", b"%d" % len(reply.body)),
        (b"twilio-request-id", request_id.encode()),
        (b"twilio-request-duration", b"%.3f" % duration),
        *_CROSS_ORIGIN,
        (b"twilio-concurrent-requests", b"%d" % concurrent),
        *_ORIGIN,
        *reply.headers,
    ]
