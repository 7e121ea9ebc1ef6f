"""`/_emulator/faults`: rules that make requests fail on purpose."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.builders import Time
from support.faults import add_fault
from support.server import FORM, Caller, Reply, Running, Site, basic, fresh, path_of
from support.sse import post_json

from emulator.app import create_app
from emulator.endpoints.inspection.fault_models import PROFILES
from emulator.engine.faults.fault_kind import FaultKind
from emulator.engine.faults.kinds import FAULT_KINDS
from emulator.settings import Settings

README = Path(__file__).parents[3] / "README.md"
FAULTS = "/_emulator/faults"
SOON = {"delay": 0}
TEAPOT = {"reply": {"status": 418, "code": 1, "message": "tea"}}


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def alone(time: Time) -> Iterator[Site]:
    """An emulator that no other test uses, whose monotonic clock stands still."""
    with Running(Settings(port=0), monotonic=time) as running:
        yield running.site


def listed(caller: Caller) -> list[dict[str, Any]]:
    """The rules that can touch a caller."""
    page = caller.site.get(f"{FAULTS}?account_sid={caller.account}&call_sid={caller.call}").json()
    assert page["count"] == len(page["faults"])
    faults: list[dict[str, Any]] = page["faults"]
    return faults


def ids(caller: Caller) -> list[str]:
    return [fault["id"] for fault in listed(caller)]


# --- rules come and go


def test_a_rule_is_added_read_and_removed(caller: Caller) -> None:
    added = add_fault(caller, {"reply": {"status": 429, "retry_after": 2}}, skip_first=1, times=3, seed=7)
    target = f"{FAULTS}/{added['id']}"
    read, gone, again = caller.site.get(target), caller.site.delete(target), caller.site.delete(target)

    assert added == {
        "id": added["id"],
        "match": {"account_sid": caller.account},
        "then": {"reply": {"status": 429, "retry_after": 2}},
        "profile": None,
        "skip_first": 1,
        "times": 3,
        "probability": 1,
        "seed": 7,
        "ttl": None,
        "seconds_left": None,
        "matched": 0,
        "fired": 0,
        "active": True,
    }
    assert read.json() == added
    assert (gone.status, gone.body, again.status, caller.site.get(target).status) == (204, b"", 404, 404)
    assert added["id"] in again.json()["error"]


def test_rules_are_listed_by_scope(caller: Caller) -> None:
    other = Caller(caller.site)
    first, second = add_fault(caller, SOON), add_fault(caller, SOON, match={"call_sid": caller.call})
    elsewhere = add_fault(other, SOON)
    add_fault(caller, SOON, match={"call_sid": other.call})

    assert ids(caller) == [first["id"], second["id"]]
    assert ids(other) == [elsewhere["id"]]


def test_rules_are_removed_by_scope(caller: Caller) -> None:
    other = Caller(caller.site)
    for one in (caller, caller, other):
        add_fault(one, SOON)
    gone = caller.site.delete(f"{FAULTS}?account_sid={caller.account}").json()

    assert gone == {"deleted": 2}
    assert (ids(caller), len(ids(other))) == ([], 1)


def test_delete_without_scope_removes_all(alone: Site) -> None:
    for _ in range(3):
        add_fault(Caller(alone), SOON)

    assert alone.delete(FAULTS).json() == {"deleted": 3}
    assert alone.get(FAULTS).json()["faults"] == []


def test_a_misspelt_scope_removes_nothing(caller: Caller) -> None:
    add_fault(caller, SOON)
    reply = caller.site.delete(f"{FAULTS}?acount_sid={caller.account}")

    assert (reply.status, len(ids(caller))) == (422, 1)


def test_rule_affects_matches_only(caller: Caller) -> None:
    other = Caller(caller.site, account=caller.account)
    add_fault(caller, TEAPOT, match={"call_sid": caller.call, "idempotency_key": "k", "content": {"a": {"b": 1}}})

    assert caller.send('{"a": {"b": 1, "c": 2}}', "k").status == 418
    assert caller.send('{"a": {"b": 2}}', "k").status == 201
    assert caller.send('{"a": {"b": 1}}', "l").status == 201
    assert other.send('{"a": {"b": 1}}', "k").status == 201


def test_null_is_a_content_too(caller: Caller) -> None:
    add_fault(caller, TEAPOT, match={"content": None})

    assert [caller.send(content).status for content in ("null", "{}")] == [418, 201]
    assert listed(caller)[0]["match"] == {"account_sid": caller.account, "content": None}


def test_a_rule_without_a_match_is_for_all(alone: Site) -> None:
    post_json(alone, FAULTS, {"then": TEAPOT})

    assert {Caller(alone).send().status for _ in range(2)} == {418}


def test_rule_expires(alone: Site, time: Time) -> None:
    caller = Caller(alone)
    added = add_fault(caller, TEAPOT, ttl=10)
    time.now += 4
    while_it_lives = (listed(caller)[0]["seconds_left"], caller.send().status)
    time.now += 6

    assert (added["ttl"], added["seconds_left"], *while_it_lives) == (10, 10, 6, 418)
    assert (caller.send().status, ids(caller)) == (201, [])
    assert caller.site.get(f"{FAULTS}/{added['id']}").status == 404


def test_a_quota_is_by_the_emulators_clock(alone: Site) -> None:
    caller = Caller(alone)

    def at(moment: str) -> list[int]:
        assert alone.put_json("/_emulator/clock", {"freeze": f"2026-01-02T03:04:{moment}Z"}).status == 200
        return [caller.send().status for _ in range(3)]

    add_fault(caller, {"quota": {"requests": 2, "window": 10}})

    assert [at("05"), at("14"), at("15")] == [[201, 201, 429], [429, 429, 429], [201, 201, 429]]
    assert at("01") == [201, 201, 429], "the clock was set back"


# --- profiles


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_profile_expands_to_a_rule(caller: Caller, profile: Any) -> None:  # noqa: ANN401
    added = add_fault(caller, profile=profile.name, times=1)

    assert added["profile"] == profile.name
    assert added["then"] == profile.then
    assert (added["probability"], added["times"]) == (profile.probability, 1)


def test_the_profiles_are_listed(caller: Caller) -> None:
    profiles = caller.site.get(FAULTS).json()["profiles"]

    assert [profile["name"] for profile in profiles] == [
        "rate-limited",
        "outage",
        "slow",
        "flaky",
        "lost-answer",
        "bad-gateway",
    ]
    assert all(profile["does"] for profile in profiles)


def test_probability_of_a_profile(caller: Caller) -> None:
    """A request can override the probability of a profile."""
    assert add_fault(caller, profile="flaky", probability=1)["probability"] == 1


# --- kinds


@pytest.mark.parametrize("kind", FAULT_KINDS, ids=lambda kind: kind.member)
def test_every_kind_is_complete(caller: Caller, kind: type[FaultKind], caplog: pytest.LogCaptureFixture) -> None:
    """It has a model in the API, an entry for the page, an effect on the connection, and documentation."""
    then = {kind.member: kind.example}
    schemas = caller.site.get("/openapi.json").json()["components"]["schemas"]
    entries = {one["name"]: one for one in caller.site.get(FAULTS).json()["kinds"]}

    assert entries[kind.member]["then"] == then
    assert (
        entries[kind.member]["does"]
        == schemas["".join(map(str.title, (*kind.member.split("_"), "then")))]["description"]
        != ""
    )
    assert f'| `{{"{kind.member}": ' in README.read_text()
    assert add_fault(caller, then)["then"] == then
    for _ in range(20):
        with suppress(Exception):  # whatever the client gets, the journal is judged
            caller.send()
    requests = caller.requests()
    struck = [request["fault"] for request in requests if request["fault"]]
    assert struck
    assert all(one["effect"] and one["rule"] == ids(caller)[0] for one in struck)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_delay_is_a_kind_too(caller: Caller) -> None:
    (delay,) = [one for one in caller.site.get(FAULTS).json()["kinds"] if one["name"] == "delay"]

    assert add_fault(caller, delay["then"])["then"] == delay["then"]


# --- bad input


SURROGATE = "a lone surrogate is not a character"


def bad(**given: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"then": SOON, **given}


def reply_of(**given: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"then": {"reply": given}}


HUGE = 10**400
EXCLUSIVE: list[dict[str, Any]] = [
    {"reply": {"status": 500}},
    {"drop": "after"},
    {"truncate": 1},
    {"garbage": True},
    {"close": True},
]
BAD: list[tuple[str, Any, str, str]] = [
    ("no object", [], "body", "dictionary"),
    ("nothing", {}, "/then", "required"),
    ("no fault", {"then": {}}, "/then", "give one of delay, reply, drop"),
    ("then is null", {"then": None}, "/then", "dictionary"),
    ("an unknown fault", {"then": {"explode": 1}}, "/then/explode", "unknown parameter"),
    ("an unknown member", bad(time=1), "/time", "unknown parameter"),
    ("two faults", {"then": EXCLUSIVE[0] | EXCLUSIVE[1]}, "/then", "reply and drop exclude each other"),
    ("all faults", {"then": {k: v for one in EXCLUSIVE for k, v in one.items()}}, "/then", "exclude each other"),
    ("a probability over 1", bad(probability=1.01), "/probability", "less than or equal to 1"),
    ("a negative probability", bad(probability=-0.01), "/probability", "greater than or equal to 0"),
    ("probability NaN", bad(probability=float("nan")), "/probability", "finite"),
    ("probability as text", bad(probability="1"), "/probability", "number"),
    ("negative times", bad(times=-1), "/times", "greater than or equal to 1"),
    ("times 0", bad(times=0), "/times", "greater than or equal to 1"),
    ("times as text", bad(times="1"), "/times", "integer"),
    ("times true", bad(times=True), "/times", "integer"),
    ("times huge", bad(times=HUGE), "/times", "less than or equal to 1000000000"),
    ("a negative skip_first", bad(skip_first=-1), "/skip_first", "greater than or equal to 0"),
    ("skip_first huge", bad(skip_first=HUGE), "/skip_first", "less than or equal to 1000000000"),
    ("a negative seed", bad(seed=-1), "/seed", "greater than or equal to 0"),
    ("seed huge", bad(seed=2**53), "/seed", "less than or equal to"),
    ("times 1.5", bad(times=1.5), "/times", "integer"),
    ("ttl 0", bad(ttl=0), "/ttl", "greater than 0"),
    ("ttl over a day", bad(ttl=86401), "/ttl", "less than or equal to 86400"),
    ("ttl NaN", bad(ttl=float("nan")), "/ttl", ""),
    ("ttl infinite", bad(ttl=float("inf")), "/ttl", "finite"),
    ("ttl huge", bad(ttl=HUGE), "/ttl", "number"),
    ("no match", bad(match=None), "/match", "dictionary"),
    ("a malformed account", bad(match={"account_sid": "AC1"}), "/match/account_sid", "^AC"),
    ("a malformed call", bad(match={"call_sid": "CA" + "g" * 32}), "/match/call_sid", "^CA"),
    ("a call with a newline", bad(match={"call_sid": "CA" + "a" * 32 + "\n"}), "/match/call_sid", "^CA"),
    ("an unknown resource", bad(match={"resource": "Messages"}), "/match/resource", "UserDefinedMessages"),
    ("an empty key", bad(match={"idempotency_key": ""}), "/match/idempotency_key", "at least 1 character"),
    ("a surrogate in a key", bad(match={"idempotency_key": "\ud800"}), "/match/idempotency_key", SURROGATE),
    ("a surrogate in content", bad(match={"content": {"a": ["\ud800"]}}), "/match/content/a/0", SURROGATE),
    ("a surrogate in a name", bad(match={"content": {"\ud800": 1}}), "/match/content/\\ud800", SURROGATE),
    ("content NaN", bad(match={"content": float("nan")}), "/match/content", "finite"),
    ("a misspelt match", bad(match={"call": "x"}), "/match/call", "unknown parameter"),
    ("an unknown profile", {"profile": "meteor"}, "/profile", "one of rate-limited, outage"),
    ("a profile that is not a string", {"profile": 1}, "/profile", "string"),
    ("profile and then", bad(profile="slow"), "body", "profile or then, not both"),
    ("a negative delay", {"then": {"delay": -1}}, "/then/delay", "greater than or equal to 0"),
    ("a delay over 10 minutes", {"then": {"delay": 601}}, "/then/delay", "less than or equal to 600"),
    ("a delay of NaN", {"then": {"delay": float("nan")}}, "/then/delay", "finite"),
    ("a delay as text", {"then": {"delay": "1"}}, "/then/delay", "number"),
    ("a delay true", {"then": {"delay": True}}, "/then/delay", "number"),
    ("a uniform of one", {"then": {"delay": {"uniform": [2]}}}, "/then/delay/uniform/1", "required"),
    ("a uniform of three", {"then": {"delay": {"uniform": [1, 2, 3]}}}, "/then/delay/uniform", "2 items"),
    ("a negative bound", {"then": {"delay": {"uniform": [-1, 1]}}}, "/then/delay/uniform/0", "greater than"),
    ("an unknown drop", {"then": {"drop": "sometimes"}}, "/then/drop", "'before' or 'after'"),
    ("garbage false", {"then": {"garbage": False}}, "/then/garbage", "True"),
    ("close 1", {"then": {"close": 1}}, "/then/close", "True"),
    ("a negative truncate", {"then": {"truncate": -1}}, "/then/truncate", "greater than or equal to 0"),
    ("truncate huge", {"then": {"truncate": HUGE}}, "/then/truncate", "less than or equal to 1048576"),
    ("a quota without a window", {"then": {"quota": {"requests": 1}}}, "/then/quota/window", "required"),
    ("a window of 0", {"then": {"quota": {"requests": 1, "window": 0}}}, "/then/quota/window", "greater than 0"),
    ("a negative quota", {"then": {"quota": {"requests": -1, "window": 1}}}, "/then/quota/requests", "greater than"),
    ("an empty reply", reply_of(), "/then/reply", "give a status"),
    ("a reply of a body alone", reply_of(body="x"), "/then/reply", "give a status"),
    ("status 99", reply_of(status=99), "/then/reply/status", "greater than or equal to"),
    ("status 600", reply_of(status=600), "/then/reply/status", "less than or equal to 599"),
    ("status 100", reply_of(status=100, body="x"), "/then/reply/status", "greater than or equal to 200"),
    ("status 204", reply_of(status=204, body="x"), "/then/reply/status", "status 204 cannot have a body"),
    ("status 205", reply_of(status=205, body=""), "/then/reply/status", "status 205 cannot have a body"),
    ("status 304", reply_of(status=304, body=""), "/then/reply/status", "status 304 cannot have a body"),
    ("200 without a body", reply_of(status=200), "/then/reply/status", "with status 200 give a body"),
    ("201 without a body", reply_of(status=201, message="x"), "/then/reply/status", "with status 201 give a body"),
    ("302 without a body", reply_of(status=302, content_type="a/b"), "/then/reply/status", "with status 302 give"),
    ("an unknown code alone", reply_of(code=12345), "/then/reply/code", "GET /_emulator/rules"),
    ("a member that is null", {"then": {"delay": 1, "close": None}}, "/then/close", "True"),
    ("a page with a code", reply_of(status=500, code=1, body="x"), "/then/reply", "combined"),
    ("a page with a message", reply_of(status=500, message="x", content_type="a/b"), "/then/reply", "combined"),
    ("a negative Retry-After", reply_of(status=429, retry_after=-1), "/then/reply/retry_after", "greater than"),
    ("Retry-After huge", reply_of(status=429, retry_after=HUGE), "/then/reply/retry_after", "less than"),
    ("an injected header", reply_of(status=500, content_type="a\r\nx: y"), "/then/reply/content_type", "pattern"),
    ("a trailing newline", reply_of(status=500, content_type="a/b\n"), "/then/reply/content_type", "pattern"),
    ("a media type in latin-1", reply_of(status=500, content_type="a/\xe9"), "/then/reply/content_type", "pattern"),
    ("a media type in Unicode", reply_of(status=500, content_type="a/\u20ac"), "/then/reply/content_type", "pat"),
    ("an empty media type", reply_of(status=500, content_type=""), "/then/reply/content_type", "pattern"),
    ("a surrogate in a body", reply_of(status=500, body="\ud800"), "/then/reply/body", SURROGATE),
    ("a surrogate in a message", reply_of(status=500, message="\udfff"), "/then/reply/message", SURROGATE),
    ("a body of over 64 KiB", reply_of(status=500, body="a" * 65537), "/then/reply/body", "at most 65536"),
    ("a body that is not a string", reply_of(status=500, body={}), "/then/reply/body", "string"),
]  # fmt: skip


def test_delay_bounds_in_either_order(caller: Caller) -> None:
    added = add_fault(caller, {"delay": {"uniform": [0.002, 0.001]}}, seed=1)
    caller.send()
    (request,) = caller.requests()

    assert added["then"] == {"delay": {"uniform": [0.002, 0.001]}}
    assert 0.001 <= request["fault"]["delay"] <= 0.002


def test_integers_as_in_json_schema(caller: Caller) -> None:
    assert add_fault(caller, TEAPOT, times=2.0)["times"] == 2


@pytest.mark.parametrize(("body", "pointer", "allowed"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_invalid_field_is_named(
    site: Site,
    body: Any,  # noqa: ANN401  JSON
    pointer: str,
    allowed: str,
) -> None:
    before = site.get(FAULTS).json()["count"]
    reply = post_json(site, FAULTS, body)

    assert reply.status == 422, reply
    named = reply.json()["parameters"]
    assert any(one["parameter"] == pointer and allowed in one["allowed"] and "value" in one for one in named), named
    assert {one["parameter"] for one in named} <= {pointer, "/then/delay"}  # a delay has two forms
    assert site.get(FAULTS).json()["count"] == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"then": {"delay": ' + b"1" * 5000 + b"}}", id="a number of 5,000 digits"),
        pytest.param(b'{"match": {"content": ' + b"[" * 9000 + b"]" * 9000 + b'}, "then": {"delay": 0}}', id="deep"),
        pytest.param(b'{"match": {"content": ' + b"[" * 130 + b"]" * 130 + b'}, "then": {"delay": 0}}', id="130 deep"),
        pytest.param(b'{"match": {"content": 1e999}, "then": {"delay": 0}}', id="a number over a double"),
        pytest.param(b"\xff", id="no UTF-8"),
    ],
)  # fmt: skip
def test_invalid_json_adds_nothing(site: Site, body: bytes) -> None:
    before = site.get(FAULTS).json()["count"]
    reply = site.ask("POST", FAULTS, [("Content-Type", "application/json")], body)

    assert reply.status == 422, reply
    assert site.get(FAULTS).json()["count"] == before


ODD = [
    {"reply": {"status": 599, "message": '"\\\x00\x7f\u20ac\U0001f600'}},
    {"reply": {"status": 500, "message": "a\r\nx: y"}},
    {"reply": {"status": 500, "code": 0}},
    {"reply": {"status": 299, "body": "\x00\u20ac"}},
    {"reply": {"status": 500, "body": ""}},
    {"reply": {"status": 404, "content_type": "text/plain; charset=utf-8"}},
    {"reply": {"code": 20003, "retry_after": 0}},
]


@pytest.mark.parametrize("then", ODD, ids=json.dumps)
@pytest.mark.parametrize("suffix", [".json", ""])
def test_unusual_valid_rule_works(caller: Caller, then: dict[str, Any], suffix: str) -> None:
    add_fault(caller, then, times=1)
    reply = caller.send(path=caller.path.removesuffix(".json") + suffix)
    (request,) = caller.requests()
    whole = caller.site.get(f"/_emulator/requests/{request['request_id']}").json()

    assert reply.status == then["reply"].get("status", 401) == request["status"]
    assert (whole["reply"]["status"], whole["reply"]["body"]) == (reply.status, reply.text)
    assert "x" not in reply.names
    assert ids(caller) != []


# --- another server than ours


def ask_elsewhere(*asked: tuple[str, str, dict[str, Any]]) -> list[httpx2.Response]:
    """What the application answers where nobody lets it at connections."""

    async def run() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(create_app(Settings()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.request(method, target, **more) for method, target, more in asked]

    return asyncio.run(run())


def create_elsewhere(call: str) -> tuple[str, str, dict[str, Any]]:
    account = fresh("AC")
    headers = dict([basic(account), ("Content-Type", FORM)])
    return "POST", path_of(account, call), {"headers": headers, "content": "Content=1"}


@pytest.mark.parametrize("then", EXCLUSIVE[1:], ids=lambda then: next(iter(then)))
def test_rule_that_needs_the_connection(then: dict[str, Any]) -> None:
    refused, listing = ask_elsewhere(("POST", FAULTS, {"json": {"then": then}}), ("GET", FAULTS, {}))

    (parameter,) = refused.json()["parameters"]
    assert (refused.status_code, listing.json()["count"]) == (422, 0)
    assert (parameter["parameter"], parameter["value"]) == ("/then", then)
    assert "reply, delay or quota" in parameter["allowed"]


@pytest.mark.parametrize(
    "then", [{"reply": {"status": 503}}, {"quota": {"requests": 0, "window": 1}}], ids=["reply", "quota"]
)
def test_other_kinds_need_no_connection(then: dict[str, Any]) -> None:
    added, failed = ask_elsewhere(("POST", FAULTS, {"json": {"then": then}}), create_elsewhere(fresh("CA")))

    assert (added.status_code, failed.status_code) == (201, 503 if "reply" in then else 429)


@pytest.mark.parametrize("ending", ["fa11dead", "fa111057"])
def test_magic_call_without_connection(ending: str, caplog: pytest.LogCaptureFixture) -> None:
    """Under a server without connection access, it causes a 500 and a log line."""
    failed, fine = ask_elsewhere(create_elsewhere("CA" + "0" * 24 + ending), create_elsewhere(fresh("CA")))

    assert (failed.status_code, failed.json()["code"], fine.status_code) == (500, 20500, 201)
    assert [record.levelno for record in caplog.records if "this server does not give access" in record.message] == [
        logging.ERROR
    ]


def test_delay_needs_no_connection() -> None:
    rule: tuple[str, str, dict[str, Any]] = ("POST", FAULTS, {"json": {"then": {"delay": 0.001}}})
    _, late = ask_elsewhere(rule, create_elsewhere(fresh("CA")))

    assert late.status_code == 201


def test_our_errors_are_not_faults(caller: Caller) -> None:
    add_fault(caller, {"reply": {"status": 401}})
    refused: Reply = caller.ask(headers=[])

    assert refused.json()["message"] == "Authentication Error - No credentials provided"
    assert listed(caller)[0]["matched"] == 0
