"""What nobody foresaw: Twilio's own form of a 500, the trace in the log, and the server goes on."""

import os
from collections.abc import Callable

import pytest
from support.server import Caller, Reply, Servers


class Trouble:
    """Chance that fails as often as it is told to."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, size: int) -> bytes:
        if self.times:
            self.times -= 1
            raise OSError("no entropy")
        return os.urandom(size)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def troubled(serve: Servers, trouble: Trouble) -> Caller:
    return Caller(serve(entropy=trouble))


@pytest.mark.parametrize(
    ("suffix", "body"),
    [
        pytest.param(
            ".json",
            '{"code": 20500, "message": "Internal Server Error", '
            '"more_info": "https://www.twilio.com/docs/errors/20500", "status": 500}',
            id="json",
        ),
        pytest.param(
            "",
            "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException><Code>20500</Code>"
            "<Message>Internal Server Error</Message><MoreInfo>https://www.twilio.com/docs/errors/20500</MoreInfo>"
            "<Status>500</Status></RestException></TwilioResponse>",
            id="xml",
        ),
    ],
)
def test_unexpected_failure_is_twilios_500(troubled: Caller, trouble: Trouble, suffix: str, body: str) -> None:
    trouble.times = 1
    reply = troubled.send(path=troubled.path.removesuffix(".json") + suffix)

    assert (reply.status, reply.text) == (500, body)
    assert reply.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda caller: caller.send(), id="create"),
        pytest.param(lambda caller: caller.ask(headers=[]), id="refuse"),
        pytest.param(lambda caller: caller.ask(method="OPTIONS"), id="preflight"),
    ],
)
def test_failure_at_any_place_is_twilios_500(
    troubled: Caller, trouble: Trouble, ask: Callable[[Caller], Reply]
) -> None:
    trouble.times = 1
    reply = ask(troubled)

    assert (reply.status, reply.json()["code"]) == (500, 20500)


def test_unexpected_failure_is_logged(troubled: Caller, trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    trouble.times = 1
    troubled.send()

    traces = [record for record in caplog.records if record.exc_info and record.name.startswith("emulator")]
    assert [str(record.exc_info[1]) for record in traces if record.exc_info] == ["no entropy"]


def test_failure_frees_the_key(troubled: Caller, trouble: Trouble) -> None:
    """After an unexpected failure, the key is free and the server continues."""
    trouble.times = 1
    failed, created, again = [troubled.send(key="k") for _ in range(3)]

    assert (failed.status, created.status) == (500, 201)
    assert again.body == created.body
    assert [message["replays"] for message in troubled.messages()] == [1]
