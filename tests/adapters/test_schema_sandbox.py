"""A schema is tried in a process of its own, and the event loop goes on meanwhile."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvloop
from support.hostile_schemas import hostile

from emulator.adapters import schema_sandbox
from emulator.adapters.json_schema import CompiledSchema
from emulator.adapters.schema_limits import LIMITS, BadSchemaError
from emulator.adapters.schema_sandbox import SandboxError, compile_schema, is_small

LARGE = {"properties": {f"name{number}": {"type": "string"} for number in range(50)}}
"""Small enough to be accepted, too large to be compiled without a process."""

Loop = Callable[[], asyncio.AbstractEventLoop]
each_loop = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def run(coroutine: Coroutine[Any, Any, Any], loop: Loop = uvloop.new_event_loop) -> Any:  # noqa: ANN401  its result
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(coroutine)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """Every process that was started."""
    started = []
    start = asyncio.create_subprocess_exec

    async def create(*args: Any, **options: Any) -> asyncio.subprocess.Process:  # noqa: ANN401  as the original
        process = await start(*args, **options)
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create)
    return started


@each_loop
def test_large_schema_is_tried_in_a_process(loop: Loop, processes: list[asyncio.subprocess.Process]) -> None:
    compiled = run(compile_schema(LARGE), loop)

    assert isinstance(compiled, CompiledSchema)
    assert compiled.size > len(compiled.text)
    assert [process.returncode for process in processes] == [0]


@each_loop
def test_it_works_in_a_thread(loop: Loop) -> None:
    results: list[CompiledSchema] = []
    thread = Thread(target=lambda: results.append(run(compile_schema(LARGE), loop)))
    thread.start()
    thread.join()

    assert len(results) == 1


def test_a_small_schema_needs_no_process(processes: list[asyncio.subprocess.Process]) -> None:
    run(compile_schema({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a"}}}))

    assert processes == []


@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("{}", True),
        ('{"description": "' + "x" * 4100 + '"}', False),
        ('{"anyOf": [' + "{}," * 40 + "{}]}", False),
        ('{"unevaluatedItems": false}', False),
        (r'{"pattern": "\\p{L}"}', False),
        ('{"pattern": "(?i)a"}', False),
        ('{"pattern": "(?:a)"}', True),
        (r'{"pattern": "' + r"\\s" * 30 + '"}', False),
    ],
)
def test_what_is_small(text: str, *, small: bool) -> None:
    assert is_small(text) is small


@hostile
def test_hostile_schema_keeps_the_loop_free(schema: object, bound: str) -> None:
    async def attempt() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        try:
            with pytest.raises(BadSchemaError, match=bound):
                await compile_schema(schema)
        finally:
            counting.cancel()
        return turns

    is_tried = bound != "schema_bytes" and not is_small(json.dumps(schema))

    assert (run(attempt()) > 100) is is_tried


def test_slow_trial_is_killed(processes: list[asyncio.subprocess.Process]) -> None:
    with pytest.raises(BadSchemaError, match="schema_trial_seconds"):
        run(compile_schema(LARGE, seconds=0))

    assert [process.returncode for process in processes] == [-9]


def test_cancelled_trial_kills_its_process(processes: list[asyncio.subprocess.Process]) -> None:
    async def leave() -> None:
        task = asyncio.create_task(compile_schema(LARGE))
        while not processes:  # noqa: ASYNC110  nothing else shows that the process has started
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(leave())

    assert [process.returncode for process in processes] == [-9]


@pytest.mark.parametrize(
    ("boot", "error", "message"),
    [
        pytest.param("raise SystemExit(3)", SandboxError, "exit code 3", id="it fails"),
        pytest.param(
            "import os; os.abort()", BadSchemaError, "more than 3 s or 512 MiB", id="no memory in the library"
        ),
        pytest.param(
            "import sys; sys.path += sys.argv[1:]; from emulator.adapters import schema_sandbox as t;"
            "t.json_schema.cost_of = lambda _: [0] * 10**9; t.main()",
            BadSchemaError,
            "more than 3 s or 512 MiB",
            id="no memory in Python",
        ),
        pytest.param(
            "import sys; sys.path += sys.argv[1:]; from emulator.adapters import schema_sandbox as t;"
            "t.TRIAL_CPU_SECONDS = 1; t.json_schema.cost_of = lambda _: [1 for _ in iter(int, 1)]; t.main()",
            BadSchemaError,
            "more than 3 s or 512 MiB",
            id="no time",
        ),
        pytest.param(
            "import sys; sys.path += sys.argv[1:]; from emulator.adapters import schema_sandbox as t;"
            "t.COMPILE_TIME = t.COMPILE_TIME._replace(maximum=-1); t.main()",
            BadSchemaError,
            "schema_compile_ms is -1",
            id="slow to compile",
        ),
        pytest.param(
            "import sys; sys.path += sys.argv[1:]; from emulator.adapters import schema_sandbox as t;"
            "t.COMPILE_MEMORY = t.COMPILE_MEMORY._replace(maximum=-1); t.main()",
            BadSchemaError,
            "schema_memory is -1",
            id="large when compiled",
        ),
    ],
)
def test_the_end_of_the_process_is_explained(
    monkeypatch: pytest.MonkeyPatch, boot: str, error: type[Exception], message: str
) -> None:
    monkeypatch.setattr(schema_sandbox, "_BOOT", boot)

    with pytest.raises(error, match=message):
        run(compile_schema(LARGE, seconds=300))


@pytest.mark.parametrize("program", ["", None, "/nowhere/python"])
@each_loop
def test_failed_process_start_has_a_reason(monkeypatch: pytest.MonkeyPatch, program: str | None, loop: Loop) -> None:
    monkeypatch.setattr(sys, "executable", program)

    with pytest.raises(SandboxError, match="cannot start a process to try the schema"):
        run(compile_schema(LARGE), loop)


def test_trial_ignores_users_python_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the working directory nor PYTHON variables affect the process."""
    for name in ("json.py", "asyncio.py", "sitecustomize.py", "jsonschema_rs.py"):
        (tmp_path / name).write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))

    assert run(compile_schema(LARGE)).size > 0


def test_each_limit_has_a_name_and_a_reason() -> None:
    assert len({limit.name for limit in LIMITS}) == len(LIMITS)
    assert all(limit.reason and limit.maximum > 0 for limit in LIMITS)


def test_the_documentation_lists_each_bound() -> None:
    document = (Path(__file__).parents[2] / "docs" / "schemas.md").read_text()

    assert [line for line in document.splitlines() if line.startswith(("| `schema_", "| `pattern_"))] == [
        f"| `{limit.name}` | {limit.maximum:,} | {limit.reason} |" for limit in LIMITS
    ]
