"""`/_emulator/deliveries`: what an end user says comes to the receiver, signed and in order, or it is told why not."""

import signal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.builders import Time
from support.callback_receiver import OK, Received, script, status
from support.server import PATIENCE, TOKEN, Caller, Command, Running, Servers, Site, fresh
from support.server import request as raw
from support.signal_client import signal_client
from support.sse import Stream, Waiting, reset, until
from support.subscriptions import (
    LONG,
    Hold,
    deliveries,
    listening,
    say,
    settled,
    subscribed,
    subscriptions,
)
from twilio.request_validator import RequestValidator

from emulator.settings import Settings
from emulator.wire.credentials import Account

METADATA = "169.254.169.254"


def form(request: Received) -> dict[str, str]:
    """What was told, from query and body."""
    return dict(parse_qsl(urlsplit(request.target).query)) | dict(parse_qsl(request.body.decode()))


def is_signed(request: Received, url: str, token: str = TOKEN) -> bool:
    """Whether Twilio's own library takes it for Twilio's."""
    told = dict(parse_qsl(request.body.decode()))
    return RequestValidator(token).validate(url, told, request.headers["x-twilio-signature"])


def waits(running: Running) -> int:
    return len(running.engine.callback_dispatcher.deliveries.waits)


# --- the callback


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_message_goes_to_each_subscription(serve: Servers, method: str) -> None:
    caller = Caller(serve(now=Time()))
    with listening() as listener:
        url = listener.url("/cb?a=1#rc=2")
        sid = subscribed(caller, url, Method=method)
        said = say(caller, '{"answer": "é+ \\n"}')
        (delivery,) = settled(caller)
        (request,) = listener.received

    assert request.method == method
    assert is_signed(request, listener.url(request.target))
    assert form(request) == {
        "a": "1",
        "AccountSid": caller.account,
        "CallSid": caller.call,
        "Content": '{"answer": "é+ \\n"}',
        "ContentType": "application/json",
        "SequenceNumber": "1",
        "Sid": said["sid"],
        "Timestamp": "Wed, 18 Dec 2019 20:02:01 +0000",
    }
    assert request.headers["i-twilio-idempotency-token"] == delivery["idempotency_token"]
    assert (delivery["subscription_sid"], delivery["message_sid"]) == (sid, said["sid"])
    assert (delivery["callback"], delivery["method"], delivery["code"]) == (url, method, None)
    assert (delivery["content"], delivery["json"]) == ('{"answer": "é+ \\n"}', {"answer": "é+ \n"})
    assert delivery["created_at"] == "2019-12-18T20:02:01.000Z"
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["error"]) == (200, None)


def test_full_loop_from_rest_to_answer(site: Site) -> None:
    """From a REST message to the callback with the end user's answer."""
    with listening() as listener, signal_client(site) as alice:
        call = alice.call()["callsid"]
        caller = Caller(site, call=call)
        subscribed(caller, listener.url())
        asked = caller.send('{"question": 1}').json()["sid"]
        heard = alice.receive("message")
        alice.send_message(call, {"answer": 2})
        (delivery,) = settled(caller)
        (message,) = caller.messages()

    assert (heard["voiceeventsid"], heard["content"]) == (asked, {"question": 1})
    assert (message["delivered"]["to"], message["delivered"]["reason"]) == ("alice", None)
    assert message["delivered"]["after_ms"] >= 0
    assert delivery["json"] == {"answer": 2}


def test_messages_arrive_in_order(caller: Caller) -> None:
    """Each subscription receives each message of the call."""
    with listening() as listener:
        for path in ("/a", "/b"):
            subscribed(caller, listener.url(path))
        for number in range(10):
            say(caller, f"[{number}]")
        found = settled(caller, count=20)
        told = [(request.target, form(request)["SequenceNumber"]) for request in listener.received]

    for path in ("/a", "/b"):
        assert [number for target, number in told if target == path] == [str(number) for number in range(1, 11)]
    assert len({one["idempotency_token"] for one in found}) == 20


def test_the_first_number_can_be_0(serve: Servers) -> None:
    caller = Caller(serve(first_sequence_number=0))
    with listening() as listener:
        subscribed(caller, listener.url())
        say(caller)
        settled(caller)

        assert form(listener.received[0])["SequenceNumber"] == "0"


def test_call_without_account_notifies_all(serve: Servers) -> None:
    """Each account's callback is signed with its own token."""
    call, one, other = fresh("CA"), fresh("AC"), fresh("AC")
    site = serve(accounts={one: Account("t1"), other: Account("t2")})
    callers = [Caller(site, account=one, call=call, token="t1"), Caller(site, account=other, call=call, token="t2")]
    with listening() as listener:
        for caller in callers:
            subscribed(caller, listener.url(f"/{caller.token}"))
        assert say(callers[0])["notified"] == 2
        for caller in callers:
            settled(caller)
        told = {request.target: request for request in listener.received}

        for caller in callers:
            request = told[f"/{caller.token}"]
            assert form(request)["AccountSid"] == caller.account
            assert is_signed(request, listener.url(request.target), caller.token)


