"""`/_emulator/clock` and `/_emulator/seed`: the clock and the seed of the whole process."""

from collections.abc import Callable

import pytest
from support.builders import Time
from support.server import Caller, Servers, Site
from support.sse import Waiting

FREEZE = "2026-01-02T03:04:05Z"
FROZEN = {"now": "2026-01-02T03:04:05.000Z", "frozen": True}


@pytest.fixture
def own(serve: Servers) -> Site:
    """An emulator of its own: clock and seed are shared by all its clients."""
    return serve(now=Time())


def clock(site: Site, **change: object) -> object:
    reply = site.put_json("/_emulator/clock", change)
    assert reply.status == 200, reply
    return reply.json()


def test_the_clock_runs_until_it_is_frozen(own: Site) -> None:
    assert own.get("/_emulator/clock").json() == {"now": "2019-12-18T20:02:01.000Z", "frozen": False}
    assert clock(own, freeze=FREEZE) == FROZEN
    assert own.get("/_emulator/clock").json() == FROZEN


def test_another_zone_is_the_same_instant(own: Site) -> None:
    assert clock(own, freeze="2026-01-02T05:04:05+02:00") == FROZEN


def test_advance_continues_from_frozen_time(own: Site) -> None:
    running = clock(own, advance=60)
    clock(own, freeze=FREEZE)
    frozen = clock(own, advance=0.5)

    assert running == {"now": "2019-12-18T20:03:01.000Z", "frozen": False}
    assert frozen == {"now": "2026-01-02T03:04:05.500Z", "frozen": True}


def test_reset_restores_the_clock(serve: Servers) -> None:
    own, frozen = serve(now=Time()), serve(clock=0.0, now=Time())
    for site in (own, frozen):
        clock(site, freeze=FREEZE)
        clock(site, advance=1)

    assert clock(own, reset=True) == {"now": "2019-12-18T20:02:01.000Z", "frozen": False}
    assert clock(frozen, reset=True) == {"now": "1970-01-01T00:00:00.000Z", "frozen": True}


def test_all_dates_use_the_clock(own: Site) -> None:
    clock(own, freeze=FREEZE)
    caller = Caller(own)
    reply = caller.send()
    (message,) = caller.messages()
    (request,) = own.get("/_emulator/requests").json()["requests"]

    assert reply.header("date") == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert reply.json()["date_created"] == message["date_created"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert message["received_at"] == request["received_at"] == FROZEN["now"]


def test_a_key_expires_by_the_clock(own: Site) -> None:
    caller = Caller(own)
    first = caller.send(key="k").json()["sid"]
    clock(own, advance=24 * 3600 - 1)
    before = caller.send(key="k").json()["sid"]
    clock(own, advance=1)
    after = caller.send(key="k").json()["sid"]

    assert before == first
    assert after != first


def test_wait_ends_while_the_clock_is_frozen(own: Site) -> None:
    clock(own, freeze=FREEZE)

    assert Waiting(own, at_least=1, timeout=0.01).answer()["ended"] == "timed_out"


def test_clock_changes_do_not_end_waits(own: Site) -> None:
    caller = Caller(own)
    waiting = Waiting(own, account_sid=caller.account, at_least=1, timeout=60)
    clock(own, advance=3600)
    caller.send()

    assert waiting.answer()["satisfied"] is True


@pytest.mark.parametrize(
    ("freeze", "now"),
    [
        ("1970-01-01T00:00:00+14:00", "1969-12-31T10:00:00.000Z"),
        ("9998-12-31T23:59:59.123456789-23:59", "9999-01-01T23:58:59.123Z"),
    ],
)
def test_first_and_last_time(own: Site, freeze: str, now: str) -> None:
    """The earliest and the latest time can be rendered."""
    assert clock(own, freeze=freeze) == {"now": now, "frozen": True}
    caller = Caller(own)

    assert caller.send().status == 201
    assert caller.messages()[0]["received_at"] == now


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "exactly one"),
        ({"freeze": FREEZE, "advance": 1}, "exactly one"),
        ({"reset": False}, "should be True"),
        ({"reset": 1}, "should be True"),
        ({"reset": True, "advance": None}, "exactly one"),
        ({"freeze": "2026-01-02T03:04:05"}, "timezone"),
        ({"freeze": "yesterday"}, "/freeze"),
        ({"freeze": 1767323045}, "/freeze"),
        ({"freeze": "1767323045"}, "/freeze"),
        ({"freeze": "2026-02-30T00:00:00Z"}, "/freeze"),
        ({"freeze": "2026-01-02T03:04:60Z"}, "/freeze"),
        ({"freeze": "1969-12-31T23:59:59Z"}, "1970"),
        ({"freeze": "9999-01-01T00:00:00Z"}, "9999"),
        ({"advance": -1}, "greater than or equal to 0"),
        ({"advance": True}, "/advance"),
        ({"advance": 1e9}, "less than or equal"),
        ({"advance": "x"}, "/advance"),
        ({"frozen": True}, "unknown parameter"),
    ],
)
def test_invalid_time_changes_nothing(own: Site, change: object, says: str) -> None:
    before = own.get("/_emulator/clock").json()
    reply = own.put_json("/_emulator/clock", change)

    assert reply.status == 422
    assert says in reply.json()["error"]
    assert own.get("/_emulator/clock").json() == before


