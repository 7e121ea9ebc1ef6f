"""What a callback is made of: its parameters, its URL, its headers, its body. Values in, bytes out.

Parameters: https://www.twilio.com/docs/voice/sdks/call-message-events. Headers: as recorded on Twilio's other webhooks
(2022-07 to 2023-08); none of this very callback is public.
"""

from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from emulator.wire.dates import rfc2822_short
from emulator.wire.hosts import parse_authority
from emulator.wire.signature import sign

USER_AGENT = "TwilioProxy/1.1"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
# https://www.twilio.com/docs/api/errors/32711: the callback is unreachable or answers 4xx or 5xx.
CALLBACK_FAILED = 32711
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CallbackPayload(NamedTuple):
    """What a callback tells: an end user's message.

    Attributes:
        content: JSON text.
        sequence_number: counts the messages of a call.
        sid: the message's, `KX…`.
        sent_at: seconds since 1970.
    """

    account_sid: str
    call_sid: str
    content: str
    content_type: str
    sequence_number: int
    sid: str
    sent_at: float

    def parameters(self) -> dict[str, str]:
        """The parameters, in alphabetical order (the real order is not known)."""
        return {
            "AccountSid": self.account_sid,
            "CallSid": self.call_sid,
            "Content": self.content,
            "ContentType": self.content_type,
            "SequenceNumber": str(self.sequence_number),
            "Sid": self.sid,
            "Timestamp": rfc2822_short(self.sent_at),
        }


class Callback(NamedTuple):
    """A request to make; `Host` and `Content-Length` are left to who makes it."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def idempotency_token(entropy: bytes) -> str:
    """`I-Twilio-Idempotency-Token`: a UUID from 16 bytes; every attempt at a callback has the same."""
    return str(UUID(bytes=entropy, version=4))


def destination(callback: str) -> str:
    """The URL that a receiver sees: no fragment, no default port, no empty query; it is this one that is signed."""
    url = urlsplit(callback)
    authority = parse_authority(url.netloc)
    assert authority is not None
    is_default = authority.port in (None, _DEFAULT_PORTS.get(url.scheme))
    netloc = authority.uri_host if is_default else f"{authority.uri_host}:{authority.port}"
    return url._replace(netloc=netloc, path=url.path or "/", fragment="").geturl()


def render(callback: str, method: str, notice: CallbackPayload, *, auth_token: str, idempotency_token: str) -> Callback:
    """Make the request for a notice.

    Args:
        callback: the subscription's URL, known to be one.
        method: GET puts the parameters into the query, POST into a form.
        notice: what to tell.
        auth_token: the account's token, which signs.
        idempotency_token: the same for every attempt.
    """
    url, parameters = destination(callback), notice.parameters()
    headers = [("Accept", "*/*"), ("I-Twilio-Idempotency-Token", idempotency_token), ("User-Agent", USER_AGENT)]
    if method == "GET":
        url += ("&" if "?" in url else "?") + urlencode(parameters, quote_via=quote)
        signature, body = sign(auth_token, url, {}), b""
    else:
        signature, body = sign(auth_token, url, parameters), urlencode(parameters).encode()
        headers.insert(1, ("Content-Type", FORM))
    headers += [("X-Home-Region", "us1"), ("X-Twilio-Signature", signature)]
    return Callback(method, url, tuple(headers), body)
