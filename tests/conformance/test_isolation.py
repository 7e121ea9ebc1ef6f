"""Many tests at once on one emulator, each in its own account: nobody sees, wakes or wipes anybody else."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

from support.server import PATIENCE, Caller, Site

THREADS = 64
ROUNDS = 4
NOTHING = dict.fromkeys(
    ("requests", "messages", "calls", "schemas", "faults", "subscriptions", "deliveries", "waits"), 0
)


class Tenant:
    """A test of somebody's: an account, and connections of the standard library's client that are kept."""

    def __init__(self, caller: Caller, connection: http.client.HTTPConnection) -> None:
        self.caller = caller
        self._connection = connection

    def ask(self, method: str, target: str, body: str | None = None) -> Any:  # noqa: ANN401  JSON
        headers = dict(self.caller.headers()) if body is not None else {}
        self._connection.request(method, target, body, headers)
        reply = self._connection.getresponse()
        answer = json.loads(reply.read())
        assert reply.status in (200, 201), answer
        return answer

    def create(self, content: object, key: str) -> str:
        form = urlencode({"Content": json.dumps(content), "IdempotencyKey": key})
        sid: str = self.ask("POST", self.caller.path, form)["sid"]
        return sid

    def wait(self, **query: object) -> Any:  # noqa: ANN401  JSON
        mine = urlencode({"account_sid": self.caller.account, **query})
        return self.ask("GET", f"/_emulator/messages?{mine}")

    def reset(self) -> Any:  # noqa: ANN401  JSON
        return self.ask("POST", f"/_emulator/reset?account_sid={self.caller.account}")


@contextmanager
def tenant(site: Site) -> Iterator[Tenant]:
    connection = http.client.HTTPConnection(*site.address, timeout=4 * PATIENCE)
    try:
        yield Tenant(Caller(site), connection)
    finally:
        connection.close()


def one_test(me: Tenant, number: int) -> None:
    """What a test does: create, wait, look, reset. Keys and contents are the same as everybody's."""
    sids = [me.create({"round": number, "place": place}, f"key {place}") for place in range(3)]
    answer = me.wait(at_least=3, timeout=20)
    one = me.wait(at_least=1, at_most=1, within=0, content=json.dumps({"place": 1}))

    assert answer["satisfied"] is True
    assert [message["sid"] for message in answer["messages"]] == sids
    assert {message["account_sid"] for message in answer["messages"]} == {me.caller.account}
    assert [message["sid"] for message in one["messages"]] == [sids[1]]
    assert me.create({"round": number, "place": 0}, "key 0") == sids[0]
    assert me.reset() == NOTHING | {"requests": 4, "messages": 3}
    assert me.wait(at_most=0, within=0)["count"] == 0


def test_parallel_accounts_are_isolated(site: Site) -> None:
    start = Barrier(THREADS)

    def run(_: int) -> str:
        with tenant(site) as me:
            start.wait(PATIENCE)
            for number in range(ROUNDS):
                one_test(me, number)
            return me.caller.account

    with ThreadPoolExecutor(THREADS) as threads:
        accounts = list(threads.map(run, range(THREADS)))

    assert len(set(accounts)) == THREADS


def test_wait_survives_resets_of_others(site: Site) -> None:
    with tenant(site) as me, tenant(site) as waiter, ThreadPoolExecutor(1) as thread:
        waiter.caller = me.caller
        waiting = thread.submit(waiter.wait, at_least=1, timeout=20)
        for _ in range(20):
            with tenant(site) as other:
                other.create({}, "k")
                other.reset()
        sid = me.create({}, "k")

        assert [message["sid"] for message in waiting.result(PATIENCE)["messages"]] == [sid]
