"""Use every public operation to take memory; the emulator must stay within its limit, and answer afterwards.

With `--memory-limit 64MiB`, resident memory may grow by 80 MiB. Exits with 1 when there is a finding.
"""

import argparse
import base64
import contextlib
import json
import random
import secrets
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote, urlencode

from emulator_process import EmulatorProcess
from mutations import CONNECT, REQUESTS, WEBSOCKET, frame

LIMIT = "64MiB"
GROWTH = 80 * 1024 * 1024
"""How many bytes of resident memory the emulator may take above those at its start."""
HOSTILE = 6
"""Clients, each with many connections."""
OPEN = 300
"""Connections that each client keeps open without reading from them."""
MIB = 1024 * 1024
WIDE = "\N{GRINNING FACE}"
"""A string of Python with it takes four bytes for each character."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Hostile(threading.Thread):
    """A client that takes as much of the emulator's memory as it can, and keeps its connections open.

    Attributes:
        done: how often each attack was made.
        failures: attacks that raised what is not a closed or refused connection.
        chance: what this client chooses with.
        emulator: what is attacked.
    """

    def __init__(self, emulator: EmulatorProcess, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self.chance = random.Random(seed)
        self.emulator = emulator
        self._stop_asked = stop
        self._open: list[socket.socket] = []

    def run(self) -> None:
        """Attack until it is time to stop."""
        while not self._stop_asked.is_set():
            name = self.chance.choice(list(ATTACKS))
            try:
                ATTACKS[name](self)
            except OSError:  # refused, or closed by the emulator, as it may
                self.done["closed early"] += 1
            except Exception as error:  # noqa: BLE001  a finding
                self.failures.append(f"{name}: {error!r}")
            self.done[name] += 1
        for sock in self._open:
            sock.close()

    def connect(self, *, keep: bool = False) -> socket.socket:
        """Open a connection."""
        address = self.chance.choice((self.emulator.http, self.emulator.http, self.emulator.proxy)) if keep else None
        sock = socket.create_connection(address or self.emulator.http, 5)
        if keep:
            self.keep(sock)
        return sock

    def keep(self, sock: socket.socket) -> None:
        """Keep a connection open and do not read from it."""
        sock.setblocking(False)  # noqa: FBT003  the socket's own signature
        self._open.append(sock)
        if len(self._open) > OPEN:
            self._open.pop(self.chance.randrange(OPEN)).close()

    def send(self, *requests: bytes, read: bool = True) -> None:
        """Send requests on one connection, and read what comes or leave it there."""
        data = b"".join(requests)
        if not read:
            with contextlib.suppress(BlockingIOError):
                self.connect(keep=True).send(data)
            return
        with self.connect() as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass

    def text(self, characters: int) -> str:
        """Return a string that no other is equal to, at its widest."""
        return f"{self.chance.getrandbits(64):x}{WIDE}".ljust(characters, "x")[:characters]

    def sid(self, kind: str) -> str:
        return f"{kind}{self.chance.getrandbits(128):032x}"


def request(method: str, target: str, body: str | bytes = b"", *headers: str) -> bytes:
    """A request with a body of the given media type."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *headers, f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def control(method: str, path: str, value: object) -> bytes:
    """A request of the control API."""
    return request(method, f"/_emulator{path}", json.dumps(value, ensure_ascii=False), f"Content-Type: {JSON}")


def twilio(client: Hostile, resource: str, form: dict[str, str], call: str | None = None) -> bytes:
    """A request to a resource of some call."""
    account = "AC" + "f" * 32
    auth = base64.b64encode(f"{account}:{'0' * 32}".encode()).decode()
    path = f"/2010-04-01/Accounts/{account}/Calls/{call or client.sid('CA')}/{resource}.json"
    return request("POST", path, urlencode(form), f"Authorization: Basic {auth}", f"Content-Type: {FORM}")


def messages(client: Hostile) -> None:
    forms = [{"Content": client.text(10_000), "IdempotencyKey": client.text(255)} for _ in range(50)]
    client.send(*(twilio(client, "UserDefinedMessages", form) for form in forms))


def short_messages(client: Hostile) -> None:
    client.send(
        *(
            twilio(client, "UserDefinedMessages", {"Content": "1", "IdempotencyKey": client.text(20)})
            for _ in range(200)
        )
    )


def refusals(client: Hostile) -> None:
    client.send(*(twilio(client, "UserDefinedMessages", {"Other": client.text(100_000)}) for _ in range(5)))


