"""Any text, by any door: it is refused, or it is stored and every view renders it; other users go on."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from support import subscriptions
from support.callback_receiver import Received
from support.server import FORM, Caller, Connection, Running, Site, address_of, basic, path_of, request
from support.signal_client import SignalClient, signal_client
from support.sse import Stream, post_json, until
from support.subscriptions import listening

from emulator.settings import Settings
from emulator.testing import EmulatorClient, EmulatorError

ACCOUNT = "AC" + "a" * 32
CALL = "CA" + "d" * 32
ANY = "/_emulator"
# Not shrunk: what one example broke in the emulator is broken for the next.
EXAMPLES = settings(
    max_examples=settings.default.max_examples * 6 // 100,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

Draw = Callable[[st.SearchStrategy[Any]], Any]


# --- text that does harm somewhere

LONE = st.sampled_from(["\ud83d", "cut \ud83d", "\udc00\ud83d", "\udcff"])
ODD = st.sampled_from(["\0", "\ufffe\uffff", "\U0010ffff", "\u2028", "\r\n", "\ufeff{}"])
TEXTS = LONE | ODD | st.text(st.characters(codec=None, exclude_categories=()), max_size=6)
NUMBERS = st.sampled_from(["NaN", "-Infinity", "1e400", "-1e400", "1e-999", "-0.0", "0e1", "1E2"])
INTEGERS = st.builds(
    "{}{}".format, st.sampled_from(["", "-"]), st.sampled_from([400, 4300, 4301, 20_000]).map("9".__mul__)
)
DEEP = st.sampled_from([100, 128, 129, 900, 20_000]).flatmap(
    lambda depth: st.sampled_from(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth])
)
VALUES = st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2))
QUOTED = st.builds(json.dumps, LONE, ensure_ascii=st.booleans())
WRITTEN = st.builds(json.dumps, VALUES, ensure_ascii=st.booleans())
JSON = QUOTED | WRITTEN | NUMBERS | INTEGERS | DEEP | st.just('{"a":1,"a":2}')
# Also JSON in a text, as Content is.
FRAGMENTS = QUOTED | st.builds(json.dumps, QUOTED, ensure_ascii=st.booleans()) | JSON | st.builds(json.dumps, JSON)
BYTES = TEXTS.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=6)
HOLE = "<hole>"


def holes(value: Any) -> Iterator[Any]:  # noqa: ANN401  JSON
    """The value with a hole in place of it, of each value in it, and of the name of one more member of each object."""
    yield HOLE
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for name in names:
        for inner in holes(value[name]):
            changed = copy.copy(value)
            changed[name] = inner
            yield changed
    if isinstance(value, dict):
        yield {**value, HOLE: 1}


def filled(draw: Draw, *values: Any) -> str:  # noqa: ANN401  JSON
    """One of the values as JSON, with a fragment in a hole."""
    value = draw(st.sampled_from([hollow for value in values for hollow in holes(value)]))
    return json.dumps(value).replace(json.dumps(HOLE), draw(FRAGMENTS))


# --- the emulator, a user who gets the text, and one who has nothing to do with it


@dataclass
class World:
    running: Running
    connection: Connection
    alice: SignalClient
    bob: SignalClient
    stream: Stream
    call: str = ""
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def site(self) -> Site:
        return self.running.site

    def ask(self, method: str, target: str, headers: Any = (), body: bytes | None = None) -> int:  # noqa: ANN401
        """A request on a connection of its own, which may be closed without an answer; 0 then."""
        with self.site.connect() as connection:
            connection.send(request(method, target, [("Connection", "close"), *headers], body))
            reply = connection.next_reply(method)
            return 0 if reply is None else reply.status

    def ask_json(self, method: str, target: str, text: str) -> int:
        return self.ask(method, target, [("Content-Type", "application/json")], text.encode(errors="surrogatepass"))

    def view(self, target: str) -> Any:  # noqa: ANN401  JSON
        self.connection.send(request("GET", target))
        reply = self.connection.reply("GET")
        assert reply.status == 200, (target, reply)
        if reply.header("content-type") != "application/json":
            return None
        value = reply.json()
        json.dumps(value, ensure_ascii=False).encode()
        return value


@pytest.fixture(scope="module", params=["strict", "lenient"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        options = Settings(port=0, proxy_port=0, content=request.param, journal_limit=50, deliveries_limit=50)
        running = stack.enter_context(Running(options))
        site = running.site
        alice, bob = (stack.enter_context(signal_client(site, name)) for name in ("alice", "bob"))
        stream = stack.enter_context(Stream(site))
        world = World(running, stack.enter_context(site.connect()), alice, bob, stream)
        bob.send("register", media={"audio": True}).receive("ready")
        world.call = bob.call()["callsid"]
        yield world


def subscribe(world: World) -> None:
    """Let the end user's messages of the call have deliveries; nobody listens there."""
    caller = Caller(world.site, ACCOUNT, CALL)
    form = {"Callback": "http://127.0.0.1:9/", "IdempotencyKey": "subscription"}
    caller.ask(urlencode(form).encode(), path=path_of(ACCOUNT, CALL, resource="UserDefinedMessageSubscriptions"))


