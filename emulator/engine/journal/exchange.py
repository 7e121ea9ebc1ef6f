"""An exchange: a request on the Twilio surface and its response. Few facts are stored; the rest is derived."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from sys import getsizeof
from typing import NamedTuple

from emulator.engine.faults.fault import InjectedFault
from emulator.engine.state.schemas import ValidationResult
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import paths, sids
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.forms import read_parameters
from emulator.wire.hosts import name_of
from emulator.wire.messages import UserDefinedMessage
from emulator.wire.resources import Resource

MAX_BODY_KEPT = 64 * 1024
# Bytes, measured: an exchange without its texts, when its account and call have no other exchange.
_OVERHEAD = 1_100
_KEY = 250  # bytes of the index entry of an idempotency key
_LONGEST_CACHED = 1024  # bytes; the memory account does not include caches


class Outcome(StrEnum):
    """Outcome of a request."""

    CREATED = "created"
    REPLAYED = "replayed"
    MISMATCH = "mismatch"  # replayed, but with other parameters than the first request
    REFUSED = "refused"
    PREFLIGHT = "preflight"
    FAULTED = "faulted"  # not processed because of a fault
    DELETED = "deleted"


_CREATED = Outcome.CREATED  # read on every request: a module global is faster than an enum member
_STATUS = {
    Outcome.CREATED: 201,
    Outcome.REPLAYED: 201,
    Outcome.MISMATCH: 201,
    Outcome.PREFLIGHT: 200,
    Outcome.DELETED: 204,
}


class ReceivedRequest(NamedTuple):
    """A request as stored. A tuple, because it is the cheapest to create.

    Attributes:
        method: as sent.
        target: raw path, with the query if present.
        head: packed headers.
        body: the first 64 KiB of the bytes read.
        body_size: number of bytes read.
        client: address and port; None when unknown.
        secure: whether it was received over TLS.
    """

    method: str
    target: str
    head: bytes
    body: bytes
    body_size: int
    client: tuple[str, int] | None
    secure: bool

    def parameters(self) -> dict[str, str]:
        """Parse the form; return an empty dict when there is no valid form, for example in a truncated body."""
        content_type = dict(unpack(self.head)).get("content-type", "")
        try:
            return read_parameters(content_type.encode("latin-1"), self.body)
        except TwilioError:
            return {}

    @property
    def peer(self) -> str:
        """`address:port` of the client; empty when unknown."""
        return f"{self.client[0]}:{self.client[1]}" if self.client else ""

    @property
    def path(self) -> str:
        """Raw path without the query."""
        return self.target.partition("?")[0]


def wants_charset(head: bytes) -> bool:
    """Whether the request carried `Accept-Charset: utf-8`."""
    return _wants_charset(head) if len(head) <= _LONGEST_CACHED else _read_charset(head)


def _read_charset(head: bytes) -> bool:
    # Names and values alternate, so a value may equal the name: unpack only if the fast test succeeds.
    return b"\naccept-charset\n" in head and ("accept-charset", "utf-8") in {
        (name, value.lower()) for name, value in unpack(head)
    }


_wants_charset = lru_cache(maxsize=256)(_read_charset)  # clients repeat their heads


def host_of(head: bytes) -> str:
    """Return the host name of the request's `Host` header."""
    return _host_of(head) if len(head) <= _LONGEST_CACHED else _read_host(head)


def _read_host(head: bytes) -> str:
    return name_of(dict(unpack(head)).get("host", ""))


_host_of = lru_cache(maxsize=256)(_read_host)


