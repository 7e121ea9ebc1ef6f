"""`/_emulator/messages`: what a test's author sees."""

import json
from urllib.parse import quote

import pytest
from support.builders import Time
from support.server import Caller, Servers, Site

PAGE = {"messages", "count", "last_seq", "oldest_seq", "evicted"}


@pytest.fixture
def five(caller: Caller) -> tuple[Caller, list[str]]:
    """A caller who sent five messages, and their SIDs."""
    return caller, [caller.send(f"[{number}]", key=f"k{number}").json()["sid"] for number in range(5)]


def sids(caller: Caller, **filters: object) -> list[str]:
    return [message["sid"] for message in caller.messages(**filters)]


def test_message_fields(serve: Servers) -> None:
    time = Time()
    time.now += 0.1239
    caller = Caller(serve(now=time))
    reply = caller.send('{"a": [1, "é"]}', key="k")

    sid = reply.json()["sid"]
    assert caller.listing() == {
        "messages": [
            {
                "seq": 1,
                "sid": sid,
                "account_sid": caller.account,
                "call_sid": caller.call,
                "content": '{"a": [1, "é"]}',
                "json": {"a": [1, "é"]},
                "idempotency_key": "k",
                "replays": 0,
                "notes": [],
                "schemas": [],
                "date_created": "Wed, 18 Dec 2019 20:02:01 +0000",
                "received_at": "2019-12-18T20:02:01.123Z",
                "request_id": "RQ" + sid[2:],
                "delivered": {"to": None, "after_ms": None, "reason": "no Voice SDK is connected to this call"},
            }
        ],
        "count": 1,
        "last_seq": 1,
        "oldest_seq": 1,
        "evicted": 0,
    }


def test_a_message_is_found_by_its_sid(caller: Caller) -> None:
    sid = caller.send().json()["sid"]
    reply = caller.site.get(f"/_emulator/messages/{sid}")

    assert reply.status == 200
    assert reply.json() == caller.messages()[0]


def test_no_message_is_an_empty_page(caller: Caller) -> None:
    page = caller.listing()

    assert set(page) == PAGE
    assert (page["messages"], page["count"]) == ([], 0)


def test_order_of_messages(five: tuple[Caller, list[str]]) -> None:
    """Oldest first, or newest first."""
    caller, sent = five

    assert sids(caller) == sids(caller, order="oldest") == sent
    assert sids(caller, order="newest") == sent[::-1]


def test_page_is_limited_and_counts_all(five: tuple[Caller, list[str]]) -> None:
    caller, sent = five

    assert sids(caller, limit=2) == sent[:2]
    assert sids(caller, limit=2, order="newest") == [sent[4], sent[3]]
    assert caller.listing(limit=2)["count"] == 5


def test_default_limit_is_100(caller: Caller) -> None:
    with caller.site.connect() as connection:
        for _ in range(101):
            connection.send(caller.raw())
            assert connection.reply().status == 201

    assert len(caller.messages()) == 100
    assert len(caller.messages(limit=1000)) == 101


def test_after_reads_without_gaps(five: tuple[Caller, list[str]]) -> None:
    caller, sent = five
    read: list[str] = []
    after = 0
    while page := caller.messages(after=after, limit=2):
        read += [message["sid"] for message in page]
        after = page[-1]["seq"]

    assert read == sent


def test_delete_removes_only_matches(five: tuple[Caller, list[str]]) -> None:
    caller, sent = five
    third = caller.messages()[2]["seq"]
    reply = caller.site.delete(f"/_emulator/messages?account_sid={caller.account}&after={third}")

    assert (reply.status, reply.json()) == (200, {"deleted": 2})
    assert sids(caller) == sent[:3]


def test_delete_without_filter_keeps_seq(serve: Servers) -> None:
    """It deletes all messages, and seq continues."""
    caller = Caller(serve(now=Time()))
    caller.send()
    caller.send()
    reply = caller.site.delete("/_emulator/messages")
    caller.send()

    page = caller.listing()
    assert reply.json() == {"deleted": 2}
    assert [message["seq"] for message in page["messages"]] == [3]
    assert (page["last_seq"], page["evicted"]) == (3, 0)


def test_a_deleted_message_is_not_found(caller: Caller) -> None:
    sid = caller.send().json()["sid"]
    caller.site.delete(f"/_emulator/messages?account_sid={caller.account}")
    reply = caller.site.get(f"/_emulator/messages/{sid}")

    assert (reply.status, caller.listing()["count"]) == (404, 0)
    assert sid in reply.json()["error"]