# --- failures


def test_invalid_response_fails_one_delivery(caller: Caller) -> None:
    with listening(script(status(500), OK)) as listener:
        subscribed(caller, listener.url())
        say(caller, "[1]")
        say(caller, "[2]")
        page = deliveries(caller, outcome="delivered", at_least=1, timeout=PATIENCE)
        failed, delivered = deliveries(caller)["deliveries"]

    assert page["satisfied"]
    assert (failed["outcome"], failed["code"], failed["json"]) == ("failed", 32711, [1])
    assert [(one["status"], "500" in one["error"]) for one in failed["attempts"]] == [(500, True)]
    assert (delivered["outcome"], delivered["code"], delivered["json"]) == ("delivered", None, [2])


def test_silent_receiver_blocks_nothing(caller: Caller) -> None:
    hold, other = Hold(), Caller(caller.site)
    with listening(hold) as listener, listening() as quick:
        subscribed(caller, listener.url())
        subscribed(other, quick.url())
        say(caller, "[1]")
        assert hold.here.wait(PATIENCE)
        say(caller, "[2]")
        say(other, "[3]")
        assert caller.send().status == 201
        assert [one["json"] for one in settled(other)] == [[3]]
        assert [one["outcome"] for one in deliveries(caller)["deliveries"]] == ["pending", "pending"]
        hold.release()

        assert [one["json"] for one in settled(caller, count=2)] == [[1], [2]]


def test_slow_receiver_times_out(serve: Servers) -> None:
    caller, hold = Caller(serve(callback_timeout=1, callback_read_timeout=1)), Hold()
    with listening(hold) as listener:
        subscribed(caller, listener.url("/cb#rt=100&tt=100"))
        say(caller)
        (failed,) = settled(caller, "failed")
        hold.release()

    assert (failed["code"], failed["attempts"][0]["status"]) == (32711, None)
    assert "no reply within 0.1 s" in failed["attempts"][0]["error"]


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        (f"http://{METADATA}/latest/meta-data/", "link-local"),
        ("https://8.8.8.8/", "callback_hosts can allow 8.8.8.8"),
    ],
)
def test_internal_addresses_are_not_called(
    serve: Servers, monkeypatch: pytest.MonkeyPatch, callback: str, says: str
) -> None:
    """Told apart by addresses alone: no name is asked for, and nothing is connected to."""
    connected: list[Any] = []

    async def connect(*args: object, **_: object) -> None:
        connected.append(args)
        raise AssertionError(args)

    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", connect)
    caller = Caller(serve(now=Time()))
    subscribed(caller, callback)
    say(caller)
    (failed,) = settled(caller, "failed")

    assert failed["code"] == 32711
    assert [says in one["error"] for one in failed["attempts"]] == [True]
    assert connected == []


# --- listing


def test_a_delivery_is_found_by_its_id(caller: Caller) -> None:
    with listening() as listener:
        subscribed(caller, listener.url())
        say(caller)
        (delivery,) = settled(caller)
    found = caller.site.get(f"/_emulator/deliveries/{delivery['id']}")
    unknown = caller.site.get(f"/_emulator/deliveries/{'x' * 100}")

    assert (found.status, found.json()) == (200, delivery)
    assert (unknown.status, "x" * 41 in unknown.text) == (404, False)


def test_oldest_deliveries_are_evicted(serve: Servers) -> None:
    caller = Caller(serve(deliveries_limit=2, now=Time()))
    with listening() as listener:
        subscribed(caller, listener.url())
        for number in range(4):
            say(caller, f"[{number}]")
        until(caller.site, lambda: len(listener.received) == 4)
        page = deliveries(caller)

    assert [one["json"] for one in page["deliveries"]] == [[2], [3]]
    assert (page["count"], page["evicted"], page["last_seq"]) == (2, 2, 4)


# --- waiting


def test_delivery_ends_a_wait() -> None:
    with Running(Settings(port=0)) as running, listening() as listener:
        caller = Caller(running.site)
        subscribed(caller, listener.url())
        waiting = Waiting(
            running.site, "deliveries", account_sid=caller.account, outcome="delivered", at_least=2, timeout=LONG
        )
        until(running.site, lambda: waits(running) == 1)
        say(caller, "[1]")
        settled(caller)
        early = waiting.is_over
        say(caller, "[2]")
        answer = waiting.answer()
        left = waits(running)

    assert (early, answer["satisfied"], answer["ended"], left) == (False, True, "decided", 0)
    assert [one["json"] for one in answer["deliveries"]] == [[1], [2]]


