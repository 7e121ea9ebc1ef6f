"""The client has every operation of the control API, and its models are the API's."""

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from support.server import Caller, Running, Site, fresh
from support.subscriptions import subscribed

from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.filters import conditions
from emulator.engine.journal.filters import MessageFilter, RequestFilter
from emulator.engine.journal.retries import RetryFilter
from emulator.settings import Settings
from emulator.testing import EmulatorClient, EmulatorError, filters

RUNNING_CALL = "CA" + "b" * 32


def place(client: EmulatorClient) -> object:
    with pytest.raises(EmulatorError, match="no user 'alice'"):
        client.calls.place("client:alice", from_="bob", parameters={"order": "7"})
    return None


def end_user(client: EmulatorClient) -> list[object]:
    client.calls.register()
    client.calls.send_from_end_user({"answer": "yes"})
    return [each.json for each in client.calls.messages().said]  # type: ignore[union-attr]


def schemas(client: EmulatorClient) -> list[str]:
    client.schemas.put("order", {"type": "object"}, on_failure="refuse")
    names = [client.schemas.get("order").name, *(each.name for each in client.schemas.all())]
    client.schemas.delete("order")
    return names


def faults(client: EmulatorClient) -> list[int]:
    rule = client.add_fault(profile="outage")
    kept = [client.fault(rule.id).fired, len(client.faults())]
    client.delete_fault(rule.id)
    return [*kept, client.delete_faults()]


def behaviour(client: EmulatorClient) -> object:
    set_to = client.users.set_behaviour("bob", "answer", after=1.5).after
    client.users.reset_behaviour("bob")
    return set_to


def seed(client: EmulatorClient) -> object:
    client.seed.set(7)
    return client.seed.get()


def no_certificate(client: EmulatorClient) -> object:
    with pytest.raises(EmulatorError, match="there is no certificate"):
        client.ca()
    return None


def delivered(client: EmulatorClient) -> object:
    (delivery,) = client.wait_for_deliveries(content={"answer": "yes"})
    return client.delivery(delivery.id) == client.deliveries(contains="yes")[0]


def events(client: EmulatorClient) -> list[tuple[str, object]]:
    stream = client.events(after=0, content={"kind": "order"})
    found = [next(stream) for _ in range(2)]
    stream.close()
    return [(event.kind, event.record.content) for event in found]  # type: ignore[union-attr]


# What the client returns for the operations of the document that it covers.
OPERATIONS: list[tuple[set[str], Callable[[EmulatorClient], object], object]] = [
    ({"list_messages", "get_message"}, lambda c: c.message(c.last().sid).json, {"kind": "order"}),
    ({"list_requests", "get_request"}, lambda c: c.request(c.requests()[0].request_id).request.method, "POST"),
    ({"list_retries"}, lambda c: [each.messages for each in c.retries(contains="order")], [1]),
    ({"say", "get_end_user"}, end_user, [{"answer": "yes"}]),
    ({"list_deliveries", "get_delivery"}, delivered, True),
    ({"list_subscriptions"}, lambda c: [each.method for each in c.subscriptions()], ["POST"]),
    ({"list_calls", "get_call"}, lambda c: c.calls.all() == [c.calls.get()], True),
    ({"put_call"}, lambda c: c.calls.register(status="ringing").status, "ringing"),
    ({"delete_call"}, lambda c: c.calls.forget(), None),
    ({"place_call"}, place, None),
    ({"list_schemas", "put_schema", "get_schema", "delete_schema"}, schemas, ["order", "order"]),
    ({"list_faults", "add_fault", "get_fault", "delete_fault", "delete_faults"}, faults, [0, 1, 0]),
    ({"list_users"}, lambda c: c.users.all(), []),
    ({"put_behaviour", "delete_behaviour"}, behaviour, 1.5),
    ({"get_clock", "put_clock"}, lambda c: c.clock.advance(1) <= c.clock.now(), True),
    ({"get_seed", "put_seed"}, seed, 7),
    ({"check"}, lambda c: c.check("/2010-04-01/Nothing.json", form={"Content": "{}"}).reply.status, 401),
    ({"rules"}, lambda c: any(rule.name == "content-not-json" for rule in c.rules().rules), True),
    ({"readyz", "livez"}, lambda c: c.ready().status, "ok"),
    ({"ca_pem"}, no_certificate, None),
    ({"events"}, events, [("request", '{"kind": "order"}'), ("message", '{"kind": "order"}')]),
    ({"delete_messages"}, lambda c: c.delete_messages(content={"kind": "order"}), 1),
    ({"reset"}, lambda c: c.reset().messages, 0),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Running(Settings(port=0)) as running:
        yield running.site


def test_operations_return_server_records(site: Site) -> None:
    caller = Caller(site)
    client = EmulatorClient(site.url, account_sid=caller.account, call_sid=caller.call)
    subscribed(caller, "http://127.0.0.1:9/callback")
    caller.send('{"kind": "order"}')

    for _, operation, expected in OPERATIONS:
        assert operation(client) == expected


def test_client_covers_the_document(site: Site) -> None:
    document = json.loads(site.get("/openapi.json").body)
    operations = {
        operation["operationId"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if not path.startswith("/2010-04-01")
    }

    assert operations == set[str]().union(*(names for names, *_ in OPERATIONS))


@pytest.mark.parametrize(
    ("client", "engine"),
    [
        (filters.Filters, MessageFilter),
        (filters.RequestFilters, RequestFilter),
        (filters.RetryFilters, RetryFilter),
        (filters.DeliveryFilters, DeliveryFilter),
    ],
)
def test_the_filters_are_the_engines(client: Any, engine: type) -> None:  # noqa: ANN401
    assert client.__annotations__.keys() == conditions(engine).keys()
    for name in client.__annotations__.keys() & {"outcome", "finding"}:
        (enumeration,) = (each for each in get_args(engine.__annotations__[name].__args__[0]) if each is not type(None))
        assert set(get_args(client.__annotations__[name])) == {str(member) for member in enumeration}


def test_record_of_another_version(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = EmulatorClient(site.url, account_sid=fresh("AC"))
    monkeypatch.setattr(client._api.address, "json", lambda *_: {"seed": "seven"})

    with pytest.raises(EmulatorError, match=r"another version than this client: Seed\.seed: Input should be"):
        client.seed.get()
