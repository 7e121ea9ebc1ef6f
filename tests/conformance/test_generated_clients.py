"""Clients that generators make from the OpenAPI document: they compile and work for every operation."""

import base64
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

import pytest
from support.node import NODE, program
from support.server import FORM, Caller, Running, Site
from support.subscriptions import listening, say, settled, subscribed

from emulator.settings import Settings

ENDLESS = {"events"}  # a stream: a client that reads whole responses waits for ever
MISSING = {"place_call", "ca_pem"}  # no user is connected; the emulator does not serve https
METHODS = {"put": 0, "post": 1, "get": 2, "delete": 3}  # read records before deleting them


def _order(operation: "Operation") -> tuple[object, ...]:
    """Create, read, then delete; the fault exists only between the first and the last request of the Twilio surface."""
    is_inner = (operation.tag == "Twilio") == (operation.method == "delete")
    return operation.id == "reset", METHODS[operation.method], is_inner, -len(operation.path)


class Operation(NamedTuple):
    """An operation of the document, with arguments that the emulator accepts."""

    id: str
    method: str
    path: str
    tag: str
    arguments: dict[str, str]
    media_type: str | None
    body: Any
    statuses: set[int]
    """Those with a JSON body."""


class Situation(NamedTuple):
    """An emulator with one record of each kind."""

    caller: Caller
    document: Any
    known: dict[str, str]
    """Values of path parameters."""

    def operations(self) -> list[Operation]:
        found = [
            self._operation(method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if operation["operationId"] not in ENDLESS
        ]
        return sorted(found, key=_order)

    def _operation(self, method: str, path: str, operation: Any) -> Operation:  # noqa: ANN401  JSON
        parameters = [each for each in operation.get("parameters", []) if each["in"] == "path"]
        media_type, content = next(iter(operation.get("requestBody", {}).get("content", {}).items()), (None, None))
        return Operation(
            id=operation["operationId"],
            method=method,
            path=path,
            tag=operation["tags"][0],
            arguments={each["name"]: self.known.get(each["name"]) or _first_example(each) for each in parameters},
            media_type=media_type,
            body=None if content is None else self.example(content["schema"]),
            statuses={
                int(status)
                for status, response in operation["responses"].items()
                if "application/json" in response.get("content", {}) and status.isdigit()
            },
        )

    def example(self, schema: Any) -> Any:  # noqa: ANN401  JSON
        """Return the smallest value of a schema, of its examples."""
        if "$ref" in schema:
            return self.example(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if "examples" in schema or "example" in schema:
            return schema.get("example") or schema["examples"][0]
        if "oneOf" in schema:
            return self.example(schema["oneOf"][0])
        return {name: self.example(schema["properties"][name]) for name in schema.get("required", ())}


def _first_example(parameter: Any) -> Any:  # noqa: ANN401  JSON
    return (parameter.get("example") or parameter["schema"].get("examples") or parameter["examples"])[0]


def situation_of(site: Site, callback: str) -> Situation:
    """Make one record of each kind for the account and call of the document's examples."""
    caller = Caller(site, account="AC" + "a" * 32, call="CA" + "b" * 32)
    site.ask("POST", "/_emulator/reset")
    subscription = subscribed(caller, callback)
    sid = caller.send().json()["sid"]
    say(caller)
    (delivery,) = settled(caller)
    (*_, request) = site.get("/_emulator/requests").json()["requests"]
    known = {"sid": sid, "request_id": request["request_id"], "delivery_id": delivery["id"], "Sid": subscription}
    return Situation(caller, json.loads(site.get("/openapi.json").body), known)


@pytest.fixture
def situation() -> Iterator[Situation]:
    with Running(Settings(port=0)) as running, listening() as listener:
        yield situation_of(running.site, listener.url())


@pytest.fixture
def generated(situation: Situation, tmp_path: Path) -> Iterator[str]:
    """The name of the package that openapi-python-client makes."""
    folder = tmp_path
    (folder / "openapi.json").write_text(json.dumps(situation.document))
    (folder / "config.yml").write_text("post_hooks: []\n")
    arguments = ["generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *arguments, "--output-path", "generated_client"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("WARNING")]
    assert warnings == ["WARNING parsing GET /_emulator/ca.pem within health."]  # its media type is not generated
    sys.path.insert(0, str(folder))
    yield "generated_client"
    sys.path.remove(str(folder))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_python_client_calls_all_operations(situation: Situation, generated: str) -> None:
    client_module = importlib.import_module(f"{generated}.client")
    token = base64.b64encode(f"{situation.caller.account}:{situation.caller.token}".encode()).decode()
    failed = set()
    with client_module.AuthenticatedClient(situation.caller.site.url, token, prefix="Basic") as client:
        for operation in situation.operations():
            package = operation.tag.replace(" ", "_").lower()
            module = importlib.import_module(f"{generated}.api.{package}.{snake(operation.id)}")
            response = module.sync_detailed(client=client, **arguments_of(module, operation))
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                failed.add(operation.id)
            assert (response.parsed is not None) is (response.status_code in operation.statuses), operation

    assert failed == MISSING


def arguments_of(module: ModuleType, operation: Operation) -> dict[str, Any]:
    arguments: dict[str, Any] = {snake(name): value for name, value in operation.arguments.items()}
    if operation.body is not None:
        body = get_type_hints(module.sync_detailed)["body"]
        arguments["body"] = next(filter(None, map(partial(model_of, operation.body), get_args(body) or (body,))))
    return arguments


def model_of(value: Any, model: Any) -> Any:  # noqa: ANN401  generated types
    """Return an instance of one of several models; None when it is not that of the value."""
    with suppress(KeyError, AttributeError):
        return model.from_dict(value)
    return None


PROGRAM = """
import createClient from "openapi-fetch";
import type {{ paths }} from "./openapi.js";

const [url, authorization] = process.argv.slice(2);
const client = createClient<paths>({{ baseUrl: url, headers: {{ authorization }} }});
const form = (body: object) => new URLSearchParams(Object.entries(body));
const results: Record<string, {{ status: number; parsed: boolean }}> = {{}};
const keep = (id: string, {{ response, data, error }}: {{ response: Response; data?: unknown; error?: unknown }}) => {{
  results[id] = {{ status: response.status, parsed: typeof (data ?? error) === "object" }};
}};
{calls}
console.log(JSON.stringify(results));
"""
COMPILER = [
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--moduleResolution",
    "nodenext",
    "--types",
    "node",
]


def call_of(operation: Operation) -> str:
    """Return the statement that calls an operation with openapi-fetch."""
    options: dict[str, Any] = {"params": {"path": operation.arguments}} if operation.arguments else {}
    if operation.body is not None:
        options["body"] = operation.body
    text = json.dumps(options)
    if operation.media_type == FORM:
        options["headers"] = {"content-type": FORM}
        text = f"{json.dumps(options)[:-1]}, bodySerializer: form}}"
    return f'keep("{operation.id}", await client.{operation.method.upper()}("{operation.path}", {text}));'


def test_typescript_calls_all_operations(situation: Situation, tmp_path: Path) -> None:
    """openapi-typescript generates types, tsc checks calls of all operations with them, and Node runs the calls."""
    node = program()
    operations = situation.operations()
    (tmp_path / "openapi.json").write_text(json.dumps(situation.document))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text(PROGRAM.format(calls="\n".join(map(call_of, operations))))
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    tools = tmp_path / "node_modules" / ".bin"
    generate: list[str | Path] = [tools / "openapi-typescript", "openapi.json", "--output", "openapi.ts"]
    run([*generate, "--default-non-nullable=false"], tmp_path)
    run([tools / "tsc", *COMPILER, "calls.ts"], tmp_path)
    results = json.loads(run([node, "calls.js", situation.caller.site.url, situation.caller.auth[1]], tmp_path))

    assert {name for name, result in results.items() if result["status"] >= HTTPStatus.BAD_REQUEST} == MISSING
    parsed = {each.id for each in operations if results[each.id]["status"] in each.statuses}
    assert {name for name, result in results.items() if result["parsed"]} == parsed


def run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, ""), done.stdout + done.stderr
    return done.stdout
