from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import arrival, exchange, message, path, request

from emulator.endpoints.exchange_response import head_of, reply_of
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.journal import exchange as exchanges
from emulator.engine.journal.exchange import Outcome, host_of, pack, unpack, wants_charset
from emulator.engine.state.schemas import ValidationResult
from emulator.wire import errors, replies

NAMES = st.text(st.characters(max_codepoint=127, exclude_characters="\n")).map(str.encode)
VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\n")).map(lambda text: text.encode("latin-1"))


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_packed_headers_round_trip(headers: list[tuple[bytes, bytes]]) -> None:
    unpacked = unpack(pack(headers))

    assert [(name.encode("latin-1"), value.encode("latin-1")) for name, value in unpacked] == headers


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (path(), path()),
        (path() + "?", path()),
        (path() + "?a=b?c", path()),
        ("", ""),
    ],
)
def test_path_is_the_target_without_query(target: str, expected: str) -> None:
    assert request(target=target).path == expected


def test_request_id_has_the_sids_hex() -> None:
    created = exchange(7)

    assert created.request_id == "RQ00000000000000000000000000000007"
    assert created.request_id[2:] == created.message.sid[2:]


@pytest.mark.parametrize("outcome", Outcome)
def test_only_its_exchange_created_a_message(outcome: Outcome) -> None:
    kept = message()
    seen = exchange(outcome=outcome, made=kept)

    assert seen.created is (kept if outcome is Outcome.CREATED else None)


@pytest.mark.parametrize(
    "heavier",
    [
        pytest.param({"request": request(body=b"x" * 1000, body_size=1000)}, id="body"),
        pytest.param({"request": request(target=path() + "?" + "x" * 1000)}, id="target"),
        pytest.param({"content": "x" * 1002}, id="content"),
        pytest.param({"made": message(idempotency_key="x" * 1000)}, id="idempotency key"),
        pytest.param({"outcome": Outcome.REFUSED, "reason": "x" * 1002}, id="reason"),
        pytest.param(
            {"schemas": (ValidationResult(name="order", errors=(("", "x" * 1000),)),)}, id="violations of a schema"
        ),
        pytest.param({"context": arrival("x" * 1034)}, id="raw account"),
        pytest.param({"context": arrival(call_sid="x" * 1034)}, id="raw call"),
    ],
)
def test_size_grows_with_the_texts(heavier: dict[str, object]) -> None:
    assert exchange(**heavier).size >= exchange().size + 1000 - len("{}")


def test_created_message_response() -> None:
    """The response has the members of the message."""
    reply = reply_of(exchange(made=message()))

    assert reply == replies.created("UserDefinedMessage", message().members(), replies.Representation.JSON)


@pytest.mark.parametrize("outcome", [Outcome.REPLAYED, Outcome.MISMATCH])
def test_replay_has_the_first_response(outcome: Outcome) -> None:
    first, again = exchange(1, made=message()), exchange(2, outcome=outcome, made=message())

    assert reply_of(again) == reply_of(first)
    assert again.request_id != first.request_id


def test_refusal_response() -> None:
    """The response has the error's row, and the path without the query."""
    refused = exchange(outcome=Outcome.REFUSED, problem=errors.CALL_UNKNOWN, request=request(target=path() + "?a=b"))

    reply = reply_of(refused)

    assert reply == replies.refusal(errors.CALL_UNKNOWN, path(), replies.Representation.JSON)


def test_options_response() -> None:
    """The response lists the allowed methods."""
    reply = reply_of(exchange(outcome=Outcome.PREFLIGHT))

    assert reply == replies.preflight(replies.Representation.JSON)


@pytest.mark.parametrize("suffix", ["", ".xml", ".xml?x=.json", "?.json"])
def test_suffix_decides_the_representation(suffix: str) -> None:
    asked = exchange(request=request(target=path(resource="UserDefinedMessages") + suffix))

    assert reply_of(asked).body.startswith(b"<?xml")


def test_response_head_uses_stored_facts() -> None:
    asked = exchange(7, replied_at=0.9, duration=0.0416, context=arrival(concurrent=3))

    sent = dict(replies.headers(head_of(asked, reply_of(asked))))

    assert sent[b"date"] == b"Thu, 01 Jan 1970 00:00:00 GMT"
    assert sent[b"content-length"] == str(len(reply_of(asked).body)).encode()
    assert sent[b"twilio-request-id"] == b"RQ00000000000000000000000000000007"
    assert sent[b"twilio-request-duration"] == b"0.042"
    assert sent[b"twilio-concurrent-requests"] == b"3"


def test_unsent_response_has_no_duration() -> None:
    asked = exchange(duration=None)

    sent = dict(replies.headers(head_of(asked, reply_of(asked))))

    assert sent[b"twilio-request-duration"] == b"0.000"


