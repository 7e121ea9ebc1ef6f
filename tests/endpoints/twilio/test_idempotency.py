"""One key, one message."""

from support.server import Caller


def test_same_key_replays_the_response(caller: Caller) -> None:
    first, *others = [caller.send(key="k") for _ in range(3)]

    (message,) = caller.messages()
    assert [(other.status, other.body) for other in others] == [(201, first.body)] * 2
    assert (message["sid"], message["replays"]) == (first.json()["sid"], 2)


def test_key_over_255_characters_is_rejected(caller: Caller) -> None:
    reply = caller.send(key="\N{GRINNING FACE}" * 256)
    (request,) = caller.requests()

    assert (reply.status, reply.json()["code"], reply.json()["message"]) == (400, 20001, "Invalid IdempotencyKey.")
    assert request["rule"]["name"] == "idempotency-key-too-long"
    assert request["rule"]["reason"] == "IdempotencyKey has 256 characters, at most 255"
    assert request["idempotency_key"] == "\N{GRINNING FACE}" * 255
