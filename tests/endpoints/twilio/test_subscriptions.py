"""UserDefinedMessageSubscriptions over the wire: created, refused, replayed, deleted, and what the journal keeps."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.builders import Time
from support.faults import add_fault
from support.server import Caller, Reply, Servers, basic, fresh, request
from support.sse import post_json
from support.subscriptions import CALLBACK, path_of, subscribe, subscribed, subscriptions, unsubscribe

NOT_FOUND = "The requested resource {path} was not found"
BOUNDARY = "multipart/form-data; boundary=x"


def refusal(reply: Reply, path: str = "") -> tuple[int, int | None, str]:
    body = reply.json()
    return reply.status, body.get("code"), body["message"].replace(path, "{path}") if path else body["message"]


def whole(caller: Caller, request_id: str) -> Any:  # noqa: ANN401  JSON
    return caller.site.get(f"/_emulator/requests/{request_id}").json()


def deletion(caller: Caller, sid: str) -> bytes:
    return request("DELETE", path_of(caller, sid), [caller.auth])


def check(caller: Caller, method: str = "POST", sid: str | None = None, **form: str) -> Any:  # noqa: ANN401  JSON
    described = {"method": method, "path": path_of(caller, sid), "headers": dict([caller.auth]), "form": form}
    return post_json(caller.site, "/_emulator/check", described).json()


# --- created


def test_created_subscription_members(serve: Servers) -> None:
    """The response has Twilio's members in their order."""
    caller = Caller(serve(now=Time()))
    reply = subscribe(caller)

    sid = reply.json()["sid"]
    assert reply.status == 201
    assert list(reply.json().items()) == [
        ("account_sid", caller.account),
        ("call_sid", caller.call),
        ("sid", sid),
        ("date_created", "Wed, 18 Dec 2019 20:02:01 +0000"),
        ("uri", path_of(caller, sid)),
    ]
    assert (sid[:2], len(sid)) == ("ZY", 34)
    assert reply.header("twilio-request-id") == "RQ" + sid[2:]


@pytest.mark.parametrize("suffix", ["", ".xml"])
def test_the_xml_form_has_the_same_members(caller: Caller, suffix: str) -> None:
    reply = subscribe(caller, suffix=suffix)
    (element,) = ET.fromstring(reply.body)

    assert (reply.status, reply.header("content-type"), element.tag) == (
        201,
        "application/xml",
        "UserDefinedMessageSubscription",
    )
    assert [child.tag for child in element] == ["AccountSid", "CallSid", "Sid", "DateCreated", "Uri"]
    assert element.findtext("Sid") == subscriptions(caller)[0]["sid"]


def test_its_headers_are_those_of_a_message(caller: Caller) -> None:
    assert subscribe(caller).names == caller.send().names


# --- refused


REFUSED: list[Any] = [
    pytest.param({"callback": None}, "Missing required parameter Callback in the post body", id="no callback"),
    pytest.param({"callback": "http://a_b.localhost/"}, "Invalid Callback.", id="underscore in the host"),
    pytest.param({"Method": "PUT"}, "Invalid Method.", id="another method"),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED)
def test_a_bad_parameter_is_refused(caller: Caller, parameters: dict[str, Any], message: str) -> None:
    reply = subscribe(caller, **parameters)

    (seen,) = caller.requests()
    assert refusal(reply) == (400, 20001, message)
    assert subscriptions(caller) == []
    assert (seen["outcome"], seen["code"]) == ("refused", 20001)
    assert seen["rule"]["reason"]


def _foreign_origin(caller: Caller) -> Reply:
    return subscribe(caller, None, more=[("Origin", "http://evil.example")])


