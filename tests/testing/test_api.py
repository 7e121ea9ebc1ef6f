"""Which requests the client sends and in which order; the test is the emulator."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from emulator.endpoints.inspection import query_params
from emulator.testing import EmulatorClient, api

Json = dict[str, Any]


def message(seq: int) -> Json:
    return {
        "seq": seq,
        "sid": f"KX{seq:032x}",
        "account_sid": "AC1",
        "call_sid": "CA1",
        "content": "{}",
        "json": {},
        "idempotency_key": None,
        "replays": 0,
        "notes": [],
        "schemas": [{"name": "s", "valid": False, "errors": [{"pointer": "/a", "message": "no", "new": 1}]}],
        "date_created": "Wed, 18 Dec 2019 20:02:01 +0000",
        "received_at": "2019-12-18T20:02:01.123Z",
        "request_id": f"RQ{seq:032x}",
        "something_new": True,
    }


def page(*seqs: int, **more: object) -> Json:
    listed = [message(seq) for seq in seqs]
    return {"messages": listed, "count": len(listed), "satisfied": True, "ended": "decided", **more}


UNSATISFIED: Json = page(satisfied=False, ended="timed_out", explanation=["wanted at least 1, 0 arrived", "why"])


class Sent(NamedTuple):
    """A request, and the seconds that the emulator may wait before it responds."""

    parameters: Mapping[str, Any]
    wait: float


class FakeEmulator:
    """Sends these responses, one per request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.responses: list[Json] = []
        self.sent: list[Sent] = []
        monkeypatch.setattr(api.Api, "request", self.respond)

    def respond(self, _method: str, _path: str, *, parameters: Mapping[str, Any], wait: float = 0.0) -> Json:
        self.sent.append(Sent(parameters, wait))
        return self.responses.pop(0)

    def client(self, *responses: Json, **scope: str) -> EmulatorClient:
        self.responses, self.sent = list(responses), []
        return EmulatorClient("http://127.0.0.1:1", **scope)  # type: ignore[arg-type]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmulator]:
    """Every response must be asked for."""
    fake = FakeEmulator(monkeypatch)
    yield fake
    assert fake.responses == []


def test_long_wait_is_several_requests(emulator: FakeEmulator) -> None:
    found = emulator.client(UNSATISFIED, UNSATISFIED, page(1)).wait_for(1, timeout=150.0)

    waits = [(sent.parameters["timeout"], sent.wait) for sent in emulator.sent]
    assert waits == [(60.0, 60.0), (60.0, 60.0), (30.0, 30.0)]
    assert [message.seq for message in found] == [1]


def test_wait_ends_by_timeout(emulator: FakeEmulator) -> None:
    with pytest.raises(AssertionError, match=r"^wanted at least 1, 0 arrived\nwhy$"):
        emulator.client(UNSATISFIED, UNSATISFIED).wait_for(1, timeout=61.0)


def test_reset_wait_is_not_repeated(emulator: FakeEmulator) -> None:
    with pytest.raises(AssertionError, match="was reset"):
        emulator.client(UNSATISFIED | {"ended": "reset", "explanation": ["was reset"]}).wait_for(1, timeout=150.0)


def test_long_watch_is_several_requests(emulator: FakeEmulator) -> None:
    over = page(ended="timed_out")
    emulator.client(over, over).expect_none(within=90.0)

    watched = [(sent.parameters["at_most"], sent.parameters["within"]) for sent in emulator.sent]
    assert watched == [(0, 60.0), (0, 30.0)]


def test_interrupted_watch_is_no_success(emulator: FakeEmulator) -> None:
    with pytest.raises(AssertionError, match="did not watch to the end: stopped"):
        emulator.client(page(ended="stopped", explanation=[])).expect_none(within=1.0)


def test_full_page_is_continued(emulator: FakeEmulator) -> None:
    full = range(1, api.LARGEST_PAGE + 1)
    found = emulator.client(page(*full, count=1001), page(2000)).messages(contains="x")

    assert [message.seq for message in found] == [*full, 2000]
    assert emulator.sent[1].parameters == {"contains": "x", "limit": 1000, "after": 1000}


def test_scope_is_sent_unless_overridden(emulator: FakeEmulator) -> None:
    def asked(**filters: Any) -> object:  # noqa: ANN401  any filter
        emulator.client(page(), account_sid="AC1", call_sid="CA1").messages(**filters)
        (sent,) = emulator.sent
        return sent.parameters

    assert asked() == {"account_sid": "AC1", "call_sid": "CA1", "limit": 1000}
    assert asked(call_sid="CA2") == {"account_sid": "AC1", "call_sid": "CA2", "limit": 1000}
    assert asked(call_sid=None) == {"account_sid": "AC1", "limit": 1000}


def test_content_is_a_value_not_a_text(emulator: FakeEmulator) -> None:
    values = [{"a": "ä"}, "text", None, True]
    client = emulator.client(*[page()] * 4)
    for value in values:
        client.messages(content=value)

    assert [sent.parameters["content"] for sent in emulator.sent] == ['{"a": "\\u00e4"}', '"text"', "null", "true"]


def test_message_ignores_unknown_fields(emulator: FakeEmulator) -> None:
    (found,) = emulator.client(page(1)).messages()

    (schema,) = found.schemas
    assert (found.received_at.year, schema.valid, schema.errors[0].pointer) == (2019, False, "/a")
    assert hash(found) == hash(found)


def test_the_bounds_are_the_emulators() -> None:
    (limit,) = query_params.MessageQuery.model_fields["limit"].metadata[1:]

    assert api.LONGEST_WAIT == query_params.LONGEST_WAIT
    assert limit.le == api.LARGEST_PAGE