def pack(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    r"""Pack headers into one bytes object, `\nname\nvalue…\n`, which can be shared: clients repeat their headers."""
    return b"\n%b\n" % b"\n".join(chain.from_iterable(headers))


def unpack(head: bytes) -> list[tuple[str, str]]:
    """Unpack headers into pairs of name and value."""
    parts = iter(head.decode("latin-1").split("\n")[1:-1])
    return list(zip(parts, parts, strict=True)) if len(head) > len("\n\n") else []


@dataclass(slots=True, eq=False)
class RequestContext:
    """The context of a request that has begun.

    Attributes:
        account_sid: from the path, raw text when malformed; else the username.
        call_sid: from the path, raw text when malformed.
        received_at: seconds since 1970 when its head was read.
        concurrent: requests of the account in flight at that time, including this one.
        was_reset: its scope was reset while it was in flight, so it is not recorded.
        fault: the injected fault.
        was_left: the client disconnected before the response was sent.
        no_fault: no fault can apply, as `FaultRules.may_apply` returned in the same step.
    """

    account_sid: str | None
    call_sid: str | None
    received_at: float
    concurrent: int
    was_reset: bool = False
    fault: InjectedFault | None = None
    was_left: bool = False
    no_fault: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """A request and its reply.

    Attributes:
        seq: position in the journal, from 1; never repeats.
        id: 32 hex digits: `RQ` + id is the request id, `KX` + id the SID of the message that it created.
        replied_at: seconds since 1970, the reply's `Date`.
        duration: seconds from receipt to reply on the monotonic clock; None until the reply is sent.
        problem: the catalogue row of the error, if it was rejected.
        reason: details of the error, for a human.
        made: the created, replayed or deleted resource.
        content_utf8: the request's parameter Content, rejected or not; bytes, whose length is their memory.
        idempotency_key: the request's key.
        schemas: results of the scope's schemas for the created message.
        delivery_status: delivery status of the created message: its recipient, or why it has none.
    """

    seq: int
    id: str
    context: RequestContext
    request: ReceivedRequest
    outcome: Outcome
    replied_at: float
    duration: float | None = None
    problem: ErrorSpec | None = None
    reason: str | None = None
    made: Resource | None = None
    content_utf8: bytes | None = None
    idempotency_key: str | None = None
    schemas: tuple[ValidationResult, ...] = ()
    delivery_status: DeliveryStatus | None = None

    @property
    def content(self) -> str | None:
        """The request's parameter Content, rejected or not."""
        return None if self.content_utf8 is None else self.content_utf8.decode()

    @property
    def owners(self) -> tuple[str | None, str | None]:
        """Account and call of the request."""
        return self.context.account_sid, self.context.call_sid

    @property
    def resource(self) -> str | None:
        """Name of the resource in the request's path; None for any other path."""
        target = paths.parse(self.request.path)
        return None if target is None else target.resource

    @property
    def status(self) -> int | None:
        """Status of the reply; None when a fault suppressed the reply."""
        return int(self.problem.status) if self.problem is not None else _STATUS.get(self.outcome)

    @property
    def code(self) -> int | None:
        """Twilio's error code; None when there is none."""
        return self.problem.code if self.problem else None

    @property
    def fault(self) -> InjectedFault | None:
        """The injected fault."""
        return self.context.fault

    @property
    def is_lost(self) -> bool:
        """Whether the client did not receive the whole response."""
        fault = self.context.fault
        return self.context.was_left or (fault is not None and not fault.answers)

    @property
    def valid(self) -> bool | None:
        """Whether the content satisfies every schema; None without schemas."""
        return all(result.valid for result in self.schemas) if self.schemas else None

    @property
    def request_id(self) -> str:
        """Twilio's request id, `RQ` and 32 hex digits."""
        return sids.REQUEST + self.id

    @property
    def message(self) -> UserDefinedMessage | None:
        """The created or replayed message."""
        return self.made if isinstance(self.made, UserDefinedMessage) else None

    @property
    def created(self) -> UserDefinedMessage | None:
        """The message that this exchange created; None for a replay."""
        made = self.made
        return made if self.outcome is _CREATED and isinstance(made, UserDefinedMessage) else None

    @property
    def size(self) -> int:
        """Memory in bytes; an upper bound, because clients that repeat their heads share them."""
        request, context = self.request, self.context
        texts = len(request.target) + len(request.head) + len(request.body) + len(self.content_utf8 or b"")
        owners = len(context.account_sid or "") + len(context.call_sid or "")
        size = _OVERHEAD + texts + owners
        if self.schemas:
            size += sum(result.size for result in self.schemas)
        if self.reason is not None:
            size += getsizeof(self.reason)
        if self.idempotency_key is not None:
            size += _KEY + getsizeof(self.idempotency_key)
        if self.made is not None and not isinstance(self.made, UserDefinedMessage):
            size += getsizeof(self.made.callback)
        return size