ORDER: list[tuple[str, Callable[[Caller], Reply], tuple[int, int]]] = [
    ("credentials", lambda c: c.ask(b"", path=path_of(c, suffix="x.json"), headers=[]), (401, 20003)),
    ("path", lambda c: c.ask(b"", path=path_of(c, suffix="x.json"), headers=[basic(fresh("AC"))]), (404, 20404)),
    ("account", lambda c: c.ask(b"", method="PUT", path=path_of(c), headers=[basic(fresh("AC"))]), (401, 20003)),
    (
        "method",
        lambda c: c.ask(b"", method="PUT", path=path_of(c), more=[("Origin", "http://evil.example")]),
        (405, 20004),
    ),
    ("origin", _foreign_origin, (403, 20403)),
    ("size", lambda c: c.ask(b"%" * (3 << 20), path=path_of(c)), (413, 20413)),
    ("form", lambda c: c.ask(b"", path=path_of(c), headers=[c.auth, ("Content-Type", BOUNDARY)]), (400, 20001)),
    ("callback", lambda c: subscribe(c, None, Method="PUT"), (400, 20001)),
    ("method of the callback", lambda c: subscribe(c, Method="PUT", IdempotencyKey="k"), (400, 20001)),
    ("key", lambda c: subscribe(c, Method="GET", IdempotencyKey="k"), (409, 20409)),
    ("call", subscribe, (400, 21220)),
]


