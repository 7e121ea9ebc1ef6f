"""Callbacks over real sockets to a receiver in the same loop. Nothing here sleeps; time-outs are as short as can be."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.builders import ACCOUNT, CALL, OTHER_CALL, SOME_TIME, TOKEN, notice, subscription
from support.callback_receiver import EVER, OK, Received, Receiver, nobody, receiving, run, script, status
from twilio.request_validator import RequestValidator

from emulator.adapters import callbacks
from emulator.adapters.callbacks import Callbacks
from emulator.engine.callbacks.deliveries import CallbackDelivery, Deliveries, DeliveryFilter, DeliveryOutcome
from emulator.engine.capacity import MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Wakeups
from emulator.wire.connection_overrides import CallbackFailure, CallbackTimeouts


class Sender:
    """The client, and the deliveries that it makes."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  of Callbacks
        self.deliveries = Deliveries(MemoryAccount(), Wakeups())
        usual = {"auth_token": lambda _: TOKEN, "now": lambda: SOME_TIME, "limits": EVER}
        self.callbacks = Callbacks(self.deliveries, **{**usual, **options})
        self._ids = IdGenerator(random.Random(0).randbytes)

    def send(
        self, url: str, *, method: str = "POST", call_sid: str = CALL, number: int = 1, digit: str = "1"
    ) -> CallbackDelivery:
        delivery = self.deliveries.open(
            subscription(id=digit * 32, callback=url, method=method, call_sid=call_sid),
            notice(call_sid=call_sid, sequence_number=number),
            ids=self._ids,
            now=SOME_TIME,
        )
        self.callbacks.send(delivery)
        return delivery

    async def deliver(self, url: str, **given: Any) -> CallbackDelivery:  # noqa: ANN401  of send
        delivery = self.send(url, **given)
        await self.callbacks.idle()
        return delivery


@asynccontextmanager
async def sending(**options: Any) -> AsyncIterator[Sender]:  # noqa: ANN401  of Callbacks
    sender = Sender(**options)
    try:
        yield sender
    finally:
        await sender.callbacks.aclose()


def numbers(receiver: Receiver) -> list[str]:
    return [dict(parse_qsl(each.body.decode()))["SequenceNumber"] for each in receiver.received]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_receiver_accepts_signed_callback(method: str) -> None:
    async def play() -> None:
        async with receiving() as receiver, sending() as sender:
            url = receiver.url("/cb?a=1#rc=2")
            delivery = await sender.deliver(url, method=method)
            (request,) = receiver.received
            seen = receiver.url(request.target)
            form = dict(parse_qsl(request.body.decode()))

            assert request.method == method
            assert RequestValidator(TOKEN).validate(seen, form, request.headers["x-twilio-signature"])
            assert {**dict(parse_qsl(urlsplit(seen).query)), **form} == {"a": "1", **delivery.notice.parameters()}
            assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
            assert request.headers["i-twilio-idempotency-token"] == delivery.idempotency_token
            assert request.headers["user-agent"] == "TwilioProxy/1.1"
            assert (delivery.outcome, delivery.code) == (DeliveryOutcome.DELIVERED, None)
            ((at, duration, code, error),) = delivery.attempts
            assert (at, code, error) == (SOME_TIME, 200, None)
            assert duration > 0

    run(play())


def test_callbacks_of_a_call_keep_order() -> None:
    async def play() -> None:
        async with receiving() as receiver, sending() as sender:
            for number in range(50):
                sender.send(receiver.url(), number=number)
            await sender.callbacks.idle()

            assert numbers(receiver) == [str(number) for number in range(50)]
            assert receiver.opened == 1

    run(play())


def test_hanging_subscription_blocks_none() -> None:
    async def play() -> None:
        never = asyncio.Event()

        async def hang(_: Received) -> bytes:
            await never.wait()
            return OK

        async with receiving(hang) as deaf, receiving() as well, sending() as sender:
            hanging = sender.send(deaf.url())
            watch = sender.deliveries.waits.begin(
                DeliveryFilter(outcome=DeliveryOutcome.DELIVERED), at_least=1, at_most=None
            )
            one = sender.send(well.url(), digit="2")
            await watch.over
            assert hanging.outcome == "pending"
            never.set()
            await sender.callbacks.idle()

            assert (hanging.outcome, one.outcome) == ("delivered", "delivered")

    run(play())


