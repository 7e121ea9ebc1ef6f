"""Every filter is honoured by every listing, wait and event stream; an ignored filter makes tests pass wrongly."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest
from support.faults import add_fault
from support.server import Caller, Running, Site
from support.sse import LONG, Stream, reset
from support.subscriptions import listening, say, settled, subscribed

from emulator.endpoints.inspection.query_params import (
    DeliveryQuery,
    MessageFilterModel,
    MessageQuery,
    RequestFilterModel,
    RequestPage,
    RetryQuery,
)
from emulator.engine.filters import conditions
from emulator.settings import Settings

QUERIES = {
    "messages": MessageQuery,
    "requests": RequestPage,
    "retries": RetryQuery,
    "deliveries": DeliveryQuery,
}
CASES = [(path, name) for path, query in QUERIES.items() for name in conditions(query.filter_type)]
WAITS = [case for case in CASES if case[0] != "requests"]

# A value of each filter that the record of `situation` does not have; a new filter needs one.
OTHERS: dict[str, object] = {
    "account_sid": "AC" + "9" * 32,
    "call_sid": "CA" + "9" * 32,
    "idempotency_key": "another",
    "after": 10**9,
    "content": '{"kind": "other"}',
    "contains": "no such text",
    "valid": True,
    "status": 499,
    "code": 99999,
    "finding": "gave_up",
    "subscription_sid": "ZY" + "9" * 32,
    "message_sid": "KX" + "9" * 32,
}
OUTCOMES = {"requests": "mismatch", "deliveries": "failed"}


class Situation:
    """One call with a message that was retried after its response was lost, and a delivery."""

    def __init__(self, site: Site, callback: str) -> None:
        self.site, caller = site, Caller(site)
        self.account, self.call = caller.account, caller.call
        schema = {"schema": {"type": "object", "required": ["absent"]}, "call_sid": caller.call}
        assert site.put_json("/_emulator/schemas/strict", schema).status in (200, 201)
        self.subscription = subscribed(caller, callback)
        add_fault(caller, {"reply": {"code": 20503}}, times=1)
        for _ in range(2):
            caller.send('{"kind": "order"}', key="the key")
        self.message = say(caller, '{"kind": "order"}')["sid"]
        settled(caller)

    def count(self, path: str, **query: object) -> int:
        return int(self.page(path, **query)["count"])

    def page(self, path: str, **query: object) -> Any:  # noqa: ANN401  JSON
        reply = self.site.get(f"/_emulator/{path}?{urlencode({'call_sid': self.call, **query})}")
        assert reply.status == 200, reply.text
        return reply.json()

    def values(self, path: str) -> dict[str, object]:
        """A value of each filter that the call's record has."""
        return {
            "account_sid": self.account,
            "call_sid": self.call,
            "idempotency_key": "the key",
            "after": 0,
            "content": '{"kind": "order"}',
            "contains": "order",
            "valid": "false",
            "status": 503,
            "code": 20503,
            "finding": "recovered",
            "subscription_sid": self.subscription,
            "message_sid": self.message,
            "outcome": "delivered" if path == "deliveries" else "faulted",
        }


@pytest.fixture(scope="module")
def situation() -> Iterator[Situation]:
    with ExitStack() as stack:
        running, listener = stack.enter_context(Running(Settings(port=0))), stack.enter_context(listening())
        yield Situation(running.site, listener.url())


def other(path: str, name: str) -> object:
    value = OUTCOMES[path] if name == "outcome" else OTHERS[name]
    return str(value).lower() if isinstance(value, bool) else value


@pytest.mark.parametrize(("path", "name"), CASES)
def test_listing_honours_filter(situation: Situation, path: str, name: str) -> None:
    assert situation.count(path, **{name: situation.values(path)[name]}) > 0
    assert situation.count(path, **{name: other(path, name)}) == 0


@pytest.mark.parametrize(("path", "name"), WAITS)
def test_wait_honours_filter(situation: Situation, path: str, name: str) -> None:
    met = situation.page(path, at_least=1, timeout=LONG, **{name: situation.values(path)[name]})
    unmet = situation.page(path, at_least=1, timeout=0, **{name: other(path, name)})

    assert (met["satisfied"], unmet["satisfied"]) == (True, False)
    assert unmet["explanation"]


@pytest.mark.parametrize("name", conditions(RequestFilterModel.filter_type))
def test_stream_honours_filter(situation: Situation, name: str) -> None:
    """The reset shows that no other event comes first."""
    scope = {"account_sid": "AC" + "8" * 32, "call_sid": situation.call}
    mine = {"call_sid": situation.call, "after": 0, name: situation.values("requests")[name]}
    others = {"call_sid": situation.call, "after": 0, name: other("requests", name)}
    with Stream(situation.site, **mine) as stream, Stream(situation.site, **others) as empty:
        first = stream.next()
        reset(situation.site, **scope | {key: others[key] for key in scope.keys() & others.keys()})
        only = empty.next()

    assert (first and first.kind, only and only.kind) == ("request", "reset")


def test_deletion_has_filters_of_messages() -> None:
    assert conditions(MessageFilterModel.filter_type) == conditions(MessageQuery.filter_type)


def test_document_describes_each_filter(situation: Situation) -> None:
    document = json.loads(situation.site.get("/openapi.json").body)
    for path, query in QUERIES.items():
        named = {each["name"]: each for each in document["paths"][f"/_emulator/{path}"]["get"]["parameters"]}
        for name, row in conditions(query.filter_type).items():
            assert named[name]["description"] == row.doc