@pytest.mark.parametrize(("ask", "expected"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_checks_have_the_order_of_messages(
    serve: Servers, ask: Callable[[Caller], Reply], expected: tuple[int, int]
) -> None:
    """Each request is wrong in the next way too."""
    caller = Caller(serve(idempotency_mismatch="reject"))
    subscribed(caller, IdempotencyKey="k")
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {"status": "completed"})

    assert refusal(ask(caller))[:2] == expected
    assert len(subscriptions(caller)) == 1


def test_unregistered_call_is_404(serve: Servers) -> None:
    caller = Caller(serve(calls="registered"))

    assert refusal(subscribe(caller), path_of(caller)) == (404, 20404, NOT_FOUND)


# --- pages of other sites


def test_foreign_page_cannot_subscribe(caller: Caller) -> None:
    reply = subscribe(caller, more=[("Origin", "http://evil.example")])

    (seen,) = caller.requests()
    assert refusal(reply) == (403, 20403, "Forbidden")
    assert (seen["rule"]["name"], subscriptions(caller)) == ("origin-foreign", [])
    assert "allowed_origins" in seen["rule"]["reason"]


def test_local_page_may_subscribe(caller: Caller) -> None:
    assert subscribe(caller, more=[("Origin", "http://localhost:3000")]).status == 201


def test_own_page_may_subscribe(caller: Caller) -> None:
    own = [("Host", "emulator:2010"), ("Origin", "http://emulator:2010")]
    rebound = [("Host", "evil.example"), ("Origin", "http://evil.example")]

    assert [subscribe(caller, more=more).status for more in (own, rebound)] == [201, 403]


def test_allowed_origin_may_subscribe(serve: Servers) -> None:
    caller = Caller(serve(allowed_origins=frozenset({"http://ok.example"})))

    assert subscribe(caller, more=[("Origin", "http://ok.example")]).status == 201
    assert subscribe(caller, more=[("Origin", "http://ok.example:81")]).status == 403


def test_foreign_page_cannot_delete(caller: Caller) -> None:
    sid = subscribed(caller)

    foreign = unsubscribe(caller, sid, more=[("Origin", "http://evil.example")])
    left = [one["sid"] for one in subscriptions(caller)]

    assert (refusal(foreign)[:2], left) == ((403, 20403), [sid])
    assert unsubscribe(caller, sid, more=[("Origin", "http://localhost:3000")]).status == 204


def test_a_message_may_come_from_any_page(caller: Caller) -> None:
    """It changes nothing that this machine calls, and Twilio takes one from any page too."""
    assert caller.ask(more=[("Origin", "http://evil.example")]).status == 201


# --- keys


def test_same_key_replays_the_subscription(caller: Caller) -> None:
    first, again = (subscribe(caller, IdempotencyKey="k") for _ in range(2))

    (one,) = subscriptions(caller)
    assert (again.status, again.body) == (201, first.body)
    assert (one["sid"], one["replays"]) == (first.json()["sid"], 1)
    assert [seen["outcome"] for seen in caller.requests()] == ["created", "replayed"]


@pytest.mark.parametrize("other", [{"callback": "http://localhost/other"}, {"Method": "GET"}])
def test_other_parameters_under_a_known_key(serve: Servers, other: dict[str, str]) -> None:
    """They are replayed or rejected, by the option."""
    lenient, strict = Caller(serve()), Caller(serve(idempotency_mismatch="reject"))
    first = [subscribed(caller, IdempotencyKey="k") for caller in (lenient, strict)]
    replayed, rejected = (subscribe(caller, IdempotencyKey="k", **other) for caller in (lenient, strict))

    assert (replayed.status, replayed.json()["sid"]) == (201, first[0])
    assert lenient.requests()[-1]["outcome"] == "mismatch"
    assert refusal(rejected) == (409, 20409, "Conflict")
    assert first[1] in strict.requests()[-1]["rule"]["reason"]


# --- deleted


@pytest.mark.parametrize("suffix", [".json", ".xml", ""])
def test_deletion_is_204_without_a_body(caller: Caller, suffix: str) -> None:
    sid = subscribed(caller)
    reply = unsubscribe(caller, sid, suffix=suffix)

    assert (reply.status, reply.body) == (204, b"")
    assert {"content-length", "content-type", "transfer-encoding"}.isdisjoint(reply.names)
    assert set(reply.names) == set(caller.send().names) - {"content-length", "content-type"} | {"connection"}
    assert subscriptions(caller) == []


def test_deletion_keeps_the_connection(caller: Caller) -> None:
    sids = [subscribed(caller) for _ in range(2)]
    with caller.site.connect() as connection:
        for sid in sids:
            connection.send(deletion(caller, sid))
        statuses = [connection.reply("DELETE").status for _ in sids]
        connection.send(caller.raw())

        assert (statuses, connection.reply().status) == ([204, 204], 201)


def test_unknown_subscription_is_404(caller: Caller) -> None:
    sid, never = subscribed(caller), fresh("ZY")
    first = unsubscribe(caller, sid)
    replies = [(one, unsubscribe(caller, one)) for one in (sid, never)]

    assert first.status == 204
    for one, reply in replies:
        assert refusal(reply, path_of(caller, one)) == (404, 20404, NOT_FOUND)
    assert [seen["rule"]["name"] for seen in caller.requests()[-2:]] == ["subscription-unknown"] * 2


def test_deletion_needs_credentials(caller: Caller) -> None:
    sid = subscribed(caller)
    anonymous = caller.ask(b"", method="DELETE", path=path_of(caller, sid), headers=[])
    stranger = caller.ask(b"", method="DELETE", path=path_of(caller, sid), headers=[basic(fresh("AC"))])

    assert [refusal(reply)[:2] for reply in (anonymous, stranger)] == [(401, 20003)] * 2
    assert len(subscriptions(caller)) == 1


def test_malformed_sid_is_an_unknown_path(caller: Caller) -> None:
    assert refusal(unsubscribe(caller, "ZY1"), path_of(caller, "ZY1")) == (404, 20404, NOT_FOUND)
    assert caller.requests()[-1]["rule"]["name"] == "path-unknown"


# --- other methods


def test_a_list_allows_post_only(caller: Caller) -> None:
    reply = caller.ask(b"", method="GET", path=path_of(caller))

    assert (refusal(reply), reply.header("allow")) == ((405, 20004, "Method not allowed"), "OPTIONS, POST")


def test_a_subscription_allows_delete_only(caller: Caller) -> None:
    sid = subscribed(caller)
    reply = caller.ask(b"", method="POST", path=path_of(caller, sid))

    assert (refusal(reply), reply.header("allow")) == ((405, 20004, "Method not allowed"), "OPTIONS, DELETE")
    assert len(subscriptions(caller)) == 1


def test_options_lists_the_methods_of_a_path(caller: Caller) -> None:
    paths = (path_of(caller), path_of(caller, fresh("ZY")))
    replies = [caller.ask(b"", method="OPTIONS", path=path, headers=[]) for path in paths]

    assert [(reply.status, reply.body, reply.header("allow")) for reply in replies] == [
        (200, b"", "OPTIONS, POST"),
        (200, b"", "OPTIONS, DELETE"),
    ]
    assert check(caller, "OPTIONS", fresh("ZY"))["reply"]["status"] == 200


# --- journal


def test_journal_has_creation_and_deletion(caller: Caller) -> None:
    sid = subscribed(caller, Method="GET", IdempotencyKey="k")
    reply = unsubscribe(caller, sid)
    created, deleted = caller.requests()

    assert [(one["method"], one["path"]) for one in (created, deleted)] == [
        ("POST", path_of(caller)),
        ("DELETE", path_of(caller, sid)),
    ]
    assert [(one["outcome"], one["status"], one["code"]) for one in (created, deleted)] == [
        ("created", 201, None),
        ("deleted", 204, None),
    ]
    assert [(one["idempotency_key"], one["content"], one["message_sid"], one["delivered"]) for one in (created,)] == [
        ("k", None, None, None)
    ]
    first, second = (whole(caller, one["request_id"]) for one in (created, deleted))
    assert first["request"]["form"] == {"Callback": CALLBACK, "Method": "GET", "IdempotencyKey": "k"}
    assert json.loads(first["reply"]["body"])["sid"] == sid
    assert (second["reply"]["status"], second["reply"]["body"]) == (204, "")
    shown = [(one["name"], one["value"]) for one in second["reply"]["headers"]]
    assert shown == [header for header in reply.headers if header[0] != "connection"]


# --- asking without sending


def test_check_matches_sending(caller: Caller) -> None:
    good, bad = check(caller, Callback=CALLBACK), check(caller, Callback="http://a_b/")

    assert (good["reply"]["status"], "ZY" + "0" * 32 in good["reply"]["body"]) == (201, True)
    assert [rule["rule"] for rule in bad["rules"] if not rule["passed"]] == ["callback-invalid"]
    looked = [rule["rule"] for rule in good["rules"]]
    assert looked[-9:] == [
        "callback-required",
        "callback-invalid",
        "method-invalid",
        "idempotency-key-too-long",
        "idempotency-conflict",
        "call-unknown",
        "call-foreign",
        "call-is-pstn",
        "call-not-active",
    ]
    assert subscriptions(caller) == []


def test_check_of_a_deletion_deletes_nothing(caller: Caller) -> None:
    sid = subscribed(caller)
    known, unknown = check(caller, "DELETE", sid), check(caller, "DELETE", fresh("ZY"))

    assert (known["reply"]["status"], known["reply"]["body"]) == (204, "")
    assert [rule["rule"] for rule in unknown["rules"] if not rule["passed"]] == ["subscription-unknown"]
    assert len(subscriptions(caller)) == 1


# --- faults


@pytest.mark.parametrize(
    ("then", "status", "left"),
    [
        ({"reply": {"status": 500}}, 500, 1),
        ({"reply": {"status": 502}}, 502, 1),
        ({"delay": 0.001}, 204, 0),
        ({"quota": {"requests": 0, "window": 5}}, 429, 1),
    ],
)
def test_faults_apply_to_deletions(caller: Caller, then: Any, status: int, left: int) -> None:  # noqa: ANN401
    sid = subscribed(caller)
    add_fault(caller, then, match={"resource": "UserDefinedMessageSubscriptions"}, times=1)

    assert unsubscribe(caller, sid).status == status
    assert len(subscriptions(caller)) == left


@pytest.mark.parametrize(
    ("then", "left"),
    [({"drop": "before"}, 1), ({"close": True}, 1), ({"drop": "after"}, 0), ({"garbage": True}, 0)],
)
def test_deletion_can_be_lost(caller: Caller, then: Any, left: int) -> None:  # noqa: ANN401
    sid = subscribed(caller)
    add_fault(caller, then, times=1)
    with caller.site.connect() as connection:
        connection.send(deletion(caller, sid))
        try:
            got = connection.socket.recv(4096)
        except ConnectionResetError:
            got = b""

    assert b"204" not in got
    assert len(subscriptions(caller)) == left


def test_truncated_deletion_is_its_head(caller: Caller) -> None:
    """Before or after it is done."""
    sid = subscribed(caller)
    add_fault(caller, {"truncate": 10}, times=1)
    with caller.site.connect() as connection:
        connection.send(deletion(caller, sid))

        assert connection.reply("DELETE").status == 204
        assert connection.is_closed()
    assert caller.requests()[-1]["lost"] is True


def test_magic_call_affects_subscriptions(caller: Caller) -> None:
    magic = Caller(caller.site, account=caller.account, call="CA" + "0" * 24 + "fa110503")
    reply = subscribe(magic)

    assert (reply.status, subscriptions(caller)) == (503, [])