# --- the doors


def control(method: str, path: str, *bodies: Any) -> Callable[[World, Draw], int]:  # noqa: ANN401  JSON
    return lambda world, draw: world.ask_json(method, ANY + path, filled(draw, *bodies))


def path_segment(world: World, draw: Draw) -> int:
    paths = ["/users/{}/behaviour", "/schemas/{}", "/faults/{}", "/messages/{}", "/requests/{}", "/deliveries/{}"]
    path = draw(st.sampled_from([*paths, "/calls/{}", "/calls/{}/end-user", "/{}"]))
    target = ANY + path.format(quote_from_bytes(draw(BYTES), safe=""))
    method = draw(st.sampled_from(["GET", "PUT", "DELETE"]))
    body = {"reaction": "busy"} if "users" in path else {"schema": True}
    return world.ask_json(method, target, json.dumps(body))


QUERIES = ["account_sid", "call_sid", "after", "content", "contains", "idempotency_key", "valid", "limit", "order"]
QUERIES += ["at_least", "at_most", "strict", "finding", "subscription_sid", "message_sid", "outcome", "status", "code"]


def query(world: World, draw: Draw) -> int:
    paths = ["messages", "requests", "retries", "deliveries", "subscriptions", "calls", "schemas", "faults"]
    method, path = draw(
        st.sampled_from([*(("GET", path) for path in paths), ("DELETE", "messages"), ("POST", "reset")])
    )
    name = draw(st.sampled_from(QUERIES).map(str.encode) | BYTES)
    value = draw(BYTES | JSON.map(lambda text: text[:5000].encode(errors="surrogatepass")))
    waits = {"within": 0, "timeout": 0} if path in ("messages", "retries", "deliveries") and method == "GET" else {}
    pair = f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}"
    return world.ask(method, f"{ANY}/{path}?{urlencode({'call_sid': CALL, **waits})}&{pair}")


HEADERS = ["Content-Type", "Authorization", "Origin", "Accept-Charset", "Accept", "X-Any", "Cookie", "Sec-Fetch-Site"]


def header(world: World, draw: Draw) -> int:
    name = draw(st.sampled_from(HEADERS))
    value = draw(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20))
    target = draw(st.sampled_from([f"{ANY}/messages", path_of(ACCOUNT, CALL), "/eventgw"]))
    headers = [("Content-Type", FORM), basic(ACCOUNT)]
    return world.ask("POST", target, [*(one for one in headers if one[0] != name), (name, value)], b"Content={}")


def last_event_id(world: World, draw: Draw) -> int:
    value = draw(INTEGERS | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20))
    with world.site.connect() as connection:
        connection.send(request("GET", f"{ANY}/events", [("Last-Event-ID", value)]))
        return int(connection._source.readline().split()[1])


FIELDS = ["Content", "IdempotencyKey", "Callback", "Method"]


