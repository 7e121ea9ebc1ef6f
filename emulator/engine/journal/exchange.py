"""An exchange: a request on the Twilio surface and what it got. Few facts are stored; the rest is read from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from sys import getsizeof
from typing import NamedTuple

from emulator.engine.faults.kinds import Fault, ReplyFault
from emulator.engine.journal.parameters import read_parameters
from emulator.engine.state.schemas import SchemaResult
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import paths, replies, resources, sids
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.hosts import is_twilio, name_of
from emulator.wire.messages import Message
from emulator.wire.replies import Reply
from emulator.wire.resources import Resource

MAX_BODY_KEPT = 64 * 1024
# Measured: the memory of an exchange without its texts, where its account and call have no other.
_OVERHEAD = 1_100
_KEY = 250  # its place in the index
_LONGEST_CACHED = 1024  # what a cache holds is not in the account of memory


class Outcome(StrEnum):
    """What became of a request."""

    CREATED = "created"
    REPLAYED = "replayed"
    MISMATCH = "mismatch"  # replayed, but its parameters were not the first ones
    REFUSED = "refused"
    PREFLIGHT = "preflight"
    FAULTED = "faulted"  # a fault kept it from being processed
    DELETED = "deleted"


_CREATED = Outcome.CREATED  # asked for with every request: a name of the module costs less than a member
_STATUS = {
    Outcome.CREATED: 201,
    Outcome.REPLAYED: 201,
    Outcome.MISMATCH: 201,
    Outcome.PREFLIGHT: 200,
    Outcome.DELETED: 204,
}


class ReceivedRequest(NamedTuple):
    """A request as it is kept. A tuple: the cheapest value to make.

    Attributes:
        method: as sent.
        target: the raw path, with the query when there was one.
        head: its headers, packed.
        body: at most 64 KiB of what was read of it.
        body_size: how much was read.
        client: address and port, None when not known.
        secure: it came over TLS.
    """

    method: str
    target: str
    head: bytes
    body: bytes
    body_size: int
    client: tuple[str, int] | None
    secure: bool

    def parameters(self) -> dict[str, str]:
        """The form as read; empty when there is none that can be read, as in a body that was cut."""
        content_type = dict(unpack(self.head)).get("content-type", "")
        try:
            return read_parameters(content_type.encode("latin-1"), self.body)
        except TwilioError:
            return {}

    @property
    def peer(self) -> str:
        """`address:port`."""
        return f"{self.client[0]}:{self.client[1]}" if self.client else ""

    @property
    def path(self) -> str:
        """The raw path without its query."""
        return self.target.partition("?")[0]


def wants_charset(head: bytes) -> bool:
    """Whether the request carried `Accept-Charset: utf-8`."""
    return _wants_charset(head) if len(head) <= _LONGEST_CACHED else _read_charset(head)


def _read_charset(head: bytes) -> bool:
    # Names and values alternate, and a value may read like the name: heads that look right are looked at closely.
    return b"\naccept-charset\n" in head and ("accept-charset", "utf-8") in {
        (name, value.lower()) for name, value in unpack(head)
    }


_wants_charset = lru_cache(maxsize=256)(_read_charset)  # heads are shared


def host_of(head: bytes) -> str:
    """The name that the request was made under."""
    return _host_of(head) if len(head) <= _LONGEST_CACHED else _read_host(head)


def _read_host(head: bytes) -> str:
    return name_of(dict(unpack(head)).get("host", ""))


_host_of = lru_cache(maxsize=256)(_read_host)


def pack(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    r"""Headers as one bytes object, `\nname\\nvalue…\n`: clients send the same ones again, so they can be shared."""
    return b"\n%b\n" % b"\n".join(chain.from_iterable(headers))


def unpack(head: bytes) -> list[tuple[str, str]]:
    """The headers that were packed."""
    parts = iter(head.decode("latin-1").split("\n")[1:-1])
    return list(zip(parts, parts, strict=True)) if len(head) > len("\n\n") else []


@dataclass(slots=True, eq=False)
class RequestContext:
    """A request that has begun: whose it is, when it came, how many of its account were in flight then.

    Attributes:
        account_sid: from the path, raw text when malformed; else the username.
        call_sid: from the path, raw text when malformed.
        received_at: seconds since 1970, when its head was read.
        concurrent: this request included.
        was_reset: its scope was reset while it was in flight: it will not be remembered.
        fault: what goes wrong with it on purpose.
        was_left: the client went away before the answer was out.
    """

    account_sid: str | None
    call_sid: str | None
    received_at: float
    concurrent: int
    was_reset: bool = False
    fault: Fault | None = None
    was_left: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """A request and its reply.

    Attributes:
        seq: its place in the journal, from 1; never repeats.
        id: 32 hex digits: `RQ` + id is the request id, `KX` + id the message that it created.
        replied_at: seconds since 1970, the reply's `Date`.
        duration: seconds from receipt to reply on the monotonic clock; None while the reply is not out.
        problem: the row that refused it.
        reason: what exactly was wrong, for a human.
        made: what it created, or what was replayed or deleted.
        content_utf8: the parameter Content that it carried, refused or not; bytes, whose length is their memory.
        idempotency_key: the key that it carried.
        schemas: what the schemas of its scope say of a message that it created.
        handover: what became of a message that it created: whom it was sent to, or why to nobody.
    """

    seq: int
    id: str
    arrival: RequestContext
    request: ReceivedRequest
    outcome: Outcome
    replied_at: float
    duration: float | None = None
    problem: ErrorSpec | None = None
    reason: str | None = None
    made: Resource | None = None
    content_utf8: bytes | None = None
    idempotency_key: str | None = None
    schemas: tuple[SchemaResult, ...] = ()
    handover: DeliveryStatus | None = None

    @property
    def content(self) -> str | None:
        """The parameter Content that it carried, refused or not."""
        return None if self.content_utf8 is None else self.content_utf8.decode()

    @property
    def owners(self) -> tuple[str | None, str | None]:
        """The account and call that it belongs to."""
        return self.arrival.account_sid, self.arrival.call_sid

    @property
    def resource(self) -> str | None:
        """The resource that its path names."""
        target = paths.parse(self.request.path)
        return None if target is None else target.resource

    @property
    def status(self) -> int | None:
        """The reply's status; None when a fault left no reply."""
        return int(self.problem.status) if self.problem is not None else _STATUS.get(self.outcome)

    @property
    def code(self) -> int | None:
        """Twilio's error code."""
        return self.problem.code if self.problem else None

    @property
    def fault(self) -> Fault | None:
        """What went wrong with it on purpose."""
        return self.arrival.fault

    @property
    def is_lost(self) -> bool:
        """Whether the client got no whole answer."""
        fault = self.arrival.fault
        return self.arrival.was_left or (fault is not None and not fault.answers)

    @property
    def valid(self) -> bool | None:
        """Whether every schema allows the content; None when there was none."""
        return all(result.valid for result in self.schemas) if self.schemas else None

    @property
    def request_id(self) -> str:
        """Twilio's id of the request."""
        return sids.REQUEST + self.id

    @property
    def message(self) -> Message | None:
        """The message that it created, or that was replayed."""
        return self.made if isinstance(self.made, Message) else None

    @property
    def created(self) -> Message | None:
        """The message that this very exchange created."""
        made = self.made
        return made if self.outcome is _CREATED and isinstance(made, Message) else None

    @property
    def size(self) -> int:
        """Its memory in bytes; too much where clients repeat their heads, never too little."""
        request, arrival = self.request, self.arrival
        texts = len(request.target) + len(request.head) + len(request.body) + len(self.content_utf8 or b"")
        owners = len(arrival.account_sid or "") + len(arrival.call_sid or "")
        size = _OVERHEAD + texts + owners
        if self.schemas:
            size += sum(result.size for result in self.schemas)
        if self.reason is not None:
            size += getsizeof(self.reason)
        if self.idempotency_key is not None:
            size += _KEY + getsizeof(self.idempotency_key)
        if self.made is not None and not isinstance(self.made, Message):
            size += getsizeof(self.made.callback)
        return size

    def reply(self) -> Reply | None:
        """The reply, made from the stored facts: what the client got and what the journal shows cannot differ.

        A fault may still keep it, or a part of it, from going out; None where there is nothing that could.
        """
        path = self.request.path
        representation = replies.representation_of(path)
        page = self._page if self.arrival.fault is not None else None  # a call less for who has none
        if page is not None:
            assert page.page is not None
            media_type = page.content_type.encode("latin-1")
            return Reply(int(page.problem.status), page.page.encode(), media_type, page.problem.headers)
        if self.problem is not None:
            return replies.refusal(self.problem, path, representation)
        if self.outcome is Outcome.DELETED:
            return replies.deleted(representation)
        if self.made is not None:
            return replies.created(self.made.element, self.made.members(), representation)
        return None if self.outcome is Outcome.FAULTED else replies.preflight(representation, resources.allow(path))

    def reply_head(self, reply: Reply) -> bytes:
        """All header lines of its reply."""
        if self.arrival.fault is not None and self._page is not None:
            return replies.foreign_head(reply, now=self.replied_at)
        head = replies.head(
            reply,
            now=self.replied_at,
            request_id=self.request_id,
            duration=self.duration or 0.0,
            concurrent=self.arrival.concurrent,
            charset=wants_charset(self.request.head),
        )
        # A browser that got this from localhost by https would ask it for nothing else, whatever the port.
        return replies.without_hsts(head) if self.request.secure and not is_twilio(host_of(self.request.head)) else head

    @property
    def _page(self) -> ReplyFault | None:
        """The fault that answers with a page of somebody else's making."""
        action = self.arrival.fault.action if self.arrival.fault is not None else None
        return action if isinstance(action, ReplyFault) and action.page is not None else None
