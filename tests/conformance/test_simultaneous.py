"""Many clients at once: nobody comes between a key's look-up and its message."""

from contextlib import ExitStack

from support.server import CONTENT, Caller, Reply

CLIENTS = 200


def all_at_once(caller: Caller, key: str | None = None) -> list[Reply]:
    """A request on each of many connections: every body is sent after every head was taken."""
    head, end, body = caller.raw(CONTENT, key, ("Expect", "100-continue")).partition(b"\r\n\r\n")
    with ExitStack() as stack:
        connections = [stack.enter_context(caller.site.connect()) for _ in range(CLIENTS)]
        for connection in connections:
            connection.send(head + end)
        for connection in connections:
            assert connection.reply().status == 100
        for connection in connections:
            connection.send(body)
        return [connection.reply() for connection in connections]


def test_concurrent_requests_with_one_key(caller: Caller) -> None:
    """They create one message."""
    replies = all_at_once(caller, "k")

    (message,) = caller.messages()
    assert {(reply.status, reply.body) for reply in replies} == {(201, replies[0].body)}
    assert (message["sid"], message["replays"]) == (replies[0].json()["sid"], CLIENTS - 1)
    assert len({reply.header("twilio-request-id") for reply in replies}) == CLIENTS


def test_concurrent_requests_without_key(caller: Caller) -> None:
    """Each creates a message."""
    replies = all_at_once(caller)

    page = caller.listing(limit=1000)
    assert {reply.json()["sid"] for reply in replies} == {message["sid"] for message in page["messages"]}
    assert page["count"] == CLIENTS


def test_concurrent_requests_are_counted(caller: Caller) -> None:
    replies = all_at_once(caller)

    counts = [int(reply.header("twilio-concurrent-requests") or 0) for reply in replies]
    assert sorted(counts) == list(range(1, CLIENTS + 1))