def bad_targets(client: Hostile) -> None:
    client.send(*(request("POST", f"/2010-04-01/{quote(client.text(5_000))}") for _ in range(20)))


def big_bodies(client: Hostile) -> None:
    client.send(twilio(client, "UserDefinedMessages", {"Content": "x" * (MIB - 100)}))


def unfinished_bodies(client: Hostile) -> None:
    client.send(twilio(client, "UserDefinedMessages", {"Content": "x" * (MIB - 100)})[:-1], read=False)


def unfinished_heads(client: Hostile) -> None:
    client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000, read=False)


def pipelines(client: Hostile) -> None:
    client.send(request("GET", "/openapi.json") * 50, read=False)


def delayed(client: Hostile) -> None:
    account = "AC" + "f" * 32
    call = client.sid("CA")
    fault = {"match": {"account_sid": account, "call_sid": call}, "then": {"delay": 60}, "ttl": 60}
    posts = [twilio(client, "UserDefinedMessages", {"Content": client.text(9_000)}, call)] * 20
    client.send(control("POST", "/faults", fault))
    client.send(*posts, read=False)


def faults(client: Hostile) -> None:
    match = {"content": {client.text(50): [client.text(100)] * 20}, "idempotency_key": client.text(255)}
    then = {"reply": {"status": 500, "body": client.text(20_000), "content_type": "text/plain"}}
    client.send(*(control("POST", "/faults", {"match": match, "then": then}) for _ in range(10)))


def subscriptions(client: Hostile) -> None:
    call, path = client.sid("CA"), "UserDefinedMessageSubscriptions"
    forms = [
        {"Callback": f"http://127.0.0.1:9/{client.text(20)}".ljust(1_900, "x"), "IdempotencyKey": client.text(255)}
        for _ in range(20)
    ]
    client.send(*(twilio(client, path, form, call) for form in forms))
    said = {"content": json.dumps({"a": client.text(5_000)}), "content_type": JSON}
    client.send(*[control("POST", f"/calls/{call}/end-user/messages", said)] * 5)


def calls(client: Hostile) -> None:
    client.send(*(control("PUT", f"/calls/{client.sid('CA')}", {"status": "in-progress"}) for _ in range(100)))


def voice_calls(client: Hostile) -> None:
    call = {"to": client.text(100), "from": client.text(100), "parameters": {client.text(100): client.text(5_000)}}
    client.send(*[control("POST", "/calls", call)] * 20)


def behaviours(client: Hostile) -> None:
    paths = [f"/users/{quote(client.text(100))}/behaviour" for _ in range(50)]
    client.send(*(control("PUT", path, {"reaction": "answer", "after": 1}) for path in paths))


def schemas(client: Hostile) -> None:
    wide = {"enum": [client.text(500) for _ in range(50)], "properties": {client.text(20): {"pattern": "a{1,99}"}}}
    deep = {"allOf": [{"$ref": "#/$defs/a"}] * 20, "$defs": {"a": {"anyOf": [{"required": [client.text(9)]}] * 20}}}
    for schema in (wide, deep):
        client.send(control("PUT", f"/schemas/{client.chance.randrange(200)}", {"schema": schema}))


def waits(client: Hostile) -> None:
    query = urlencode({"contains": client.text(500), "at_least": 1, "timeout": 300, "account_sid": client.sid("AC")})
    for kind in ("messages", "deliveries", "retries"):
        client.send(request("GET", f"/_emulator/{kind}?{query}"), read=False)


def streams(client: Hostile) -> None:
    client.send(request("GET", "/_emulator/events?after=0", b"", "Last-Event-ID: 0"), read=False)


def listings(client: Hostile) -> None:
    for kind in (
        "messages",
        "requests",
        "retries",
        "deliveries",
        "subscriptions",
        "calls",
        "users",
        "schemas",
        "faults",
    ):
        client.send(request("GET", f"/_emulator/{kind}?limit=1000"), read=client.chance.random() < 0.2)


def searches(client: Hostile) -> None:
    query = urlencode({"contains": client.text(200), "content": json.dumps({"a": client.text(2_000)})})
    client.send(request("GET", f"/_emulator/messages?{query}"), read=False)


def dry_runs(client: Hostile) -> None:
    described = {"method": "POST", "path": "/2010-04-01/" + client.text(1_000), "form": {"Content": client.text(9_000)}}
    client.send(control("POST", "/check", described))


def documents(client: Hostile) -> None:
    for target in ("/", "/docs", "/openapi.json", "/llms.txt", "/_emulator/rules", "/readyz"):
        client.send(request("GET", target), read=False)