def test_calls_do_not_wait_for_each_other() -> None:
    async def play() -> None:
        go_on = asyncio.Event()

        async def reply(request: Received) -> bytes:
            if request.target == "/slow":
                await go_on.wait()
            return OK

        async with receiving(reply) as receiver, sending() as sender:
            slow = sender.send(receiver.url("/slow"))
            behind = sender.send(receiver.url("/behind"))
            other = sender.send(receiver.url("/other"), call_sid=OTHER_CALL)
            watch = sender.deliveries.waits.begin(
                DeliveryFilter(outcome=DeliveryOutcome.DELIVERED), at_least=1, at_most=None
            )
            await watch.over

            assert [each.outcome for each in (slow, behind, other)] == ["pending", "pending", "delivered"]
            assert sender.callbacks.waiting == 1
            go_on.set()
            await sender.callbacks.idle()
            assert [each.outcome for each in (slow, behind)] == ["delivered", "delivered"]
            assert [each.target for each in receiver.received if each.target != "/other"] == ["/slow", "/behind"]

    run(play())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (302, "the receiver answered 302; redirects are not followed"),
        (404, "the receiver answered 404"),
        (500, "the receiver answered 500"),
    ],
)
def test_failure_or_redirect_is_not_retried(code: int, error: str) -> None:
    """By default, an error response or a redirect is a failed delivery without a retry."""

    async def play() -> None:
        async with receiving(script(status(code, "Location: /elsewhere"))) as receiver, sending() as sender:
            delivery = await sender.deliver(receiver.url())

            assert (delivery.outcome, delivery.code) == (DeliveryOutcome.FAILED, 32711)
            assert [(each.status, each.error) for each in delivery.attempts] == [(code, error)]
            assert len(receiver.received) == 1

    run(play())


@pytest.mark.parametrize("code", [200, 204, 299])
def test_every_success_is_a_delivery(code: int) -> None:
    async def play() -> None:
        async with receiving(script(status(code))) as receiver, sending() as sender:
            assert (await sender.deliver(receiver.url())).outcome is DeliveryOutcome.DELIVERED

    run(play())


def test_retry_policy_of_url_fragment() -> None:
    """The fragment can request retries, and all attempts carry the same idempotency token."""

    async def play() -> None:
        async with receiving(script(status(503), status(404), OK)) as receiver, sending() as sender:
            delivery = await sender.deliver(receiver.url("/cb#rc=3&rp=4xx,5xx"))

            assert delivery.outcome is DeliveryOutcome.DELIVERED
            assert [each.status for each in delivery.attempts] == [503, 404, 200]
            assert {each.headers["i-twilio-idempotency-token"] for each in receiver.received} == {
                delivery.idempotency_token
            }
            assert {each.target for each in receiver.received} == {"/cb"}

    run(play())


@pytest.mark.parametrize(
    ("fragment", "errors"),
    [
        ("", ["Server disconnected without sending a response."]),
        ("#rp=rt", ["Server disconnected without sending a response.", None]),
    ],
)
def test_each_read_request_is_an_attempt(fragment: str, errors: list[str | None]) -> None:
    """This includes requests on a reused connection."""

    async def play() -> None:
        async with receiving(script(OK, None, OK)) as receiver, sending() as sender:
            await sender.deliver(receiver.url())
            delivery = await sender.deliver(receiver.url(f"/cb{fragment}"))

            assert [each.error for each in delivery.attempts] == errors
            assert len(receiver.received) == 1 + len(errors)

    run(play())


@pytest.mark.parametrize(("fragment", "attempts"), [("", 2), ("#rc=0", 1), ("#rc=3", 4), ("#rc=3&rp=rt", 1)])
def test_refused_connection_is_retried_once(fragment: str, attempts: int) -> None:
    async def play() -> None:
        with nobody() as port:
            async with sending() as sender:
                delivery = await sender.deliver(f"http://127.0.0.1:{port}/cb{fragment}")

            assert delivery.outcome is DeliveryOutcome.FAILED
            assert [(each.status, each.error) for each in delivery.attempts] == [
                (None, "Connection refused")
            ] * attempts

    run(play())


