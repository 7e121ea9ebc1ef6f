"""`/_emulator/requests`: every exchange on the Twilio surface, what exactly came and what it got."""

import base64
import json
from urllib.parse import urlencode

import pytest
from support.builders import Time
from support.server import CONTENT, TOKEN, Caller, Servers, Site, fresh
from support.sse import Stream

SECRET = "s3cret" * 5


def whole(caller: Caller) -> dict[str, object]:
    """The newest exchange of a caller, whole."""
    request_id = caller.requests(order="newest", limit=1)[0]["request_id"]
    exchange: dict[str, object] = caller.site.get(f"/_emulator/requests/{request_id}").json()
    return exchange


def test_every_outcome_is_listed_in_order(caller: Caller) -> None:
    for content, key in (("[1]", "k"), ("[1]", "k"), ("[2]", "k"), ("hello", None)):
        caller.send(content, key)

    requests = caller.requests()
    assert [(one["outcome"], one["status"], one["code"]) for one in requests] == [
        ("created", 201, None),
        ("replayed", 201, None),
        ("mismatch", 201, None),
        ("refused", 400, 32702),
    ]
    assert [one["content"] for one in requests] == ["[1]", "[1]", "[2]", "hello"]
    assert len({one["message_sid"] for one in requests[:3]}) == 1
    assert requests[3]["message_sid"] is None


def test_a_page_counts_all_that_match(serve: Servers) -> None:
    caller = Caller(serve(journal_limit=3, now=Time()))
    for _ in range(5):
        caller.send("hello")
    page = caller.site.get("/_emulator/requests?limit=2").json()

    assert [one["seq"] for one in page["requests"]] == [3, 4]
    assert {name: value for name, value in page.items() if name != "requests"} == {
        "count": 3,
        "last_seq": 5,
        "oldest_seq": 3,
        "evicted": 2,
    }


def test_malformed_sids_are_kept(site: Site) -> None:
    caller = Caller(site, account=f"AC-{fresh('x')}", call="nonsense%20call")
    caller.send()

    (request,) = caller.requests()
    assert (request["account_sid"], request["call_sid"]) == (caller.account, caller.call)
    assert request["path"] == caller.path
    assert request["status"] == 401


def test_exchange_fields(caller: Caller) -> None:
    more = [("X-One", "1"), ("X-Two", "é"), ("X-One", "3")]
    reply = caller.ask(b"Content=%7B%7D&IdempotencyKey=k&Other=x", path=caller.path + "?a=%20b", more=more)
    exchange = whole(caller)

    request, sent = exchange["request"], exchange["reply"]
    assert isinstance(request, dict)
    assert isinstance(sent, dict)
    assert (request["method"], request["target"]) == ("POST", caller.path + "?a=%20b")
    assert [(one["name"], one["value"]) for one in request["headers"] if one["name"].startswith("x-")] == [
        ("x-one", "1"),
        ("x-two", "é"),
        ("x-one", "3"),
    ]
    assert request["form"] == {"Content": "{}", "IdempotencyKey": "k", "Other": "x"}
    assert (request["body"], request["body_size"], request["body_cut"]) == (
        "Content=%7B%7D&IdempotencyKey=k&Other=x",
        39,
        False,
    )
    assert request["peer"].startswith("127.0.0.1:")
    assert request["scheme"] == "http"
    assert (sent["status"], sent["body"]) == (reply.status, reply.text)
    assert [(one["name"], one["value"]) for one in sent["headers"]] == [
        header for header in reply.headers if header[0] != "connection"
    ]
    assert isinstance(exchange["duration"], float)
    assert exchange["rule"] is None


def test_refusal_has_rule_and_source(caller: Caller) -> None:
    caller.send("hello")

    rule = whole(caller)["rule"]
    assert isinstance(rule, dict)
    assert (rule["name"], rule["says"]) == ("content-not-json", "400/32702 Invalid Content")
    assert rule["certainty"] in ("documented", "observed", "assumed")
    assert rule["source"]
    assert "hello" in rule["reason"]


def test_a_long_body_is_cut_and_marked(caller: Caller) -> None:
    body = b"Content=" + b"x" * 70_000
    caller.ask(body)

    request = whole(caller)["request"]
    assert isinstance(request, dict)
    assert (len(request["body"]), request["body_size"], request["body_cut"]) == (64 * 1024, len(body), True)


def test_undecodable_bytes_are_shown(caller: Caller) -> None:
    caller.ask(b"Content=\xff\xfe")

    request = whole(caller)["request"]
    assert isinstance(request, dict)
    assert request["body"] == "Content=\ufffd\ufffd"