def tunnels(client: Hostile) -> None:
    client.send(CONNECT + request("GET", "/openapi.json") * 20, read=False)


def websockets(client: Hostile) -> None:
    token = {"token": client.text(100), "browserinfo": {"a": client.text(2_000)}}
    invite = {"callsid": "TJS1", "sdp": client.text(20_000), "twilio": {"params": f"To={client.text(20)}"}}
    frames = [
        frame(1, json.dumps({"type": kind, "version": "1.6", "payload": payload}).encode())
        for kind, payload in (("listen", token), ("register", {"media": {"audio": True}}), ("invite", invite))
    ]
    client.send(WEBSOCKET, *frames, read=False)


def pings(client: Hostile) -> None:
    client.send(WEBSOCKET, frame(9, b"x" * 125) * 5_000, read=False)


def fragments(client: Hostile) -> None:
    client.send(WEBSOCKET, frame(1, b"x" * 60_000, fin=False), frame(0, b"", fin=False) * 20_000, read=False)


def many_headers(client: Hostile) -> None:
    headers = [f"A{number}: b" for number in range(250)]
    client.send(request("GET", "/livez", b"", *headers) * 60, read=False)


def unique_heads(client: Hostile) -> None:
    client.send(
        request("POST", f"/2010-04-01/{client.text(9)}", b"", f"X: {client.chance.getrandbits(64)}".ljust(60_000, "x"))
    )


def secure_connections(client: Hostile) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(5):
        sock = socket.create_connection(client.emulator.https, 5)
        sock = context.wrap_socket(sock)
        sock.sendall(twilio(client, "UserDefinedMessages", {"Content": client.text(9_000)})[:-1])
        client.keep(sock)


def empty_lines(client: Hostile) -> None:
    with socket.create_connection(client.emulator.proxy, 5) as sock:
        for _ in range(20):
            sock.sendall(b"\r\n" * 200_000)


def scoped_resets(client: Hostile) -> None:
    client.send(*(request("POST", f"/_emulator/reset?call_sid={client.sid('CA')}") for _ in range(50)))


def resets(client: Hostile) -> None:
    for _ in range(50):
        with client.connect() as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ATTACKS: dict[str, Callable[[Hostile], None]] = {
    attack.__name__: attack
    for attack in (
        *(messages, short_messages, refusals, bad_targets, big_bodies, unfinished_bodies, unfinished_heads, pipelines),
        *(delayed, faults, subscriptions, calls, voice_calls, behaviours, schemas, waits, streams, listings, searches),
        *(dry_runs, documents, tunnels, websockets, pings, fragments, many_headers, unique_heads, secure_connections),
        *(empty_lines, scoped_resets, resets),
    )
}


def is_answering(emulator: EmulatorProcess) -> bool:
    """Whether a message is created, also while others go on."""
    with contextlib.suppress(OSError), socket.create_connection(emulator.http, 10) as sock:
        sock.sendall(REQUESTS[0])
        return b" 201 " in sock.recv(4096)
    return False


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="default: another each time")
    parser.add_argument("--only", choices=ATTACKS, help="one attack only")
    options = parser.parse_args()
    if options.only:
        ATTACKS.update(dict.fromkeys(ATTACKS, ATTACKS[options.only]))
    sys.stdout.write(f"seed {options.seed}\n")
    stop = threading.Event()
    with EmulatorProcess("--memory-limit", LIMIT) as emulator:
        start = peak = emulator.memory
        clients = [Hostile(emulator, options.seed + number, stop) for number in range(HOSTILE)]
        for client in clients:
            client.start()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end and emulator.is_running:
            time.sleep(0.1)
            peak = max(peak, emulator.memory)
        stop.set()
        for client in clients:
            client.join(30)
        findings = [failure for client in clients for failure in client.failures]
        if not emulator.is_running or not is_answering(emulator):
            findings.append("the emulator does not answer any more")
        findings += [line for line in emulator.new_log().splitlines() if "Traceback" in line or "ERROR" in line]
        if peak > start + GROWTH:
            findings.append(f"memory grew by more than {GROWTH >> 20} MiB")
        done = sum((client.done for client in clients), Counter())
        sys.stdout.write(f"{dict(done)}\n")
        sys.stdout.write(
            f"memory {start >> 20} MiB at the start, {peak >> 20} MiB at the most: {(peak - start) / MIB:+.1f} MiB; "
            f"{len(findings)} findings\n"
        )
        sys.stdout.writelines(f"{finding}\n" for finding in findings[:20])
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
