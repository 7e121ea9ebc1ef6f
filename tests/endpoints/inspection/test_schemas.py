"""`/_emulator/schemas`: JSON Schemas that validate the contents of a scope."""

import asyncio
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.builders import Time
from support.hostile_schemas import doubling, hostile
from support.server import Caller, Reply, Servers, Site, fresh

from emulator.adapters.schema_queue import MAX_QUEUED, SchemaQueue
from emulator.engine.capacity import CapacityError

ANYTHING, NOTHING = True, False
"""The two schemas that are no objects."""
MAIL = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string", "format": "email"}}}


def put(caller: Caller, schema: object, name: str | None = None, **more: object) -> Reply:
    """Register a schema for a caller's account."""
    value = {"schema": schema, "account_sid": caller.account, **more}
    return caller.site.put_json(f"/_emulator/schemas/{name or caller.call}", value)


def said(caller: Caller, content: str) -> list[Any]:
    """What the schemas say of a message."""
    assert caller.send(content).status == 201
    schemas: list[Any] = caller.messages(order="newest")[0]["schemas"]
    return schemas


def test_schema_life_cycle(caller: Caller) -> None:
    """A schema is registered, read, replaced and deleted."""
    target = f"/_emulator/schemas/{caller.call}"
    first, second = put(caller, MAIL), put(caller, ANYTHING, on_failure="refuse")
    read, gone, again = caller.site.get(target), caller.site.delete(target), caller.site.delete(target)

    assert (first.status, second.status, gone.status, again.status) == (201, 200, 204, 404)
    assert read.json() == {
        "name": caller.call,
        "schema": True,
        "account_sid": caller.account,
        "call_sid": None,
        "on_failure": "refuse",
    }
    assert caller.site.get(target).status == 404