@pytest.mark.parametrize(("strict", "expected"), [("true", 408), ("false", 200)])
def test_strict_wait_returns_408(caller: Caller, strict: str, expected: int) -> None:
    query = f"account_sid={caller.account}&timeout=0&strict={strict}&at_least="
    unsatisfied, satisfied = (caller.site.get(f"/_emulator/deliveries?{query}{count}") for count in (1, 0))

    assert (unsatisfied.status, unsatisfied.json()["satisfied"]) == (expected, False)
    assert (satisfied.status, satisfied.json()["satisfied"]) == (200, True)


def test_reset_ends_waits(caller: Caller) -> None:
    waiting = Waiting(caller.site, "deliveries", account_sid=caller.account, at_least=1, timeout=LONG)
    until(caller.site, lambda: reset(caller.site, account_sid=caller.account)["waits"] == 1)
    answer = waiting.answer()

    assert (answer["satisfied"], answer["ended"]) == (False, "reset")
    assert "the scope was reset" in answer["explanation"][0]


def test_stop_ends_waits() -> None:
    with Running(Settings(port=0)) as running:
        waiting = Waiting(running.site, "deliveries", at_most=0, within=LONG)
        until(running.site, lambda: waits(running) == 1)
        running.stop()
        answer = waiting.answer()

    assert (answer["satisfied"], answer["ended"]) == (False, "stopped")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("outcome=lost", "outcome"),
        ("at_least=-1", "at_least"),
        ("at_least=1&timeout=61", "timeout"),
        ("content={a}", "content"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("order=any", "order"),
        ("after=-1", "after"),
        ("status=200", "status"),
        ("idempotency_key=k", "idempotency_key"),
    ],
)
def test_invalid_query_is_named(site: Site, query: str, parameter: str) -> None:
    reply = site.get(f"/_emulator/deliveries?{query}")

    assert reply.status == 422
    assert [bad["parameter"] for bad in reply.json()["parameters"]] == [parameter]


def test_disconnected_client_frees_its_wait() -> None:
    with Running(Settings(port=0)) as running:
        with running.site.connect() as connection:
            connection.send(raw("GET", f"/_emulator/deliveries?at_least=1&timeout={LONG}"))
            until(running.site, lambda: waits(running) == 1)
        until(running.site, lambda: waits(running) == 0)


# --- events


def test_delivery_events_show_each_state(caller: Caller) -> None:
    hold = Hold()
    with listening(hold) as listener, Stream(caller.site, account_sid=caller.account) as stream:
        subscribed(caller, listener.url())
        say(caller)
        assert hold.here.wait(PATIENCE)
        request, pending = stream.take(2)
        hold.release()
        *_, delivered = stream.take(2)

    assert (request.kind, pending.kind, delivered.kind) == ("request", "delivery", "delivery")
    assert (pending.data["outcome"], pending.data["attempts"], pending.id) == ("pending", [], None)
    assert (delivered.data["outcome"], delivered.id) == ("delivered", None)
    assert delivered.data == deliveries(caller)["deliveries"][0]


def test_resumed_stream_has_new_deliveries(caller: Caller) -> None:
    after = caller.listing()["last_seq"]
    with listening() as listener, Stream(caller.site, account_sid=caller.account, after=after) as stream:
        subscribed(caller, listener.url())
        say(caller)
        settled(caller)

        assert [one.kind for one in stream.take(2)] == ["request", "delivery"]


# --- the end


def test_reset_cancels_pending_deliveries(caller: Caller) -> None:
    hold = Hold()
    with listening(hold) as listener:
        subscribed(caller, listener.url("/before"))
        for _ in range(3):
            say(caller)
        assert hold.here.wait(PATIENCE)
        done = reset(caller.site, call_sid=caller.call)
        empty = deliveries(caller)["count"], subscriptions(caller)
        subscribed(caller, listener.url("/after"))
        again = say(caller)
        hold.release()
        found = settled(caller)

        assert (done["subscriptions"], done["deliveries"], empty) == (1, 3, (0, []))
        assert [one.target for one in listener.received] == ["/before", "/after"]
        assert (again["sequence_number"], len(found)) == (1, 1)


def test_a_stop_does_not_wait_for_callbacks() -> None:
    hold = Hold()
    with listening(hold) as listener, Command() as command:
        caller = Caller(command.site())
        subscribed(caller, listener.url())
        for _ in range(5):
            say(caller)
        assert hold.here.wait(PATIENCE)
        code, _, errors = command.end(signal.SIGTERM)
        hold.release()

    assert code == 0
    assert "Traceback" not in errors
    assert "never" not in errors  # asyncio's word for what was forgotten