@pytest.mark.parametrize(
    ("authorization", "shown"),
    [
        pytest.param(f"Basic {base64.b64encode(f'AC1:{SECRET}'.encode()).decode()}", "Basic AC1:********", id="basic"),
        pytest.param(f"Bearer {SECRET}", "Bearer ********", id="bearer"),
        pytest.param(f"Basic {SECRET}", "Basic ********", id="basic, broken"),
        pytest.param(SECRET, "********", id="the secret alone"),
        pytest.param(f"{SECRET}{SECRET} x", f"{SECRET}"[:20] + " ********", id="a long scheme"),
    ],
)
def test_secrets_are_masked(caller: Caller, authorization: str, shown: str) -> None:
    caller.ask(headers=[("Authorization", authorization), ("Proxy-Authorization", authorization)])

    request = whole(caller)["request"]
    assert isinstance(request, dict)
    values = [one["value"] for one in request["headers"] if "authorization" in one["name"]]
    assert values == [shown, shown]


def test_secrets_are_masked_everywhere(caller: Caller) -> None:
    wrong = Caller(caller.site, account=caller.account, token=SECRET)
    encoded = wrong.auth[1].removeprefix("Basic ")
    with Stream(caller.site, account_sid=caller.account) as stream:
        wrong.send()
        told = stream.take(1)

    texts = json.dumps([caller.requests(), whole(caller), told])
    assert SECRET not in texts
    assert encoded not in texts
    assert caller.account in texts


HEADERS = [("Cookie", f"session={SECRET}"), ("X-Api-Key", SECRET)]
VIEWS = ("requests", "messages", "subscriptions", "deliveries", "retries")


def with_secrets(caller: Caller) -> None:
    """Requests whose headers, form and query hold a secret, and Callbacks with one."""
    callback = f"http://user:{SECRET}@localhost/?token={SECRET}"
    body = urlencode({"Content": CONTENT, "AuthToken": SECRET, "Callback": callback}).encode()
    caller.ask(body, path=f"{caller.path}?Password={SECRET}", more=HEADERS)
    subscriptions = caller.path.replace("UserDefinedMessages", "UserDefinedMessageSubscriptions")
    caller.ask(body, path=subscriptions)  # refused: user information in the URL
    caller.ask(urlencode({"Callback": f"http://localhost/?token={SECRET}"}).encode(), path=subscriptions)


def everything(caller: Caller) -> str:
    """All views of what a caller sent."""
    account = f"account_sid={caller.account}"
    targets = [f"/_emulator/requests/{one['request_id']}" for one in caller.requests()]
    targets += [f"/_emulator/{view}?{account}" for view in VIEWS]
    targets += [f"/_emulator/messages?{account}&at_least=9&timeout=0"]
    return "".join(caller.site.get(target).text for target in targets)


def test_secret_headers_and_parameters(caller: Caller) -> None:
    """Secrets in headers, forms and queries are masked."""
    with_secrets(caller)
    shown = everything(caller)

    assert SECRET not in shown
    assert "Password=********" in shown
    assert json.dumps(CONTENT) in shown


def test_show_secrets_shows_them_all(serve: Servers) -> None:
    caller = Caller(serve(show_secrets=True))
    with_secrets(caller)
    shown = everything(caller)

    assert all(text in shown for text in (f"session={SECRET}", f"Password={SECRET}", f"AuthToken={SECRET}"))
    assert f"http://localhost/?token={SECRET}" in shown


def test_show_secrets_shows_them(serve: Servers) -> None:
    caller = Caller(serve(show_secrets=True))
    caller.send()

    request = whole(caller)["request"]
    assert isinstance(request, dict)
    assert {one["name"]: one["value"] for one in request["headers"]}["authorization"] == caller.auth[1]
    assert base64.b64decode(caller.auth[1].removeprefix("Basic ")).decode().endswith(TOKEN)


def test_only_twilio_requests_are_listed(serve: Servers) -> None:
    site = serve(now=Time())
    for path in ("/livez", "/readyz", "/docs", "/openapi.json", "/_emulator/requests", "/nowhere"):
        site.get(path)
    site.put_json("/_emulator/seed", {"seed": None})

    assert site.get("/_emulator/requests").json()["last_seq"] == 0


@pytest.mark.parametrize("request_id", ["RQ" + "0" * 32, "x", "KX" + "0" * 32, "%00", "RQ" + "g" * 32, "x" * 5000])
def test_an_unknown_request_is_not_found(site: Site, request_id: str) -> None:
    reply = site.get(f"/_emulator/requests/{request_id}")

    assert reply.status == 404
    assert "no request" in reply.json()["error"]
    assert len(reply.json()["error"]) < 200


def test_response_header_finds_the_exchange(caller: Caller) -> None:
    reply = caller.send("hello")
    exchange = caller.site.get(f"/_emulator/requests/{reply.header('twilio-request-id')}").json()

    assert (exchange["content"], exchange["account_sid"]) == ("hello", caller.account)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("outcome=x", "outcome"),
        ("status=x", "status"),
        ("code=x", "code"),
        ("at_least=1", "at_least"),
        ("limit=0", "limit"),
    ],
)
def test_invalid_filter_is_named(site: Site, query: str, parameter: str) -> None:
    reply = site.get(f"/_emulator/requests?{query}")

    assert reply.status == 422
    assert [bad["parameter"] for bad in reply.json()["parameters"]] == [parameter]
