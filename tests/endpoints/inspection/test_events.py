"""`/_emulator/events`: live, resumed, cut off; read by the standard library's HTTP client."""

import json

import pytest
from support.server import Caller, Running, Servers, Site, fresh
from support.sse import Stream, reset, until

from emulator.endpoints.inspection import events
from emulator.engine.events import MAX_BEHIND
from emulator.settings import Settings


def readers(running: Running) -> int:
    return len(running.engine.events)


def is_cut_off(running: Running) -> bool:
    return all(reader.lagged.is_set() for reader in running.engine.events)


def test_message_causes_two_events(caller: Caller) -> None:
    with Stream(caller.site, account_sid=caller.account) as stream:
        sid = caller.send().json()["sid"]
        request, message = stream.take(2)

    (listed,) = caller.messages()
    assert (request.kind, message.kind) == ("request", "message")
    assert (request.data["outcome"], request.data["message_sid"]) == ("created", sid)
    assert message.data == listed
    assert (request.id, message.id) == (None, str(listed["seq"]))


def test_response_is_uncached_event_stream(site: Site) -> None:
    with Stream(site) as stream:
        headers = {name.lower(): value for name, value in stream.response.getheaders()}

    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_refusals_and_replays_are_requests(caller: Caller) -> None:
    with Stream(caller.site, account_sid=caller.account) as stream:
        for content, key in (("[1]", "k"), ("[1]", "k"), ("hello", None)):
            caller.send(content, key)
        told = stream.take(4)

    assert [(one.kind, one.data.get("outcome")) for one in told] == [
        ("request", "created"),
        ("message", None),
        ("request", "replayed"),
        ("request", "refused"),
    ]
    assert [one.id is None for one in told] == [True, False, False, False]


def test_reset_reaches_matching_streams(caller: Caller) -> None:
    with Stream(caller.site, account_sid=caller.account) as stream:
        reset(caller.site, account_sid=fresh("AC"))
        reset(caller.site, call_sid=caller.call)
        told = stream.next()

    assert told is not None
    assert (told.kind, told.data) == ("reset", {"account_sid": None, "call_sid": caller.call})


def test_line_ends_in_content(caller: Caller) -> None:
    with Stream(caller.site, account_sid=caller.account) as stream:
        caller.send('{"a":\n\r\n1,\r"b": "\u2028\x85"}')
        _, message = stream.take(2)

    assert message.data == caller.messages()[0]
    assert message.data["json"] == {"a": 1, "b": "\u2028\x85"}


def test_stream_resumes_after_a_disconnect(caller: Caller) -> None:
    stream = Stream(caller.site, account_sid=caller.account)
    caller.send("[0]")
    last = stream.take(2)[-1].id or ""
    stream.cut()
    for number in range(1, 4):
        caller.send(f"[{number}]")
    with Stream(caller.site, account_sid=caller.account, headers=[("Last-Event-ID", last)]) as stream:
        caller.send("[4]")
        told = stream.take(8)

    assert [one.data["json"] for one in told if one.kind == "message"] == [[1], [2], [3], [4]]
    assert [one.kind for one in told] == ["request", "message"] * 4


def test_stream_cut_within_a_message(caller: Caller) -> None:
    """Request and message are sent again."""
    before = caller.listing()["last_seq"]
    with Stream(caller.site, account_sid=caller.account, after=before) as stream:
        caller.send("[1]")
        (request,) = stream.take(1)
    resumed_from = request.id or str(before)
    with Stream(caller.site, account_sid=caller.account, headers=[("Last-Event-ID", resumed_from)]) as stream:
        told = stream.take(2)

    assert [one.kind for one in told] == ["request", "message"]


def test_last_event_id_overrides_after(caller: Caller) -> None:
    seqs = [caller.send() and caller.messages()[-1]["seq"] for _ in range(3)]
    last = [("Last-Event-ID", str(seqs[1]))]
    with Stream(caller.site, account_sid=caller.account, after=seqs[0]) as stream:
        by_query = [one.data["seq"] for one in stream.take(4)]
    with Stream(caller.site, account_sid=caller.account, after=0, headers=last) as stream:
        by_header = [one.data["seq"] for one in stream.take(2)]

    assert by_query == [seqs[1], seqs[1], seqs[2], seqs[2]]
    assert by_header == [seqs[2]] * 2


def test_position_of_an_earlier_emulator() -> None:
    """A stream with a position beyond the end of the journal receives all events."""
    with Running(Settings(port=0)) as running:
        caller = Caller(running.site)
        caller.send("[1]")
        with Stream(running.site, headers=[("Last-Event-ID", "5000")]) as stream:
            caller.send("[2]")
            told = stream.take(4)

    assert [one.data["content"] for one in told] == ["[1]", "[1]", "[2]", "[2]"]