def test_all_schemas_are_listed(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    put(caller, MAIL, "b")
    put(caller, ANYTHING, "a")
    page = caller.site.get("/_emulator/schemas").json()

    assert ([schema["name"] for schema in page["schemas"]], page["count"]) == (["b", "a"], 2)


def test_a_content_that_fits_is_valid(caller: Caller) -> None:
    put(caller, MAIL)

    assert said(caller, '{"to": "a@example.com"}') == [{"name": caller.call, "valid": True, "errors": []}]


def test_invalid_content_has_a_pointer(caller: Caller) -> None:
    put(caller, MAIL)

    ((schema,)) = said(caller, '{"to": "a@b..c"}')
    assert (schema["valid"], [error["pointer"] for error in schema["errors"]]) == (False, ["/to"])
    assert schema["errors"][0]["message"]


def test_refusing_schema_returns_32702(caller: Caller) -> None:
    put(caller, MAIL, on_failure="refuse")
    reply = caller.send('{"to": "nobody"}')
    good = caller.send('{"to": "a@example.com"}')

    (refused, created) = caller.requests()
    assert (reply.status, reply.json()["code"], good.status) == (400, 32702, 201)
    assert (refused["rule"]["name"], created["rule"]) == ("content-violates-schema", None)
    assert caller.call in refused["rule"]["reason"]
    assert "/to" in refused["rule"]["reason"]


@pytest.mark.parametrize(
    ("schema", "pointer", "says"),
    [
        pytest.param({"type": "objekt"}, "/schema/type", "objekt", id="unknown type"),
        pytest.param({"properties": {"a": {"minimum": "x"}}}, "/schema/properties/a/minimum", "x", id="inside"),
        pytest.param({"pattern": "(a)\\1"}, "/schema/pattern", "linear time", id="back-reference"),
        pytest.param({"pattern": "("}, "/schema/pattern", "regex", id="no pattern"),
        pytest.param(12, "/schema", "12", id="a number"),
    ],
)
def test_invalid_schema_has_a_pointer(caller: Caller, schema: object, pointer: str, says: str) -> None:
    reply = put(caller, schema)

    (bad,) = reply.json()["parameters"]
    assert (reply.status, bad["parameter"]) == (422, pointer)
    assert says in reply.json()["error"]
    assert "LookupError" not in reply.json()["error"]
    assert caller.site.get(f"/_emulator/schemas/{caller.call}").status == 404


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/schema", paths
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_url_and_no_file_is_ever_read(caller: Caller, asked: tuple[str, list[str]], tmp_path: Path) -> None:
    url, paths = asked
    file = tmp_path / "schema.json"
    file.write_text("true")
    replies = [put(caller, {key: address}) for key in ("$ref", "$dynamicRef") for address in (url, file.as_uri())]
    put(caller, {"$schema": url})
    put(caller, {"$id": url, "$ref": "#/$defs/a", "$defs": {"a": True}})
    caller.send()

    assert [reply.status for reply in replies] == [422] * 4
    assert paths == []


def test_schema_has_a_maximum_size(caller: Caller) -> None:
    large = {"description": "x" * (256 * 1024 - 100)}
    larger = {"description": "x" * 256 * 1024}
    fits, refused = put(caller, large), put(caller, larger, fresh("x"))

    assert (fits.status, refused.status) == (201, 422)
    assert "the bound schema_bytes is 262,144" in refused.json()["error"]
    assert len(refused.body) < 1000


@hostile
def test_expensive_schema_names_the_limit(caller: Caller, schema: object, bound: str) -> None:
    reply = put(caller, schema)

    assert (reply.status, len(reply.body) < 1500) == (422, True)
    assert bound in reply.json()["error"]
    assert caller.site.get(f"/_emulator/schemas/{caller.call}").status == 404


def test_trial_does_not_block_requests(caller: Caller) -> None:
    large = {"anyOf": [{"const": number} for number in range(5000)]}
    replies: list[Reply] = []
    putting = Thread(target=lambda: replies.append(put(caller, large)))
    putting.start()
    answered = 0
    while putting.is_alive():
        assert caller.site.get("/livez").status == 200
        answered += 1
        putting.join(0.05)  # leave the processor to the child process

    assert [reply.status for reply in replies] == [201]
    assert answered > 1


def test_hundreds_of_references_are_allowed(caller: Caller) -> None:
    assert put(caller, doubling(8)).status == 201
    assert len(said(caller, "1")[0]["errors"]) == 20


def test_failed_trial_process_returns_503(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    large, small = put(caller, {"description": "x" * 5000}), put(caller, ANYTHING)

    assert (large.status, small.status) == (503, 201)
    assert "cannot start a process to try the schema" in large.json()["error"]


def test_at_most_16_schemas_wait() -> None:
    async def wait() -> tuple[int, str]:
        trials, release, compiled = SchemaQueue(), asyncio.Event(), 0

        async def compile_one() -> None:
            nonlocal compiled
            async with trials.turn():
                await release.wait()
                compiled += 1

        tasks = [asyncio.create_task(compile_one()) for _ in range(MAX_QUEUED)]
        await asyncio.sleep(0)
        with pytest.raises(CapacityError) as caught:
            await compile_one()
        release.set()
        await asyncio.gather(*tasks)
        await compile_one()
        return compiled, str(caught.value)

    assert asyncio.run(wait()) == (MAX_QUEUED + 1, "schemas being compiled reached: at most 16; try again")


def test_there_are_at_most_a_hundred(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    statuses = [put(caller, ANYTHING, f"s{number}").status for number in range(101)]
    full = put(caller, ANYTHING, "one-more")

    assert statuses == [201] * 100 + [429]
    assert "at most 100" in full.json()["error"]
    assert put(caller, NOTHING, "s0").status == 200


@pytest.mark.parametrize("name", ["a%20b", "%C3%A9", "x" * 101, "a%2Fb"])
def test_a_bad_name_is_refused(site: Site, name: str) -> None:
    assert site.put_json(f"/_emulator/schemas/{name}", {"schema": True}).status in (404, 422)


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "/schema"),
        ({"schema": True, "on_failure": "explode"}, "/on_failure"),
        ({"schema": True, "acount_sid": "x"}, "/acount_sid"),
        ({"schema": True, "call_sid": 1}, "/call_sid"),
    ],
)
def test_invalid_registration_is_rejected(caller: Caller, body: object, parameter: str) -> None:
    reply = caller.site.put_json(f"/_emulator/schemas/{caller.call}", body)

    assert reply.status == 422
    assert [bad["parameter"] for bad in reply.json()["parameters"]] == [parameter]


def test_deleted_schema_keeps_its_results(caller: Caller) -> None:
    put(caller, NOTHING)
    before = said(caller, "1")
    caller.site.delete(f"/_emulator/schemas/{caller.call}")

    assert said(caller, "2") == []
    assert caller.messages()[0]["schemas"] == before