def form(world: World, draw: Draw) -> int:
    resource = draw(st.sampled_from(["UserDefinedMessages", "UserDefinedMessageSubscriptions"]))
    usual = {b"Content": b'{"a": 1}', b"Callback": b"http://127.0.0.1:9/"}
    text = BYTES | JSON.map(lambda text: text[:20_000].encode(errors="surrogatepass"))
    given = usual | draw(st.dictionaries(st.sampled_from(FIELDS).map(str.encode) | BYTES, text, max_size=2))
    if draw(st.booleans()):
        body, kind = urlencode(given).encode(), FORM
    else:
        part = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        body, kind = b"".join(part % pair for pair in given.items()) + b"--x--\r\n", "multipart/form-data; boundary=x"
    return world.ask("POST", path_of(ACCOUNT, CALL, resource=resource), [basic(ACCOUNT), ("Content-Type", kind)], body)


def twilio_target(world: World, draw: Draw) -> int:
    raw = quote_from_bytes(draw(BYTES), safe="")
    targets = ["/2010-04-01/{}", path_of(ACCOUNT, "{}"), path_of("{}", CALL), path_of(ACCOUNT, CALL) + "?{}"]
    headers = [draw(st.sampled_from([basic(ACCOUNT), basic("\u20ac\0")])), ("Content-Type", FORM)]
    return world.ask("POST", draw(st.sampled_from(targets)).format(raw), headers, b"Content=[]")


MESSAGE = {"content": {"a": 1}, "contenttype": "application/json", "voiceeventsid": "KX1"}
MESSAGE |= {"messagetype": "user-defined-message"}


def frame(world: World, draw: Draw) -> None:
    """A frame of a user who is connected: its socket stays, whatever comes."""
    alice = world.alice
    call = alice.call()["callsid"]
    frames = {
        "listen": {"token": "alice", "reconnectTimeout": 5, "browserinfo": {}},
        "register": {"media": {"audio": True}},
        "invite": {"callsid": "TJS2", "sdp": "v=0", "twilio": {"params": "To=bob&order=7"}},
        "message": {"callsid": call, **MESSAGE},
        "reinvite": {"callsid": call, "sdp": "v=0"},
        "dtmf": {"callsid": call, "dtmf": "1"},
        "answer": {"callsid": call},
        "hangup": {"callsid": call},
        "reject": {"callsid": call},
    }
    given = [{"type": kind, "version": "1.6", "payload": payload} for kind, payload in frames.items()]
    text = filled(draw, *given).encode(errors="surrogatepass")
    assume(len(text) < 60_000)
    with suppress(UnicodeDecodeError):  # a text frame that is not UTF-8 ends a WebSocket by RFC 6455 §8.1
        alice.socket.send(text.decode())
    alice.send("hangup", callsid="TJS2").send("hangup", callsid=call)


def parameters(world: World, draw: Draw) -> None:
    """What a call of one user brings to another."""
    text = quote_from_bytes(draw(BYTES), safe="")
    world.alice.send("invite", callsid="TJS3", sdp="v=0", twilio={"params": f"To=bob&{text}={text}"})
    world.alice.send("hangup", callsid="TJS3")


def token(world: World, draw: Draw) -> None:
    """An identity, which is whatever text there is, or what a token says."""
    with signal_client(world.site, None) as client:
        client.socket.send(json.dumps({"type": "listen", "payload": {"token": draw(TEXTS)}}))
        client.socket.recv()
        world.view(f"{ANY}/users")


def proxy_host(world: World, draw: Draw) -> int:
    host = draw(BYTES) + draw(st.sampled_from([b"\xff", b"\xed\xa0\xbd", b"%ff", b":[", b"a" * 300]))  # never looked up
    with Connection(address_of(world.site.proxy)) as connection:
        connection.send(b"CONNECT %b:443 HTTP/1.1\r\n\r\n" % host)
        connection.finish()
        line: bytes = connection._source.readline()
    return int(line.split()[1]) if line.startswith(b"HTTP/") else 0