def test_long_backlog_can_be_resumed(serve: Servers) -> None:
    caller = Caller(serve())
    count = MAX_BEHIND
    before = caller.listing()["last_seq"]
    with caller.site.connect() as connection:
        for _ in range(count):
            connection.send(caller.raw("[]"))
        for _ in range(count):
            assert connection.reply().status == 201
    with Stream(caller.site, account_sid=caller.account, after=before) as stream:
        caller.send("[1]")
        told = stream.take(2 * count + 2)

    seqs = [one.data["seq"] for one in told]
    assert seqs == sorted(seqs)
    assert len(set(seqs)) == count + 1
    assert told[-1].data["content"] == "[1]"


def test_evicted_events_are_reported_first(serve: Servers) -> None:
    caller = Caller(serve(journal_limit=4))
    reset(caller.site)
    start = caller.listing()["last_seq"]
    for number in range(10):
        caller.send(f"[{number}]")
    with Stream(caller.site, headers=[("Last-Event-ID", str(start + 2))]) as stream:
        evicted, *told = stream.take(9)
    with Stream(caller.site, after=start + 6) as stream:
        unharmed = stream.take(1)

    assert (evicted.kind, evicted.id) == ("evicted", None)
    assert evicted.data == {"evicted": 4, "evicted_through": start + 6}
    assert [one.data["content"] for one in told] == [f"[{number}]" for number in (6, 6, 7, 7, 8, 8, 9, 9)]
    assert unharmed[0].kind == "request"


def test_idle_stream_gets_comments(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_HEARTBEAT", 0.01)  # ten seconds are too long to wait for here
    with Stream(caller.site, account_sid=caller.account) as stream:
        lines = [stream.next_line() for _ in range(4)]

    assert [line for line in lines if line.strip()] == [": still here\n"] * 2


def test_lagging_client_is_disconnected() -> None:
    """It receives `lagged`, and slows no other client."""
    with Running(Settings(port=0)) as running, Stream(running.site) as slow, running.site.connect() as connection:
        caller = Caller(running.site)
        content = json.dumps("x" * 9000)
        while not is_cut_off(running):
            connection.send(caller.raw(content))
            assert connection.reply().status == 201
        told = []
        while one := slow.next():
            told.append(one)
        until(running.site, lambda: readers(running) == 0)

    assert told[-1].kind == "lagged"
    assert str(MAX_BEHIND) in told[-1].data["missed"]
    seqs = [one.data["seq"] for one in told[:-1]]
    assert seqs == sorted(seqs)


def test_client_that_never_reads_is_closed() -> None:
    with Running(Settings(port=0)) as running, Stream(running.site), running.site.connect() as connection:
        caller = Caller(running.site)
        content = json.dumps("x" * 9000)
        while not is_cut_off(running):
            connection.send(caller.raw(content))
            assert connection.reply().status == 201
        until(running.site, lambda: readers(running) == 0)

        assert readers(running) == 0


def test_aborted_stream_is_removed_at_once() -> None:
    with Running(Settings(port=0)) as running:
        stream = Stream(running.site)
        before = readers(running)
        stream.cut()
        until(running.site, lambda: readers(running) == 0)

    assert before == 1


def test_closed_stream_is_removed_at_once() -> None:
    with Running(Settings(port=0)) as running:
        with running.site.connect() as connection:
            connection.send(b"GET /_emulator/events HTTP/1.1\r\nHost: x\r\n\r\n")
            until(running.site, lambda: readers(running) == 1)
        until(running.site, lambda: readers(running) == 0)

        assert readers(running) == 0


def test_a_stop_ends_every_stream_cleanly() -> None:
    with Running(Settings(port=0)) as running, Stream(running.site) as stream:
        Caller(running.site).send()
        running.stop()
        told = [stream.next() for _ in range(3)]

    assert [one and one.kind for one in told] == ["request", "message", None]


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("/_emulator/events?after=-1", "after"),
        ("/_emulator/events?acount_sid=x", "acount_sid"),
        ("/_emulator/events?outcome=x", "outcome"),
    ],
)
def test_invalid_parameter_is_named(site: Site, target: str, parameter: str) -> None:
    reply = site.get(target)

    assert reply.status == 422
    assert [bad["parameter"] for bad in reply.json()["parameters"]] == [parameter]


def test_position_must_be_a_number(site: Site) -> None:
    reply = site.ask("GET", "/_emulator/events", [("Last-Event-ID", "x")])

    assert reply.status == 422
    assert "last-event-id" in reply.json()["error"]
