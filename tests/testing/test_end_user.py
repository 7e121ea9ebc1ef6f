"""The simulated end user at a served emulator, blocking and awaited."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import websockets.sync.server
from support.server import Caller, Running, Servers, Site

from emulator.endpoints.voice.gateway import Gateway
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.settings import Settings
from emulator.testing import (
    AsyncEndUser,
    CallFailedError,
    Emulator,
    EndUser,
    MessageRefusedError,
    SignallingError,
    UnreachableError,
)
from emulator.testing.voice import connection
from emulator.wire.credentials import ApiKey
from emulator.wire.signalling import MAX_FRAME

SK = "SK" + "b" * 32


@pytest.fixture
def alice(site: Site) -> Iterator[EndUser]:
    """A user of no account."""
    with EndUser(site.url) as alice:
        yield alice


def create(site: Site, call_sid: str, content: str = '{"a":1}', account: str | None = None) -> Any:  # noqa: ANN401  JSON
    caller = Caller(site, call=call_sid) if account is None else Caller(site, call=call_sid, account=account)
    return caller.send(content).json()


def test_messages_pass_in_both_directions(alice: EndUser, site: Site) -> None:
    call = alice.call("nobody", room="7")
    sid = create(site, call.sid)["sid"]
    (message,) = call.wait_for(content={"a": 1})
    sent = alice.send_message({"b": 2})

    assert (message.sid, message.content, message.message_type) == (sid, {"a": 1}, "user-defined-message")
    assert (alice.received, alice.wait_for(), alice.current) == ([message], [message], call)
    assert (call.status, call.to, call.parameters) == ("open", "nobody", {"room": "7"})
    assert (sent[:2], len(sent)) == ("KX", 34)


def test_sent_message_has_its_sid() -> None:
    with Running(Settings(port=0)) as running, EndUser(running.site.url) as alice:
        heard: list[Any] = []
        running.engine.call_controller.on_message = heard.append
        call = alice.call()
        sent = call.send_message({"b": [1.5, "ö"]}, content_type="application/x")

    (message,) = heard
    assert (message.sid, message.call_sid, message.identity) == (sent, call.sid, "alice")
    assert (json.loads(message.content), message.content_type) == ({"b": [1.5, "ö"]}, "application/x")


def test_two_end_users_call_each_other(site: Site) -> None:
    with EndUser(site.url, "carol") as carol, EndUser(site.url, "dave") as dave:
        there = carol.dial("dave", room="a&b")
        here = dave.wait_for_call()
        pending = (there.status, here.status, here.from_, here.to, here.parameters)
        early = create(site, here.sid, '"early"')
        here.accept()
        there.wait_for_answer()
        late = create(site, there.sid, '"late"')

        assert pending == ("ringing", "pending", "client:carol", "client:dave", {"room": "a&b"})
        assert dave.wait_for()[0].sid == early["sid"]
        assert carol.wait_for()[0].sid == late["sid"]
        dave.hangup()
        there.wait_for_hangup()
        assert (there.ended, here.ended) == ("hung up by the other end", "hung up")


def test_hangup_is_visible_on_return(alice: EndUser, site: Site) -> None:
    call = alice.call()
    call.hangup()
    call.hangup()

    assert create(site, call.sid)["code"] == 21220


def test_leaving_is_visible_on_return(site: Site) -> None:
    with EndUser(site.url, "erin") as erin:
        call = erin.call()

    assert create(site, call.sid)["code"] == 21220
    assert (call.status, call.ended) == ("closed", "hung up")
    erin.close()


def test_accepting_is_visible_on_return(site: Site) -> None:
    with EndUser(site.url, "frank") as frank, EndUser(site.url, "grace") as grace:
        frank.dial("grace")
        call = grace.wait_for_call()
        call.accept()
        call.accept()

        assert Caller(site).site.get(f"/_emulator/calls/{call.sid}").json()["status"] == "in-progress"


def test_rejected_call_fails_for_the_caller(site: Site) -> None:
    with EndUser(site.url, "heidi") as heidi, EndUser(site.url, "ivan") as ivan:
        there = heidi.dial("ivan")
        here = ivan.wait_for_call()
        here.reject()
        here.reject()

        with pytest.raises(CallFailedError, match=r"to 'ivan' \(closed: hung up by the other end\)") as failure:
            there.wait_for_answer()
        assert (failure.value.code, here.status) == (None, "closed")


def test_ended_call_cannot_be_accepted(site: Site) -> None:
    with EndUser(site.url, "judy") as judy, EndUser(site.url, "ken") as ken:
        judy.dial("ken")
        call = ken.wait_for_call()
        judy.hangup()

        with pytest.raises(CallFailedError, match="closed"):
            call.accept()


def test_unanswered_call_has_a_reason() -> None:
    with Running(Settings(port=0)) as running, EndUser(running.site.url) as alice:
        behaviours = running.engine.call_controller.auto_answers
        behaviours.put("busy", AutoAnswer(Reaction.BUSY))
        behaviours.put("silent", AutoAnswer(Reaction.RING))
        with pytest.raises(CallFailedError, match="31486: Busy Here") as failure:
            alice.call("busy")
        call = alice.dial("silent")

        assert failure.value.code == 31486
        with pytest.raises(AssertionError, match=r"to 'silent' \(ringing\) was not answered within 0.01 s"):
            call.wait_for_answer(timeout=0.01)


@pytest.mark.parametrize(
    ("content", "message_type", "code"),
    [("x", "nonsense", 31210), ("x" * 20_000, "user-defined-message", 31212)],
    ids=["type", "size"],
)
def test_rejected_message_has_a_reason(alice: EndUser, content: str, message_type: str, code: int) -> None:
    alice.call()
    with pytest.raises(MessageRefusedError, match=str(code)) as refusal:
        alice.send_message(content, message_type=message_type)

    assert refusal.value.code == code


def test_message_after_the_call_has_a_reason(alice: EndUser) -> None:
    alice.call().hangup()

    with pytest.raises(MessageRefusedError, match="31211"):
        alice.send_message(1)


def test_malformed_frame_is_an_error(alice: EndUser) -> None:
    nested: object = 0
    for _ in range(200):
        nested = [nested]
    alice.call()

    with pytest.raises(SignallingError, match="31100"):
        alice.send_message(nested)


def test_large_message_keeps_the_call(alice: EndUser, site: Site) -> None:
    call = alice.call()
    with pytest.raises(SignallingError, match="the connection was lost before KX"):
        call.send_message("x" * MAX_FRAME)
    call.send_message("small")

    assert create(site, call.sid)["sid"] == call.wait_for()[0].sid


def test_call_survives_a_lost_socket(alice: EndUser, site: Site) -> None:
    call = alice.call()
    alice.reconnect()
    create(site, call.sid, "1")
    call.send_message("still here")

    assert ([one.content for one in call.wait_for()], call.status) == ([1], "open")


def test_it_can_be_called_again_too(alice: EndUser, site: Site) -> None:
    alice.reconnect()
    with EndUser(site.url, "laura") as laura:
        laura.dial("alice")

        assert alice.wait_for_call().from_ == "client:laura"


def test_calls_have_the_tokens_account(site: Site) -> None:
    account = Caller(site).account
    with EndUser(site.url, "mike", account_sid=account) as mike:
        call = mike.call()

        assert create(site, call.sid)["code"] == 20404
        assert create(site, call.sid, account=account)["sid"] == call.wait_for()[0].sid


def test_strict_mode_accepts_signed_tokens(serve: Servers) -> None:
    account = "AC" + "c" * 32
    site = serve(voice_token="strict", api_keys={SK: ApiKey("secret", account)})
    with EndUser(site.url, "nina", account_sid=account, api_key=(SK, "secret")) as nina:
        assert nina.identity == "nina"
    with pytest.raises(SignallingError, match="31204") as refusal, EndUser(site.url, account_sid=account):
        pass

    assert refusal.value.code == 31204


def test_identity_is_the_tokens(site: Site) -> None:
    with EndUser(site.url, "ignored", token="olaf") as olaf:
        assert olaf.identity == "olaf"


def test_keepalives_are_echoed(monkeypatch: pytest.MonkeyPatch, serve: Servers) -> None:
    monkeypatch.setattr(Gateway.__init__, "__kwdefaults__", {"keepalive": 0.01})
    with EndUser(serve(now=lambda: 0.0).url) as alice:
        with pytest.raises(AssertionError):
            alice.wait_for_call(timeout=0.1)
        alice.call().hangup()


# --- what a failed wait says


def test_failed_wait_shows_other_frames(alice: EndUser, site: Site) -> None:
    call = alice.call("bob")
    sids = [create(site, call.sid, content)["sid"] for content in ('{"a":2}', '{"b":1}', "[1]")]
    call.wait_for(3)
    with pytest.raises(AssertionError) as failure:
        call.wait_for(timeout=0.01, content={"a": 1})

    expected = 'expected 1 or more messages with {"a": 1} in the content, 0 came (waited 0.01 s)'
    assert str(failure.value).split("\n") == [
        f"call {call.sid} from 'client:alice' to 'bob' (open): {expected}",
        f'  {sids[0]}: {{"a": 2}} (/a is 2)',
        f'  {sids[1]}: {{"b": 1}} (/a is missing)',
        f"  {sids[2]}: [1] (it is [1])",
    ]


def test_a_wait_ends_with_the_call(alice: EndUser, site: Site) -> None:
    call = alice.call()
    create(site, call.sid, '"one"')
    call.wait_for()
    alice.hangup()

    with pytest.raises(AssertionError, match=r"\(closed: hung up\).* 1 came \(it is over\)\n  KX\w+: \"one\"$"):
        call.wait_for(2, timeout=60)


def test_other_failed_waits_are_explained(alice: EndUser) -> None:
    with pytest.raises(AssertionError, match=r"no incoming call for 'alice' within 0 s$"):
        alice.wait_for_call(timeout=0)
    call = alice.call()
    with pytest.raises(AssertionError, match=r"\(open\) did not end within 0 s"):
        call.wait_for_hangup(timeout=0)


def test_error_is_raised_in_the_test(alice: EndUser) -> None:
    call = alice.call()
    with pytest.raises(AssertionError) as failure:
        call.wait_for(timeout=0)

    assert not [entry for entry in failure.traceback if "concurrent" in str(entry.path)]


def test_call_is_required(alice: EndUser) -> None:
    with pytest.raises(RuntimeError, match="alice has no call yet"):
        alice.wait_for()


# --- nobody there


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://" + "a" * 70], ids=["port", "no host"])
def test_unreachable_emulator_is_one_line(url: str) -> None:
    with pytest.raises(UnreachableError, match="start one with `twilio-udm-emulator`") as failure:
        EndUser(url).connect()

    assert "\n" not in str(failure.value)


def test_other_server_is_not_an_emulator() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(UnreachableError, match=r"rejected the WebSocket.*404"):
            EndUser(f"http://127.0.0.1:{port}").connect()
        answering.join()


def test_silent_gateway_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MARGIN", 0.2)
    with websockets.sync.server.serve(list, "127.0.0.1", 0) as mute:  # it reads to the end
        serving = threading.Thread(target=mute.serve_forever)
        serving.start()
        with pytest.raises(UnreachableError, match="it does not answer in time"):
            EndUser(f"http://127.0.0.1:{mute.socket.getsockname()[1]}").connect()
        mute.shutdown()
        serving.join()


def test_stop_ends_its_calls() -> None:
    with Emulator() as emulator, EndUser(emulator.url) as alice:
        call = alice.call()
        emulator.stop()
        call.wait_for_hangup()

        assert "the connection was lost" in (call.ended or "")
        with pytest.raises(SignallingError, match=r"alice is not connected any more: .*cannot reach an emulator"):
            alice.dial()
        with pytest.raises(AssertionError, match=r"no incoming call for 'alice'.*cannot reach an emulator"):
            alice.wait_for_call(timeout=60)


def test_it_must_be_connected_and_only_once(site: Site) -> None:
    user = EndUser(site.url)
    with pytest.raises(RuntimeError, match="is not connected: use it in a with statement"):
        user.dial()
    user.close()
    with user, pytest.raises(RuntimeError, match="was connected before"):
        user.connect()
    with pytest.raises(RuntimeError, match="closed"):
        user.dial()


# --- threads, tasks and what is left of them


def test_threads_have_their_own_or_share_one(site: Site, alice: EndUser) -> None:
    def talk(name: str) -> int:
        with EndUser(site.url, name) as user:
            for number in range(10):
                call = user.call()
                create(site, call.sid, str(number))
                assert [one.content for one in call.wait_for()] == [number]
                shared = alice.dial()
                shared.send_message(number)
                call.hangup()
                shared.hangup()
        return 10

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(talk, ["p", "q", "r", "s"])) == [10] * 4


def test_nothing_is_left_running(site: Site) -> None:
    before = set(threading.enumerate())
    with EndUser(site.url) as user:
        user.call()
    with pytest.raises(UnreachableError):
        EndUser("http://127.0.0.1:1").connect()

    assert set(threading.enumerate()) == before


def test_async_client_does_the_same(site: Site) -> None:
    async def talk() -> None:
        async with AsyncEndUser(site.url, "tina") as tina, AsyncEndUser(site.url, "uwe") as uwe:
            there = await tina.dial("uwe", a="1")
            here = await uwe.wait_for_call()
            await here.accept()
            await there.wait_for_answer()
            waiting = asyncio.ensure_future(tina.wait_for(content=2))
            created = await asyncio.to_thread(create, site, there.sid, "2")
            assert [one.sid for one in await waiting] == [created["sid"]]
            assert tina.received == there.received
            assert (await uwe.send_message(1)).startswith("KX")
            with pytest.raises(MessageRefusedError):
                await uwe.send_message(1, message_type="nonsense")
            await tina.reconnect()
            await tina.hangup()
            await here.wait_for_hangup()
            assert (await tina.call("nobody")).status == "open"
            again = await uwe.dial("tina")
            await (await tina.wait_for_call()).reject()
            with pytest.raises(CallFailedError):
                await again.wait_for_answer()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(talk())


def test_cancelled_wait_ends_at_once(site: Site) -> None:
    async def give_up() -> None:
        async with AsyncEndUser(site.url, "vera") as vera:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await vera.wait_for_call(timeout=60)
            await vera.call()

    asyncio.run(give_up())


def test_async_misuse_has_the_same_errors(site: Site) -> None:
    async def misuse() -> None:
        user = AsyncEndUser(site.url, "wolf")
        with pytest.raises(RuntimeError, match="wolf has no call yet"):
            await user.hangup()
        with pytest.raises(RuntimeError, match="wolf is not connected"):
            await user.dial()
        async with user:
            with pytest.raises(RuntimeError, match="was connected before"):
                await user.connect()
            await user.reconnect()
        with pytest.raises(AssertionError, match=r"no incoming call for 'wolf' within 60 s; it was closed$"):
            await user.wait_for_call(timeout=60)

    asyncio.run(misuse())


def test_websockets_is_imported_lazily() -> None:
    program = (
        "import sys\n"
        "from emulator.testing import EndUser, EmulatorClient\n"
        "EndUser('http://127.0.0.1:1')\n"
        "print('websockets' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)

    assert (run.stdout.split(), run.stderr) == (["False"], "")