def test_silent_receiver_times_out() -> None:
    async def play() -> None:
        never = asyncio.Event()

        async def silent(_: Received) -> bytes:
            await never.wait()
            return OK

        retried = CallbackTimeouts(read=0.01, retry_on=frozenset({CallbackFailure.READ}))
        async with receiving(silent) as receiver:
            async with sending(limits=retried) as sender:
                late = await sender.deliver(receiver.url())
            async with sending(
                limits=CallbackTimeouts(total=0.01, retry_on=frozenset({CallbackFailure.READ}))
            ) as sender:
                too_late = await sender.deliver(receiver.url())
            never.set()

        assert [each.error for each in late.attempts] == ["no reply within 0.01 s"] * 2
        assert [each.error for each in too_late.attempts] == ["no reply within 0.01 s in all"]
        assert late.outcome is too_late.outcome is DeliveryOutcome.FAILED

    run(play())


def test_late_retry_is_not_made() -> None:
    async def play() -> None:
        async with receiving(script(status(500), OK)) as receiver, sending(backoff=61) as sender:
            delivery = await sender.deliver(receiver.url("/cb#rp=5xx"))

            assert [each.status for each in delivery.attempts] == [500]

    run(play())


def test_reset_cancels_waiting_callbacks() -> None:
    async def play() -> None:
        async with receiving() as receiver, sending() as sender:
            delivery = sender.send(receiver.url())
            sender.deliveries.reset(Scope(ACCOUNT))
            await sender.callbacks.idle()

            assert (receiver.received, delivery.attempts) == ([], [])

    run(play())


def test_reset_cancels_running_callbacks() -> None:
    async def play() -> None:
        here, never = asyncio.Event(), asyncio.Event()

        async def hang_once(_: Received) -> bytes:
            if not here.is_set():
                here.set()
                await never.wait()
            return OK

        async with receiving(hang_once) as receiver, sending() as sender:
            old = [sender.send(receiver.url()), sender.send(receiver.url())]
            other = sender.send(receiver.url(), call_sid=OTHER_CALL)
            await here.wait()
            sender.deliveries.reset(Scope(ACCOUNT, CALL))
            sender.callbacks.drop(Scope(ACCOUNT, CALL))
            new = await sender.deliver(receiver.url())
            never.set()

            assert [each.outcome for each in (*old, other, new)] == ["pending", "pending", "delivered", "delivered"]
            assert sender.callbacks.waiting == 0

    run(play())


def test_close_cancels_all_callbacks() -> None:
    async def play() -> None:
        never = asyncio.Event()
        here = asyncio.Event()

        async def hang(_: Received) -> bytes:
            here.set()
            await never.wait()
            return OK

        async with receiving(hang) as receiver:
            async with sending() as sender:
                made = [sender.send(receiver.url()) for _ in range(3)]
                await here.wait()
            never.set()
            await receiver.all_closed.wait()

            assert [each.outcome for each in made] == ["pending"] * 3
            late = sender.send(receiver.url())
            assert [each.error for each in late.attempts] == ["not tried: the emulator is stopping"]
            assert sender.callbacks.waiting == 0
            assert len(receiver.received) == 1

    run(play())


def test_there_is_a_maximum_of_what_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "MAX_WAITING", 1)

    async def play() -> None:
        async with receiving() as receiver, sending() as sender:
            one, other = sender.send(receiver.url()), sender.send(receiver.url(), call_sid=OTHER_CALL)
            await sender.callbacks.idle()

            assert one.outcome is DeliveryOutcome.DELIVERED
            assert (other.outcome, other.code) == (DeliveryOutcome.FAILED, 32711)
            assert [each.error for each in other.attempts] == ["not tried: 1 callbacks wait already"]

    run(play())


def test_internal_error_fails_one_delivery(caplog: pytest.LogCaptureFixture) -> None:
    tokens: Iterator[KeyError | str] = iter([KeyError("no token"), TOKEN])

    def auth_token(_: str) -> str:
        token = next(tokens)
        if isinstance(token, Exception):
            raise token
        return token

    async def play() -> None:
        async with receiving() as receiver, sending(auth_token=auth_token) as sender:
            one, other = sender.send(receiver.url()), sender.send(receiver.url())
            await sender.callbacks.idle()

            assert (one.outcome, other.outcome) == ("failed", "delivered")
            assert [each.error for each in one.attempts] == ["not sent: 'no token'"]

    run(play())
    assert "unexpected failure of the callback" in caplog.text


def test_http_client_is_imported_lazily() -> None:
    looks = "import sys, emulator.adapters.callbacks; sys.exit('httpcore2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0


def test_close_without_callbacks() -> None:
    async def play() -> None:
        async with sending() as sender:
            await sender.callbacks.idle()

    run(play())