def python_client(world: World, draw: Draw) -> None:
    client = EmulatorClient(world.site.url, account_sid=ACCOUNT, call_sid=CALL)
    text = draw(TEXTS)
    asked: list[Callable[[], object]] = [
        lambda: client.messages(contains=text),
        lambda: client.messages(content={text: [text]}),
        lambda: client.add_fault({"reply": {"status": 500, "message": text}}, idempotency_key=text),
        lambda: client.calls.get(text),
    ]
    with suppress(EmulatorError, ValueError):
        draw(st.sampled_from(asked))()


SCOPE = {"account_sid": ACCOUNT, "call_sid": CALL}
FAULT = {"match": {**SCOPE, "idempotency_key": "k", "content": {"a": [1]}}, "times": 1, "probability": 0.5, "seed": 1}
DESCRIBED = {"path": path_of(ACCOUNT, CALL), "headers": {"Authorization": basic(ACCOUNT)[1]}}
DOORS: dict[str, Callable[[World, Draw], int | None]] = {
    "calls": control("POST", "/calls", {"to": "alice", "from": "bob", "account_sid": None, "parameters": {"a": "7"}}),
    "a call": control(
        "PUT", f"/calls/{CALL}", {"account_sid": ACCOUNT, "status": "in-progress", "client": "voice-sdk"}
    ),
    "end-user messages": control(
        "POST", f"/calls/{CALL}/end-user/messages", {"content": '{"a": 1}', "content_type": "application/json"}
    ),
    "behaviours": control("PUT", "/users/carol/behaviour", {"reaction": "answer", "after": 0.5}),
    "schemas": control(
        "PUT", "/schemas/a", {"schema": {"properties": {"a": {"enum": [1], "maximum": 5, "$id": "x"}}}, **SCOPE}
    ),
    "faults": control(
        "POST",
        "/faults",
        {**FAULT, "then": {"delay": 0, "reply": {"status": 500, "message": "x", "retry_after": 1}}, "ttl": 5},
        {**FAULT, "then": {"reply": {"status": 500, "body": "x", "content_type": "a/b"}}, "skip_first": 1},
        {**FAULT, "then": {"delay": {"uniform": [0, 0]}, "quota": {"requests": 1, "window": 1.5}}},
        {**FAULT, "profile": "slow"},
    ),
    "the clock": control("PUT", "/clock", {"advance": 1}, {"freeze": "2026-01-02T03:04:05Z"}, {"reset": True}),
    "the seed": control("PUT", "/seed", {"seed": 7}),
    "the check": control(
        "POST", "/check", {**DESCRIBED, "form": {"Content": "{}"}}, {**DESCRIBED, "body": "Content=1"}
    ),
    "reset": control("POST", f"/reset?call_sid={CALL}", {}),
    "path segments": path_segment,
    "queries": query,
    "headers": header,
    "Last-Event-ID": last_event_id,
    "forms": form,
    "targets": twilio_target,
    "frames": frame,
    "parameters of a call": parameters,
    "identities": token,
    "the proxy's host": proxy_host,
    "the Python client": python_client,
}


@pytest.mark.parametrize("door", DOORS)
@EXAMPLES
@given(data=st.data())
def test_text_is_rejected_or_renders(world: World, door: str, data: st.DataObject) -> None:
    subscribe(world)
    for _ in range(data.draw(st.integers(1, 10))):
        status = DOORS[door](world, data.draw)
        assert status is None or status < 500
    render_everything(world)
    for kind in ("faults", "schemas/a"):
        world.site.delete(f"{ANY}/{kind}")
    others_go_on(world)


CLOSE = b"Connection: close"  # ends the receiver's connection, wherever it is in what it sends
replies = st.builds(
    b"HTTP/1.1 %b %b\r\n%b: %b\r\nContent-Length: %d\r\n\r\n%b".__mod__,
    st.tuples(
        st.sampled_from([b"200", b"204", b"404", b"503", b"9" * 5000]) | BYTES,
        BYTES,
        st.just(b"X-Any") | BYTES,
        BYTES,
        st.sampled_from([0, 3, 10**400]),
        BYTES,
    ),
)