def test_clock_has_a_maximum(own: Site) -> None:
    clock(own, freeze="9998-12-31T00:00:00Z")
    reply = own.put_json("/_emulator/clock", {"advance": 86400})

    assert reply.status == 409
    assert "9999-01-01" in reply.json()["error"]
    assert Caller(own).send().status == 201


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ([], b'{"reset": true}', "Content-Type: application/json"),
        ([("Content-Type", "text/plain")], b'{"reset": true}', "Content-Type: application/json"),
        ([("Content-Type", "application/json")], b'{"reset"', "(char 8)"),
        ([("Content-Type", "application/json")], b"", "required"),
        ([("Content-Type", "application/json")], b"\xff", "JSON"),
        ([("Content-Type", "application/json")], b"[" * 100_000, "JSON"),
    ],
)
def test_body_that_is_not_json(own: Site, headers: list[tuple[str, str]], body: bytes, says: str) -> None:
    reply = own.ask("PUT", "/_emulator/clock", headers, body)

    assert reply.status == 422
    assert says in reply.json()["error"]
    assert "b'" not in reply.json()["error"]


# --- chance


def identifiers(caller: Caller) -> list[str | None]:
    replies = [caller.send(), caller.send("hello"), caller.send(key="k"), caller.send(key="k")]
    return [reply.header("twilio-request-id") for reply in replies]


def seeded(site: Site, seed: int | None) -> list[str | None]:
    assert site.put_json("/_emulator/seed", {"seed": seed}).json() == {"seed": seed}
    return identifiers(Caller(site))


def test_the_option_is_the_same_as_the_call(serve: Servers) -> None:
    by_call, by_option = serve(now=Time()), serve(now=Time(), seed=7)

    assert by_option.get("/_emulator/seed").json() == {"seed": 7}
    assert identifiers(Caller(by_option)) == seeded(by_call, 7)


def test_null_seed_restores_randomness(own: Site) -> None:
    assert own.get("/_emulator/seed").json() == {"seed": None}
    assert seeded(own, 7) != seeded(own, None)
    assert seeded(own, None) != seeded(own, None)


@pytest.mark.parametrize(
    "seed", [{"seed": -1}, {"seed": "x"}, {"seed": 1.5}, {"seed": 2**63}, {"seed": True}, {"seed": "7"}, {}, {"sed": 1}]
)
def test_invalid_seed_changes_nothing(own: Site, seed: object) -> None:
    own.put_json("/_emulator/seed", {"seed": 5})
    reply = own.put_json("/_emulator/seed", seed)

    assert reply.status == 422
    assert own.get("/_emulator/seed").json() == {"seed": 5}


def test_seed_accepts_json_schema_integers(own: Site) -> None:
    assert own.put_json("/_emulator/seed", {"seed": 7.0}).json() == {"seed": 7}


@pytest.mark.parametrize("act", [lambda c: c.site.get("/_emulator/messages"), lambda c: c.site.get("/livez")])
def test_reads_consume_no_id(serve: Servers, act: Callable[[Caller], object]) -> None:
    looked, other = Caller(serve(now=Time(), seed=7)), Caller(serve(now=Time(), seed=7))
    act(looked)

    assert identifiers(looked) == identifiers(other)
