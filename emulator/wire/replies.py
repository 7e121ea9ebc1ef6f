"""Response bodies and headers, byte for byte.

Bodies are one line with a space after `:` and `,` and no trailing newline: the recorded Content-Lengths of 136, 171
and 335 bytes fit no other form. XML: recorded 2018 (293 bytes). Headers: the set and order recorded in 2023.
"""

import json
import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from html import escape
from typing import NamedTuple

from emulator.wire.dates import http_date
from emulator.wire.errors import ALLOW, ErrorSpec

Header = tuple[bytes, bytes]


class Representation(Enum):
    """Media type of a response. The path's suffix selects it, `Accept` never does.

    Source: https://www.twilio.com/docs/usage/twilios-response
    """

    JSON = b"application/json"
    XML = b"application/xml"


def representation_of(path: str) -> Representation:
    """`.json` is JSON; no suffix, `.xml` and any other suffix are XML, the default of API version 2010-04-01."""
    return Representation.JSON if path.endswith(".json") else Representation.XML


class Reply(NamedTuple):
    """A response without the headers that depend on time. A tuple, because that is the cheapest value to create."""

    status: int
    body: bytes
    media_type: bytes
    headers: tuple[Header, ...] = ()


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def _xml(element: str, members: Mapping[str, str | int]) -> bytes:
    inner = "".join(
        f"<{_camel(name)}>{escape(str(value), quote=False)}</{_camel(name)}>" for name, value in members.items()
    )
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><{element}>{inner}</{element}></TwilioResponse>"
    ).encode()


def created(element: str, members: Mapping[str, str], representation: Representation) -> Reply:
    """The 201 for a resource with these members, in this order; SIDs, dates and paths need no escaping in JSON."""
    if representation is Representation.JSON:
        body = "{" + ", ".join([f'"{name}": "{value}"' for name, value in members.items()]) + "}"
        return Reply(201, body.encode(), representation.value)
    return Reply(201, _xml(element, members), representation.value)


def refusal(problem: ErrorSpec, path: str, representation: Representation) -> Reply:
    """The response for a catalogue row: members in alphabetical order, absent ones omitted."""
    members: dict[str, str | int | None] = {
        "code": problem.code,
        "detail": problem.detail,
        "message": problem.message.replace("{path}", path),
        "more_info": problem.more_info,
        "status": int(problem.status),
    }
    present = {name: value for name, value in members.items() if value is not None}
    if representation is Representation.JSON:
        body = json.dumps(present, ensure_ascii=False).encode()
    else:
        body = _xml("RestException", present)
    return Reply(problem.status, body, representation.value, problem.headers)


def deleted(representation: Representation) -> Reply:
    """The 204 for a deleted resource."""
    return Reply(_NO_CONTENT, b"", representation.value)


def preflight(representation: Representation, allow: Header = ALLOW) -> Reply:
    """The response to OPTIONS on any path; Allow is recorded (from a list resource), the empty body is our choice."""
    return Reply(200, b"", representation.value, (allow,))


_HSTS = b"strict-transport-security: max-age=31536000\r\n"
# Recorded on 201 and 400 responses of api.twilio.com in 2023: names, order and values.
_HEAD = (
    b"date: %b\r\n"
    b"content-type: %b\r\n"
    b"content-length: %d\r\n"
    b"twilio-request-id: %b\r\n"
    b"twilio-request-duration: %.3f\r\n"
    b"access-control-allow-origin: *\r\n"
    b"access-control-allow-headers: Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
    b"If-Unmodified-Since, Idempotency-Key\r\n"
    b"access-control-allow-methods: GET, POST, DELETE, OPTIONS\r\n"
    b"access-control-expose-headers: ETag\r\n"
    b"access-control-allow-credentials: true\r\n"
    b"x-powered-by: AT-5000\r\n" + _HSTS + b"twilio-concurrent-requests: %d\r\n"
    b"x-shenanigans: none\r\n"
    b"x-home-region: us1\r\n"
    b"x-api-domain: api.twilio.com\r\n"
)
# Only if the request has Accept-Charset: this fits every recording whose request is known.
_CHARSET = b"; charset=utf-8"
_NO_CONTENT = 204
_ABOUT_A_BODY = re.compile(rb"content-(type|length): .*\r\n")


@lru_cache(maxsize=16)  # many responses are sent within one second
def _date(second: int) -> bytes:
    return http_date(second).encode()


def head(reply: Reply, *, now: float, request_id: str, duration: float, concurrent: int, charset: bool) -> bytes:
    """All header lines of a response, with line ends, in Twilio's order.

    Args:
        reply: the response.
        now: seconds since 1970, for `Date`.
        request_id: `RQ` and 32 hex digits.
        duration: seconds from receipt to reply.
        concurrent: number of requests of the account in flight, including this one.
        charset: whether the request has `Accept-Charset: utf-8`.
    """
    media_type = reply.media_type + _CHARSET if charset else reply.media_type
    lines = _HEAD % (_date(int(now // 1)), media_type, len(reply.body), request_id.encode(), duration, concurrent)
    if reply.status == _NO_CONTENT:  # RFC 9110, 8.6 and 15.3.5
        lines = _ABOUT_A_BODY.sub(b"", lines)
    return lines + b"".join([b"%b: %b\r\n" % header for header in reply.headers]) if reply.headers else lines


def foreign_head(reply: Reply, *, now: float) -> bytes:
    """All header lines of a response that is not Twilio's, but a gateway's in front of it."""
    usual = (
        (b"date", _date(int(now // 1))),
        (b"content-type", reply.media_type),
        (b"content-length", b"%d" % len(reply.body)),
    )
    return b"".join([b"%b: %b\r\n" % header for header in (*usual, *reply.headers)])


def without_hsts(head: bytes) -> bytes:
    """Remove Strict-Transport-Security, after which a browser would refuse plain HTTP to this host."""
    return head.replace(_HSTS, b"", 1)


def headers(lines: bytes) -> list[Header]:
    """Split header lines into names and values."""
    split = (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])
    return [(name, value) for name, _, value in split]