@pytest.mark.parametrize(
    ("headers", "media_type"),
    [
        pytest.param([], b"application/json", id="no header"),
        pytest.param([(b"accept-charset", b"utf-8")], b"application/json; charset=utf-8", id="utf-8"),
        pytest.param([(b"accept-charset", b"UTF-8")], b"application/json; charset=utf-8", id="upper case"),
        pytest.param(
            [(b"accept", b"*/*"), (b"accept-charset", b"utf-8"), (b"host", b"x")],
            b"application/json; charset=utf-8",
            id="among others",
        ),
        pytest.param([(b"accept-charset", b"iso-8859-1")], b"application/json", id="another charset"),
        pytest.param([(b"x-accept-charset", b"utf-8")], b"application/json", id="another name"),
        pytest.param(
            [(b"x", b"accept-charset"), (b"utf-8", b"x")],
            b"application/json",
            id="a value and the next name",
        ),
    ],
)
def test_charset_depends_on_the_request(headers: list[tuple[bytes, bytes]], media_type: bytes) -> None:
    asked = exchange(request=request(head=pack(headers)))

    sent = dict(replies.headers(head_of(asked, reply_of(asked))))

    assert sent[b"content-type"] == media_type


@pytest.mark.parametrize(
    ("client", "peer"), [pytest.param(("::1", 5), "::1:5", id="known"), pytest.param(None, "", id="not known")]
)
def test_peer_is_address_and_port(client: tuple[str, int] | None, peer: str) -> None:
    assert request(client=client).peer == peer


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        pytest.param(b"Content=1&a=b", {"Content": "1", "a": "b"}, id="whole"),
        pytest.param(b"Content=%", {}, id="broken"),
    ],
)
def test_parameters_are_those_of_the_form(body: bytes, parameters: dict[str, str]) -> None:
    asked = request(head=pack([(b"content-type", b"application/x-www-form-urlencoded")]), body=body)

    assert asked.parameters() == parameters


def test_no_media_type_means_no_parameters() -> None:
    assert request(body=b"Content=1").parameters() == {}


@pytest.mark.parametrize(
    ("violations", "valid"),
    [([], None), ([()], True), ([(), ()], True), ([(), (("/a", "no"),)], False)],
    ids=["no schema", "one", "two", "one that is broken"],
)
def test_message_is_valid_by_all_schemas(violations: list[tuple[tuple[str, str], ...]], *, valid: bool | None) -> None:
    schemas = tuple(ValidationResult(name="s", errors=found) for found in violations)

    assert exchange(schemas=schemas).valid is valid


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        pytest.param({}, 201, None, id="created"),
        pytest.param({"outcome": Outcome.REPLAYED, "made": message()}, 201, None, id="replayed"),
        pytest.param({"outcome": Outcome.REFUSED, "problem": errors.CALL_UNKNOWN}, 404, 20404, id="refused"),
        pytest.param({"outcome": Outcome.REFUSED, "problem": errors.CALL_IS_PSTN}, 400, None, id="without a code"),
        pytest.param({"outcome": Outcome.PREFLIGHT}, 200, None, id="preflight"),
    ],
)
def test_status_and_code_are_the_responses(facts: dict[str, object], status: int, code: int | None) -> None:
    found = exchange(**facts)

    assert (found.status, found.code) == (status, code)
    assert reply_of(found).status == status


def test_gateway_page_has_no_twilio_headers() -> None:
    page = ReplyFault(errors.SERVICE_UNAVAILABLE, page="<h1>down</h1>")
    faulty = exchange(outcome=Outcome.FAULTED, context=replace(arrival(), fault=InjectedFault(rule="r", action=page)))
    reply = reply_of(faulty)

    assert (reply.status, reply.body, reply.media_type) == (503, b"<h1>down</h1>", b"text/html")
    assert [name for name, _ in replies.headers(head_of(faulty, reply))] == [
        b"date",
        b"content-type",
        b"content-length",
    ]


def test_deletion_response_has_no_body() -> None:
    reply = reply_of(exchange(outcome=Outcome.DELETED))

    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize(("size", "cached"), [(0, 1), (1025, 0)])
def test_caches_have_no_long_heads(size: int, cached: int) -> None:
    caches = exchanges._host_of, exchanges._wants_charset
    for cache in caches:
        cache.cache_clear()
    head = pack([(b"host", b"example.com:1"), (b"accept-charset", b"utf-8"), (b"x", b"x" * size)])

    assert (host_of(head), wants_charset(head)) == ("example.com", True)
    assert [cache.cache_info().currsize for cache in caches] == [cached, cached]
