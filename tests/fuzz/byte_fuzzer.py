"""Send mutated requests over http, https, the proxy and the WebSocket; print what must not happen, and its bytes.

There must be no response with 500, no traceback in the log, no connection that stays open, and afterwards no more file
descriptors and memory than before. Exits with 1 when there is a finding.
"""

import argparse
import contextlib
import http.client
import random
import re
import secrets
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator

from emulator_process import EmulatorProcess
from mutations import CONNECT, REQUESTS, WEBSOCKET, frames, mutate

HUNG = 10.0
"""Seconds after which a connection that the client has closed by half counts as hung."""
TLS_WAIT = 0.02
"""Seconds to read from a connection that cannot be closed by half."""
MEMORY_SLACK = 40 * 1024 * 1024
PER_CONNECTION = 12
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
KINDS = ("http", "http", "http", "http", "https", "proxy", "tunnel", "websocket")


class Fuzzer:
    """Attacks one emulator.

    Attributes:
        sent: how many requests were sent.
        statuses: how many responses of each status came back.
        findings: what went wrong.
    """

    def __init__(self, emulator: EmulatorProcess, seed: int) -> None:
        self.sent = 0
        self.statuses: Counter[str] = Counter()
        self.findings: list[str] = []
        self._emulator = emulator
        self._seed = seed
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def run(self, requests: int, seconds: float) -> None:
        """Send at least so many requests, unless the time is over."""
        end = time.monotonic() + seconds
        number = 0
        while self.sent < requests and time.monotonic() < end and len(self.findings) < 10:
            self.attack(number)
            number += 1

    def attack(self, number: int) -> None:
        """One connection, which depends on the seed and its number alone."""
        chance = random.Random(f"{self._seed}/{number}")
        kind = chance.choice(KINDS)
        data = b"".join(self._data(kind, chance))
        received, problem = b"", None
        try:
            received = self._exchange(kind, data, chance)
        except TimeoutError:
            problem = f"no end within {HUNG:g} s"
        except OSError:
            pass  # reset, as a malformed request may be
        statuses = [status.decode() for status in _STATUS.findall(received)]
        self.statuses.update(statuses)
        if "500" in statuses:
            problem = "500"
        log = self._emulator.new_log()
        if "Traceback" in log or "rror:" in log:
            problem = f"log: {log}"
        if not self._emulator.is_running:
            problem = "the emulator ended"
        if problem is not None:
            self.findings.append(problem)
            sys.stdout.write(f"seed {self._seed} connection {number} ({kind}): {problem}\n{data!r}\n")

    def _data(self, kind: str, chance: random.Random) -> Iterator[bytes]:
        if kind == "websocket":
            self.sent += 1
            yield (WEBSOCKET if chance.random() < 0.8 else mutate(WEBSOCKET, chance)) + frames(chance)
            return
        if kind == "tunnel":
            self.sent += 1
            yield CONNECT if chance.random() < 0.8 else mutate(CONNECT, chance)
        for _ in range(chance.randint(1, PER_CONNECTION)):
            self.sent += 1
            yield mutate(chance.choice(REQUESTS), chance)

    def _exchange(self, kind: str, data: bytes, chance: random.Random) -> bytes:
        addresses = {"https": self._emulator.https, "proxy": self._emulator.proxy, "tunnel": self._emulator.proxy}
        sock = socket.create_connection(addresses.get(kind, self._emulator.http), HUNG)
        with contextlib.closing(self._tls.wrap_socket(sock) if kind == "https" else sock) as connection:
            cut = chance.randrange(len(data) + 1)
            connection.sendall(data[:cut])
            connection.sendall(data[cut:])
            if chance.random() < 0.05:
                return b""  # closing with unread bytes is a reset
            if kind == "https":
                connection.settimeout(TLS_WAIT)
            else:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except TimeoutError:
                if kind != "https":
                    raise
            return received


def _ask(emulator: EmulatorProcess, method: str, path: str) -> None:
    connection = http.client.HTTPConnection(*emulator.http, timeout=HUNG)
    connection.request(method, path)
    assert connection.getresponse().status == 200
    connection.close()


def measure(emulator: EmulatorProcess) -> tuple[int, int]:
    """File descriptors and memory once what was stored is deleted."""
    _ask(emulator, "POST", "/_emulator/reset")
    end = time.monotonic() + HUNG
    descriptors = emulator.descriptors
    while time.monotonic() < end:
        _ask(emulator, "GET", "/livez")
        now = emulator.descriptors
        if now > descriptors or now <= 16:  # listeners, pipes and the event loop's own
            break
        descriptors = now
        time.sleep(0.1)
    return emulator.descriptors, emulator.memory


def compare(before: tuple[int, int], after: tuple[int, int]) -> list[str]:
    """What is more than before."""
    findings = []
    if after[0] > before[0] + 2:
        findings.append(f"file descriptors: {before[0]} before, {after[0]} after")
    if after[1] > before[1] + MEMORY_SLACK:
        findings.append(f"memory: {before[1] >> 20} MiB before, {after[1] >> 20} MiB after")
    return findings


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="default: another each time")
    parser.add_argument("--requests", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--connection", type=int, help="only the connection of this number")
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    with EmulatorProcess() as emulator:
        warm_up = Fuzzer(emulator, options.seed + 1)
        fuzzer = Fuzzer(emulator, options.seed)
        if options.connection is not None:
            fuzzer.attack(options.connection)
            return bool(fuzzer.findings)
        warm_up.run(min(20_000, options.requests // 10), options.seconds / 10)
        before = measure(emulator)
        started = time.monotonic()
        fuzzer.run(options.requests, options.seconds)
        seconds = time.monotonic() - started
        after = measure(emulator)
        findings = [*warm_up.findings, *fuzzer.findings, *compare(before, after)]
        sys.stdout.write(
            f"{fuzzer.sent} requests in {seconds:.0f} s; file descriptors {before[0]} -> {after[0]}, "
            f"memory {before[1] >> 20} -> {after[1] >> 20} MiB; {len(findings)} findings\n"
        )
        responses = ", ".join(f"{count} with {status}" for status, count in sorted(fuzzer.statuses.items()))
        sys.stdout.write(f"responses: {responses}\n")
        sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
