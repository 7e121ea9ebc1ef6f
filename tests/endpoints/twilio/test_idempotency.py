"""One key, one message."""

import pytest
from support.builders import Time
from support.server import CONTENT, Caller, Reply, Servers

TTL = 60


def sid(reply: Reply) -> str:
    assert reply.status == 201, reply
    text: str = reply.json()["sid"]
    return text


def test_same_key_replays_the_response(caller: Caller) -> None:
    first, *others = [caller.send(key="k") for _ in range(3)]

    (message,) = caller.messages()
    assert [(other.status, other.body) for other in others] == [(201, first.body)] * 2
    assert (message["sid"], message["replays"]) == (first.json()["sid"], 2)


def test_replay_in_another_representation(caller: Caller) -> None:
    first = caller.send(key="k")
    again = caller.send(key="k", path=caller.path.removesuffix(".json"))

    assert f"<Sid>{sid(first)}</Sid>" in again.text


@pytest.mark.parametrize("key", ["é\U0001f600", "a b+c&d=%", "x" * 255, " "])
def test_a_key_is_any_text(caller: Caller, key: str) -> None:
    first, again = caller.send(key=key), caller.send(key=key)

    assert again.body == first.body
    assert [message["sid"] for message in caller.messages(idempotency_key=key)] == [sid(first)]


def test_key_over_255_characters_is_rejected(caller: Caller) -> None:
    reply = caller.send(key="\N{GRINNING FACE}" * 256)
    (request,) = caller.site.get(f"/_emulator/requests?account_sid={caller.account}").json()["requests"]

    assert (reply.status, reply.json()["code"], reply.json()["message"]) == (400, 20001, "Invalid IdempotencyKey.")
    assert request["rule"]["name"] == "idempotency-key-too-long"
    assert request["rule"]["reason"] == "IdempotencyKey has 256 characters, at most 255"
    assert request["idempotency_key"] == "\N{GRINNING FACE}" * 255


def test_keys_differ_by_case(caller: Caller) -> None:
    assert sid(caller.send(key="k")) != sid(caller.send(key="K"))


def test_key_belongs_to_account_and_call(caller: Caller) -> None:
    other_call = Caller(caller.site, account=caller.account)
    other_account = Caller(caller.site, call=caller.call)

    assert len({sid(one.send(key="k")) for one in (caller, other_call, other_account)}) == 3


def test_empty_key_never_replays(caller: Caller) -> None:
    sids = {sid(caller.send(key=key)) for key in (None, None, "", "")}

    assert len(sids) == 4
    assert {message["idempotency_key"] for message in caller.messages()} == {None}


def test_other_content_is_replayed(caller: Caller) -> None:
    first, other = caller.send(key="k"), caller.send('{"other":1}', key="k")

    assert (other.status, other.body) == (201, first.body)
    assert [(message["content"], message["replays"]) for message in caller.messages()] == [(CONTENT, 1)]


def test_other_content_is_rejected_by_option(serve: Servers) -> None:
    caller = Caller(serve(idempotency_mismatch="reject"))
    first, other, same = caller.send(key="k"), caller.send('{"other":1}', key="k"), caller.send(key="k")

    assert (other.status, other.json()["code"], other.json()["message"]) == (409, 20409, "Conflict")
    assert same.body == first.body


def test_refusals_do_not_use_a_key(caller: Caller) -> None:
    refused = caller.send("hello", key="k")
    created = caller.send(key="k")

    assert (refused.status, created.status) == (400, 201)


def test_key_expires(serve: Servers) -> None:
    time = Time()
    caller = Caller(serve(now=time, idempotency_ttl=TTL))
    first = caller.send(key="k")
    time.now += TTL - 0.5
    within = caller.send(key="k")
    time.now += 0.5
    after = caller.send(key="k")

    assert within.body == first.body
    assert sid(after) != sid(first)


def test_oldest_key_is_evicted(serve: Servers) -> None:
    caller = Caller(serve(idempotency_limit=2))
    first = [sid(caller.send(key=key)) for key in ("a", "b", "c")]
    again = [sid(caller.send(key=key)) for key in ("c", "b", "a")]

    assert again[:2] == [first[2], first[1]]
    assert again[2] != first[0]


def test_key_of_evicted_message_replays(serve: Servers) -> None:
    caller = Caller(serve(journal_limit=3))
    first = caller.send(key="k")
    for _ in range(3):
        caller.send()

    assert caller.send(key="k").body == first.body


def test_key_of_deleted_message_is_free(caller: Caller) -> None:
    first = caller.send(key="k")
    caller.site.delete(f"/_emulator/messages?account_sid={caller.account}")

    assert sid(caller.send(key="k")) != sid(first)


def test_known_key_replays_after_the_call(caller: Caller) -> None:
    first = caller.send(key="k")
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {"status": "completed"})

    assert caller.send(key="k").body == first.body
    assert caller.send(key="other").json()["code"] == 21220