def test_evicted_messages_are_counted(serve: Servers) -> None:
    caller = Caller(serve(journal_limit=2, now=Time()))
    sent = [caller.send().json()["sid"] for _ in range(5)]
    page = caller.listing()

    assert [message["sid"] for message in page["messages"]] == sent[3:]
    assert (page["count"], page["last_seq"], page["oldest_seq"], page["evicted"]) == (2, 5, 4, 3)
    assert caller.site.get(f"/_emulator/messages/{sent[0]}").status == 404


@pytest.mark.parametrize("sid", ["KX" + "0" * 32, "KX123", "kx", "AC" + "a" * 32, "%00", "KX" + "g" * 32, "x" * 5000])
def test_unknown_sid_is_not_found(site: Site, sid: str) -> None:
    reply = site.get(f"/_emulator/messages/{sid}")

    assert reply.status == 404
    assert "no message" in reply.json()["error"]


def test_request_id_is_not_a_message_sid(caller: Caller) -> None:
    request_id = caller.send("hello").header("twilio-request-id") or ""
    reply = caller.site.get(f"/_emulator/messages/KX{request_id[2:]}")

    assert reply.status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        pytest.param("after", "x", "integer", id="after no number"),
        pytest.param("after", "-1", "greater than or equal to 0", id="after negative"),
        pytest.param("after", "", "integer", id="after empty"),
        pytest.param("after", "9" * 5000, "integer", id="after too long a number"),
        pytest.param("acount_sid", "x", "unknown parameter", id="misspelt"),
        pytest.param("LIMIT", "1", "unknown parameter", id="in capitals"),
    ],
)
def test_invalid_filter_is_named(site: Site, method: str, parameter: str, value: str, allowed: str) -> None:
    reply = site.ask(method, f"/_emulator/messages?{parameter}={value}")

    (bad,) = reply.json()["parameters"]
    assert reply.status == 422
    assert bad["parameter"] == parameter
    assert value[:100] in str(bad["value"])
    assert allowed in bad["allowed"]
    assert all(text in reply.json()["error"] for text in (parameter, value[:100], allowed))


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        pytest.param("limit", "0x", "integer", id="limit no number"),
        pytest.param("limit", "0", "greater than or equal to 1", id="limit 0"),
        pytest.param("limit", "1001", "less than or equal to 1000", id="limit too large"),
        pytest.param("limit", "1.5", "integer", id="limit broken"),
        pytest.param("order", "up", "'oldest' or 'newest'", id="order unknown"),
    ],
)
def test_invalid_page_parameter_is_named(site: Site, parameter: str, value: str, allowed: str) -> None:
    reply = site.get(f"/_emulator/messages?{parameter}={value}")

    (bad,) = reply.json()["parameters"]
    assert reply.status == 422
    assert (bad["parameter"], bad["value"]) == (parameter, value)
    assert allowed in bad["allowed"]


def test_a_bad_filter_deletes_nothing(caller: Caller) -> None:
    caller.send()
    reply = caller.site.delete(f"/_emulator/messages?acount_sid={caller.account}")

    assert reply.status == 422
    assert len(caller.messages()) == 1


def test_every_bad_parameter_is_named(site: Site) -> None:
    reply = site.get("/_emulator/messages?limit=0&order=up&after=x")

    assert {bad["parameter"] for bad in reply.json()["parameters"]} == {"after", "limit", "order"}


@pytest.mark.parametrize("limit", [1, 1000])
def test_the_bounds_of_limit_are_allowed(caller: Caller, limit: int) -> None:
    assert caller.listing(limit=limit)["count"] == 0


@pytest.mark.parametrize("key", ["%00", "é", "a b&c=d", "\\", '"'])
def test_odd_keys_are_found_again(caller: Caller, key: str) -> None:
    sid = caller.send(key=key).json()["sid"]
    reply = caller.site.get(f"/_emulator/messages?call_sid={caller.call}&idempotency_key={quote(key, safe='')}")

    assert [message["sid"] for message in reply.json()["messages"]] == [sid]


def test_listing_is_standard_json(caller: Caller) -> None:
    caller.send('{"a": "\\u2028é\U0001f600", "b": 1e308, "c": 123456789012345678901234567890}')
    reply = caller.site.get(f"/_emulator/messages?account_sid={caller.account}")

    assert reply.header("content-type") == "application/json"
    assert json.loads(reply.text)["messages"][0]["json"]["c"] == 123456789012345678901234567890


def test_long_integer_is_listed_as_text(caller: Caller) -> None:
    caller.send("[" + "9" * 4301 + "]")

    (message,) = caller.messages()
    assert (message["json"], message["content"]) == (None, "[" + "9" * 4301 + "]")
    assert message["notes"] == ["content-not-an-object", "content-long-integer"]