@EXAMPLES
@given(replies=st.lists(replies | BYTES, min_size=1, max_size=5))
def test_any_callback_response_renders(world: World, replies: list[bytes]) -> None:
    rest = iter(replies)

    async def reply(_: Received) -> bytes:
        return next(rest, CLOSE) + CLOSE

    caller = Caller(world.site, ACCOUNT)
    with listening(reply) as listener:
        subscriptions.subscribe(caller, listener.url())
        for number in range(len(replies)):
            subscriptions.say(caller, str(number))
        pending = {"call_sid": caller.call, "outcome": "pending"}
        until(world.site, lambda: not subscriptions.deliveries(caller, **pending)["count"])
    render_everything(world)
    others_go_on(world)


# --- what must hold afterwards

WAITS = [
    f"{ANY}/messages?at_least=1&timeout=0&contains=nothing&call_sid={CALL}",
    f"{ANY}/messages?at_most=0&within=0",
    f"{ANY}/retries?at_least=1&timeout=0&finding=gave_up&call_sid={CALL}",
    f"{ANY}/deliveries?at_least=1&timeout=0&contains=nothing",
]
RECORDS = {
    "messages/{sid}": ("messages", "sid"),
    "requests/{request_id}": ("requests", "request_id"),
    "deliveries/{delivery_id}": ("deliveries", "id"),
    "calls/{call_sid}": ("calls", "call_sid"),
    "calls/{call_sid}/end-user": ("calls", "call_sid"),
    "schemas/{name}": ("schemas", "name"),
    "faults/{fault_id}": ("faults", "id"),
}
"""Where the records of a path with a parameter are listed, and which member the parameter is."""
EXCEPT = {f"{ANY}/events", f"{ANY}/ca.pem"}
"""A stream, which is read below; and what is there only with TLS."""


def render_everything(world: World) -> None:
    """Every GET of the OpenAPI document is answered well, for each of the newest records."""
    paths = [path for path, item in world.view("/openapi.json")["paths"].items() if "get" in item]
    shown: dict[str, Any] = {path: world.view(path) for path in {*paths} - EXCEPT if "{" not in path}
    for path in paths:
        if "{" in path:
            kind, member = RECORDS[path.removeprefix(f"{ANY}/")]
            for record in shown[f"{ANY}/{kind}"][kind][-3:]:
                world.view(path.partition("{")[0] + quote(record[member], safe="") + path.partition("}")[2])
    for target in [*WAITS, f"{ANY}/calls/{CALL}/end-user"]:
        world.view(target)
    assert not [record for page in shown.values() if isinstance(page, dict) for record in errors_in(page)]


def errors_in(page: dict[str, Any]) -> list[object]:
    """The entries of records that could not be rendered."""
    lists = [value for value in page.values() if isinstance(value, list)]
    return [record for records in lists for record in records if isinstance(record, dict) and set(record) == ERROR]


ERROR = {"error", "seq", "sid"}


def others_go_on(world: World) -> None:
    """Another user gets messages and calls, the user who was concerned too, and the stream goes on."""
    number = next(world.numbers)
    sid = Caller(world.site, "AC" + "e" * 32, world.call).send(json.dumps({"number": number})).json()["sid"]
    while (heard := world.bob.receive("message"))["content"] != {"number": number}:
        pass
    assert heard["voiceeventsid"] == sid
    for name, user in (("alice", world.alice), ("bob", world.bob)):
        user.send("listen", token=name).receive("connected")
        user.send("register", media={"audio": True}).receive("ready")
        placed = post_json(world.site, f"{ANY}/calls", {"to": name, "parameters": {"number": str(number)}})
        while (ringing := user.receive("invite"))["callsid"] != placed.json()["call_sid"]:
            pass
        assert ringing["parameters"]["Params"] == f"number={number}"
        world.site.delete(f"{ANY}/calls/{ringing['callsid']}")
    while (event := world.stream.next()) is not None and event.kind != "message":
        assert event.data is not None
    assert event is not None
