"""Values that a test needs but does not talk about."""

import base64
import random

from emulator.engine.capacity import MEMORY_LIMIT, Capacity, MemoryAccount
from emulator.engine.clock import Clock
from emulator.engine.config import EngineConfig
from emulator.engine.engine import Engine
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.exchange import Exchange, Outcome, ReceivedRequest, RequestContext, pack
from emulator.engine.state.calls import Leg, RegisteredCall, Status
from emulator.wire.callbacks import CallbackPayload
from emulator.wire.messages import NewMessage, UserDefinedMessage
from emulator.wire.subscriptions import UserDefinedMessageSubscription

ACCOUNT = "AC" + "a" * 32
OTHER_ACCOUNT = "AC" + "b" * 32
API_KEY = "SK" + "c" * 32
CALL = "CA" + "d" * 32
OTHER_CALL = "CA" + "e" * 32
MESSAGE = "KX" + "f" * 32
SUBSCRIPTION = "ZY" + "1" * 32
CALLBACK = "http://localhost:8000/messages"
TOKEN = "0" * 32
# Twilio's own example: Wed, 18 Dec 2019 20:02:01 +0000.
SOME_TIME = 1576699321.0


def path(account_sid: str = ACCOUNT, call_sid: str = CALL, resource: str = "UserDefinedMessages.json") -> str:
    return f"/2010-04-01/Accounts/{account_sid}/Calls/{call_sid}/{resource}"


def basic(username: str = ACCOUNT, secret: str = TOKEN) -> bytes:
    """An `Authorization` header."""
    return b"Basic " + base64.b64encode(f"{username}:{secret}".encode())


def message(**given: object) -> UserDefinedMessage:
    usual = {
        "id": MESSAGE.removeprefix("KX"),
        "account_sid": ACCOUNT,
        "call_sid": CALL,
        "fingerprint": b"",
        "idempotency_key": None,
        "date_created": SOME_TIME,
    }
    return UserDefinedMessage(**{**usual, **given})


def request(**given: object) -> ReceivedRequest:
    usual = {
        "method": "POST",
        "target": path(),
        "head": pack([]),
        "body": b"",
        "body_size": 0,
        "client": ("127.0.0.1", 50000),
        "secure": False,
    }
    return ReceivedRequest(**{**usual, **given})


def arrival(account_sid: str | None = ACCOUNT, call_sid: str | None = CALL, *, concurrent: int = 1) -> RequestContext:
    return RequestContext(account_sid, call_sid, SOME_TIME, concurrent)


def exchange(seq: int = 1, *, kind: type[Exchange] = Exchange, **given: object) -> Exchange:
    """An exchange that created a message, unless an outcome is given; `content` is a text."""
    usual = {
        "id": f"{seq:032x}",
        "context": arrival(),
        "request": request(),
        "outcome": Outcome.CREATED,
        "replied_at": SOME_TIME,
    }
    if "outcome" not in given:
        usual["made"] = message(id=f"{seq:032x}")
    carried = given.get("made", usual.get("made"))
    content = given.pop("content", "{}" if isinstance(carried, UserDefinedMessage) else None)
    if isinstance(content, str):
        usual["content_utf8"] = content.encode()
    if isinstance(carried, UserDefinedMessage):
        usual["idempotency_key"] = carried.idempotency_key
    return kind(seq=seq, **{**usual, **given})


def call(**given: object) -> RegisteredCall:
    usual = {"sid": CALL, "account_sid": None, "status": Status.IN_PROGRESS, "client": Leg.VOICE_SDK}
    return RegisteredCall(**{**usual, **given})


class Time:
    """A clock's source that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = SOME_TIME

    def __call__(self) -> float:
        return self.now


def account(limit: int = MEMORY_LIMIT, **entries: int) -> MemoryAccount:
    """An account of memory; by kind, how many entries it keeps."""
    return MemoryAccount(limit, {kind: Capacity(many) for kind, many in entries.items()})


def make_engine(time: Time | None = None, **policy: object) -> Engine:
    source = time or Time()
    return Engine(
        EngineConfig(**policy), clock=Clock(source), ids=IdGenerator(random.Random(0).randbytes), monotonic=source
    )


def arrive(engine: Engine, account_sid: str | None = ACCOUNT, call_sid: str | None = CALL) -> RequestContext:
    """A request that comes and goes at once."""
    arrived = engine.begin_request(account_sid, call_sid)
    engine.end_request(arrived)
    return arrived


def post(
    engine: Engine,
    content: str = "{}",
    key: str | None = None,
    *,
    account_sid: str = ACCOUNT,
    call_sid: str = CALL,
) -> Exchange:
    """Send a message whose parameters were read."""
    return engine.create(arrive(engine, account_sid, call_sid), request(), NewMessage(content, key))


def subscription(**given: object) -> UserDefinedMessageSubscription:
    usual = {
        "id": SUBSCRIPTION.removeprefix("ZY"),
        "account_sid": ACCOUNT,
        "call_sid": CALL,
        "callback": CALLBACK,
        "method": "POST",
        "idempotency_key": None,
        "date_created": SOME_TIME,
    }
    return UserDefinedMessageSubscription(**{**usual, **given})


def notice(**given: object) -> CallbackPayload:
    """What an end user's message causes."""
    usual = {
        "account_sid": ACCOUNT,
        "call_sid": CALL,
        "content": '{"key": "value"}',
        "content_type": "application/json",
        "sequence_number": 1,
        "sid": MESSAGE,
        "sent_at": SOME_TIME,
    }
    return CallbackPayload(**{**usual, **given})
