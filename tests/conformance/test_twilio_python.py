"""Twilio's Python library, unmodified, as a program under test uses it."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.builders import Time
from support.scenarios import REFUSALS, TROUBLES, Attempt, Situation, Trouble, asked_of, attempt, troubled
from support.server import CONTENT, Caller, Servers
from support.subscriptions import CALLBACK, path_of, subscriptions
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account.call.user_defined_message import UserDefinedMessageInstance
    from twilio.rest.api.v2010.account.call.user_defined_message_subscription import (
        UserDefinedMessageSubscriptionList,
    )

Create = Callable[[Attempt], "UserDefinedMessageInstance"]


def client_of(asked: Attempt, http: TwilioHttpClient) -> Client:
    client = Client(asked.username, asked.password, asked.account_sid, http_client=http)
    client.api.base_url = asked.url
    return client


@contextmanager
def library() -> Iterator[Create]:
    http = TwilioHttpClient()
    assert http.session is not None
    http.session.trust_env = False  # a proxy of this machine is not for 127.0.0.1

    def create(asked: Attempt) -> "UserDefinedMessageInstance":
        client = client_of(asked, http)
        key = {} if asked.key is None else {"idempotency_key": asked.key}
        return client.calls(asked.call_sid).user_defined_messages.create(content=asked.content, **key)

    yield create
    http.session.close()


@pytest.fixture(scope="module")
def create() -> Iterator[Create]:
    """Creates a message through the library, on connections that it keeps."""
    with library() as create:
        yield create


def test_a_message_is_created_and_listed(caller: Caller, create: Create) -> None:
    message = create(attempt(caller))

    (listed,) = caller.messages()
    assert (message.account_sid, message.call_sid, message.sid) == (caller.account, caller.call, listed["sid"])
    assert listed["json"] == {"key": "value"}
    assert message.date_created is not None


def test_the_date_is_read(serve: Servers, create: Create) -> None:
    message = create(attempt(Caller(serve(now=Time()))))

    assert message.date_created == dt.datetime(2019, 12, 18, 20, 2, 1, tzinfo=dt.UTC)


def test_same_key_returns_the_same_message(caller: Caller, create: Create) -> None:
    first, again = (create(attempt(caller, key="k")) for _ in range(2))

    assert again.sid == first.sid
    assert [message["replays"] for message in caller.messages()] == [1]


def test_content_arrives_as_it_was_given(caller: Caller, create: Create) -> None:
    content = '{"a": "b c+d%&=*~é\\n\U0001f600"}'
    create(attempt(caller, content=content))

    assert [message["content"] for message in caller.messages()] == [content]


@pytest.mark.parametrize("situation", REFUSALS, ids=[situation.name for situation in REFUSALS])
def test_refusal_is_a_library_exception(serve: Servers, create: Create, situation: Situation) -> None:
    caller = Caller(serve(**situation.options))
    asked = attempt(caller, **situation.arrange(caller))

    with pytest.raises(TwilioRestException) as refused:
        create(asked)

    # The library puts the status where the body has no code.
    code = situation.status if situation.code is None else situation.code
    assert (refused.value.status, refused.value.code) == (situation.status, code)
    assert refused.value.msg == f"Unable to create record: {situation.message_for(asked)}"
    assert refused.value.method == "POST"


def test_the_connection_outlives_a_refusal(caller: Caller, create: Create) -> None:
    for content in (CONTENT, "hello", CONTENT):
        try:
            create(attempt(caller, content=content))
        except TwilioRestException as refused:
            assert refused.code == 32702  # noqa: PT017  the others must not raise

    assert len(caller.messages()) == 2


@pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:DeprecationWarning")  # its use of aiohttp
def test_async_client_creates_and_fails(caller: Caller) -> None:
    async def act() -> tuple[str, int]:
        async with AsyncTwilioHttpClient() as http:
            client = Client(caller.account, caller.token, http_client=http)
            client.api.base_url = caller.site.url
            messages = client.calls(caller.call).user_defined_messages
            created = await messages.create_async(content=CONTENT)
            with pytest.raises(TwilioRestException) as refused:
                await messages.create_async(content="hello")
            return created.sid or "", refused.value.code

    sid, code = asyncio.run(act())

    assert ([sid], code) == ([message["sid"] for message in caller.messages()], 32702)


@pytest.mark.parametrize("trouble", TROUBLES, ids=[trouble.name for trouble in TROUBLES])
def test_library_never_retries_a_fault(caller: Caller, create: Create, trouble: Trouble) -> None:
    asked = attempt(troubled(caller, trouble), key="k")
    try:
        create(asked)
        met = None
    except Exception as error:  # noqa: BLE001  whatever it is: it is what is judged
        met = type(error).__name__, str(error)

    assert (met and met[0]) == (trouble.python and trouble.python[0])
    if met and trouble.python:
        assert met[1].startswith(trouble.python[1])
    assert asked_of(caller) == 1
    assert len(caller.messages()) == trouble.processed
    sid = create(asked).sid  # and once more, as the program under test should: with the same key
    assert [(message["sid"], message["replays"]) for message in caller.messages()] == [(sid, int(trouble.processed))]


# --- subscriptions


@contextmanager
def subscribing(caller: Caller) -> Iterator["UserDefinedMessageSubscriptionList"]:
    """The library's own list of a call's subscriptions."""
    http = TwilioHttpClient()
    assert http.session is not None
    http.session.trust_env = False
    yield client_of(attempt(caller), http).calls(caller.call).user_defined_message_subscriptions
    http.session.close()


def test_subscription_life_cycle(serve: Servers) -> None:
    """A subscription is created and deleted."""
    caller = Caller(serve(now=Time()))
    with subscribing(caller) as library:
        made = library.create(callback=CALLBACK, method="GET", idempotency_key="k")
        again = library.create(callback=CALLBACK, method="GET", idempotency_key="k")
        (listed,) = subscriptions(caller)
        deleted = library(made.sid).delete()
        left = subscriptions(caller)

    assert (made.account_sid, made.call_sid, made.sid) == (caller.account, caller.call, listed["sid"])
    assert made.date_created == dt.datetime(2019, 12, 18, 20, 2, 1, tzinfo=dt.UTC)
    assert made.uri == path_of(caller, made.sid)
    assert (listed["callback"], listed["method"], listed["replays"], again.sid) == (CALLBACK, "GET", 1, made.sid)
    assert (deleted, left) == (True, [])


def test_subscription_errors_are_exceptions(caller: Caller) -> None:
    with subscribing(caller) as library:
        with pytest.raises(TwilioRestException) as bad:
            library.create(callback="http://a_b.localhost/")
        with pytest.raises(TwilioRestException) as unknown:
            library.get("ZY" + "0" * 32).delete()
        caller.site.put_json(f"/_emulator/calls/{caller.call}", {"status": "completed"})
        with pytest.raises(TwilioRestException) as over:
            library.create(callback=CALLBACK)

    assert [(one.value.status, one.value.code) for one in (bad, unknown, over)] == [
        (400, 20001),
        (404, 20404),
        (400, 21220),
    ]
    assert bad.value.msg == "Unable to create record: Invalid Callback."
    assert unknown.value.msg.startswith("Unable to delete record: The requested resource /2010-04-01/Accounts/")
