"""Ordinary and hostile clients at the same time: every ordinary request is answered, memory and descriptors stay flat.

Exits with 1 when there is a finding.
"""

import argparse
import secrets
import socket
import sys
import threading

from byte_fuzzer import MEMORY_SLACK, Fuzzer, compare, measure
from emulator_process import EmulatorProcess
from mutations import REQUESTS

CLIENTS = 2
"""Ordinary ones; each keeps its connection."""
SAMPLES = 20


class Ordinary(threading.Thread):
    """A client that creates messages on one connection and reads every response.

    Attributes:
        answered: how many requests were answered with 201.
        findings: what went wrong.
    """

    def __init__(self, emulator: EmulatorProcess, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.answered = 0
        self.findings: list[str] = []
        self._emulator = emulator
        self._stopping = stop

    def run(self) -> None:
        """Ask until it is time to stop."""
        with socket.create_connection(self._emulator.http, 10) as sock, sock.makefile("rb") as source:
            while not self._stopping.is_set() and not self.findings:
                sock.sendall(REQUESTS[0])
                length, status = 0, source.readline()
                while (line := source.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                source.read(length)
                if b" 201 " not in status:
                    self.findings.append(f"an ordinary request got {status!r}")
                self.answered += 1


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="default: another each time")
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    stop = threading.Event()
    with EmulatorProcess() as emulator:
        ordinary = [Ordinary(emulator, stop) for _ in range(CLIENTS)]
        for client in ordinary:
            client.start()
        hostile = Fuzzer(emulator, options.seed)
        hostile.run(sys.maxsize, options.seconds / 10)
        before = measure(emulator)
        memory = []
        for _ in range(SAMPLES):
            hostile.run(sys.maxsize, options.seconds * 0.9 / SAMPLES)
            memory.append(emulator.memory)
        after = measure(emulator)
        stop.set()
        for client in ordinary:
            client.join(10)
        findings = [*hostile.findings, *compare(before, after)]
        findings += [finding for client in ordinary for finding in client.findings]
        if max(memory[SAMPLES // 2 :]) > max(memory[: SAMPLES // 2]) + MEMORY_SLACK // 2:
            findings.append(f"memory grows: {[size >> 20 for size in memory]} MiB")
        sys.stdout.write(
            f"{sum(client.answered for client in ordinary)} ordinary requests answered, {hostile.sent} hostile sent; "
            f"file descriptors {before[0]} -> {after[0]}, memory {before[1] >> 20} -> {after[1] >> 20} MiB "
            f"({min(memory) >> 20} to {max(memory) >> 20}); {len(findings)} findings\n"
        )
        sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
