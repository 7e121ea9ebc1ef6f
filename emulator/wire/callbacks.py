"""The request of a callback: parameters, URL, headers and body. Pure functions that return bytes.

Parameters: https://www.twilio.com/docs/voice/sdks/call-message-events. Headers: as recorded on Twilio's other webhooks
(2022-07 to 2023-08); no public recording of this callback exists.
"""

from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from emulator.wire.dates import rfc2822_short
from emulator.wire.hosts import parse_authority
from emulator.wire.signature import sign

USER_AGENT = "TwilioProxy/1.1"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
# https://www.twilio.com/docs/api/errors/32711: the callback is unreachable or responds with 4xx or 5xx.
CALLBACK_FAILED = 32711
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CallbackPayload(NamedTuple):
    """The end user's message that a callback carries.

    Attributes:
        content: JSON text.
        sequence_number: position among the messages of the call.
        sid: SID of the message, `KX…`.
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
        """Parameters of the request, in alphabetical order (the real order is not known)."""
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
    """A request to send, without `Host` and `Content-Length`, which the HTTP client adds."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def idempotency_token(entropy: bytes) -> str:
    """Value of `I-Twilio-Idempotency-Token`: a UUID made from 16 bytes, the same for every attempt of a callback."""
    return str(UUID(bytes=entropy, version=4))


def destination(callback: str) -> str:
    """The URL as the receiver sees it and as it is signed: without fragment, default port and empty query."""
    url = urlsplit(callback)
    authority = parse_authority(url.netloc)
    assert authority is not None
    is_default = authority.port in (None, _DEFAULT_PORTS.get(url.scheme))
    netloc = authority.uri_host if is_default else f"{authority.uri_host}:{authority.port}"
    return url._replace(netloc=netloc, path=url.path or "/", fragment="").geturl()


def render(callback: str, method: str, notice: CallbackPayload, *, auth_token: str, idempotency_token: str) -> Callback:
    """Build the request of a callback.

    Args:
        callback: URL of the subscription, already validated.
        method: GET puts the parameters into the query, POST into a form.
        notice: the message to deliver.
        auth_token: token of the account, used for the signature.
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
