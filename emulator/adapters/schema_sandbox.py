"""Compile an unknown schema in a separate process with memory and time limits, before the server compiles it.

Small schemas need no process. The process runs this module: `_BOOT` starts it without reading the
user's environment variables, working directory or start-up files.
"""

import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emulator.adapters import json_schema
from emulator.adapters.schema_limits import (
    BYTES,
    COMPILE_MEMORY,
    COMPILE_TIME,
    DEPTH,
    TRIAL_ADDRESS_SPACE,
    TRIAL_CPU_SECONDS,
    TRIAL_SECONDS,
    BadSchemaError,
    exceeded,
)
from emulator.engine.state.schema_cost import Cost

_BOOT = "import sys; sys.path += sys.argv[1:]; from emulator.adapters.schema_sandbox import main; main()"
_MAX_SHOWN = 200
_SMALL = 4096
_SMALL_COUNTS = {"{": 32, "attern": 5, "\\": 40}
"""Maximum number of subschemas, patterns and their escapes, for which the library takes quadratic time."""
_EXPENSIVE = re.compile(r'"unevaluated|\(\?[^:]|\\[pP]')
"""Slow to compile: keywords that compile subschemas again, and sets of Unicode characters in patterns."""


_ENDED_BY_LIMITS = frozenset({-6, -9, -11, -24})
"""SIGABRT and SIGSEGV (memory), SIGKILL and SIGXCPU (time); the names of signals depend on the system."""


class SandboxError(Exception):
    """A schema cannot be tried, because no process can be started; str() is the reason."""


def is_small(text: str) -> bool:
    """Whether a schema, as JSON in ASCII, needs no process: within these counts, compiling takes at most 50 ms."""
    is_short = len(text) <= _SMALL and all(text.count(word) <= most for word, most in _SMALL_COUNTS.items())
    return is_short and _EXPENSIVE.search(text) is None


async def compile_schema(schema: object, seconds: float = TRIAL_SECONDS.maximum) -> json_schema.CompiledSchema:
    """Compile a schema without blocking the event loop for longer than 50 ms.

    Args:
        schema: any JSON value.
        seconds: timeout of the process.

    Raises:
        BadSchemaError: it is not a schema, or exceeds a limit.
        TrialError: no process can be started.
    """
    try:
        text = json.dumps(schema)
    except RecursionError:
        raise exceeded(DEPTH, "it is nested deeper") from None
    if len(text) > BYTES.maximum:
        raise exceeded(BYTES, f"it has {len(text):,} bytes")
    cost = json_schema.cost_of(schema) if is_small(text) else await _try(text, seconds)
    return json_schema.compile_schema(schema, cost, text)


async def _try(text: str, seconds: float) -> Cost:
    folders = {
        str(Path(spec.origin).parents[1])
        for name in ("emulator", "jsonschema_rs")
        if (spec := find_spec(name)) and spec.origin
    }
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable or "", "-I", "-B", "-c", _BOOT, *sorted(folders),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"cannot start a process to try the schema: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(text.encode())
    except TimeoutError:
        raise exceeded(TRIAL_SECONDS, "trying it takes longer") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode in _ENDED_BY_LIMITS:
        raise _too_expensive()
    if process.returncode:
        raise SandboxError(f"the process that compiles the schema failed with exit code {process.returncode}")
    return _read(json.loads(output))


def _too_expensive() -> BadSchemaError:
    memory = TRIAL_ADDRESS_SPACE // 2**20
    return BadSchemaError("", f"compiling it takes more than {TRIAL_CPU_SECONDS} s or {memory} MiB")


def _read(answer: dict[str, Any]) -> Cost:
    if "error" in answer:
        raise BadSchemaError(*answer["error"])
    value, character, violations, *more = answer["cost"]
    return Cost(tuple(value), tuple(character), tuple(violations), *more)


def _limit_resources() -> None:
    with suppress(AttributeError, OSError):  # not on Windows
        os.nice(10)  # the server has priority
    with suppress(ImportError):  # not on Windows, where only the timeout applies
        import resource  # noqa: PLC0415

        bounds = {
            resource.RLIMIT_AS: TRIAL_ADDRESS_SPACE,
            resource.RLIMIT_CPU: TRIAL_CPU_SECONDS,
            resource.RLIMIT_CORE: 0,
        }
        for which, bound in bounds.items():
            with suppress(ValueError, OSError):  # not every system has all of them
                resource.setrlimit(which, (bound, bound))


def _memory() -> int:
    """Peak memory in bytes; 0 where it is unknown."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415  not on Windows

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return 0


def _measured(schema: object) -> Cost:
    cost = json_schema.cost_of(schema)
    json_schema.compile_schema({}, cost, "")  # initialize the library, so that this is not measured
    memory, began = _memory(), time.process_time()
    json_schema.compile_schema(schema, cost, "")
    milliseconds, grown = (time.process_time() - began) * 1000, _memory() - memory
    if milliseconds > COMPILE_TIME.maximum:
        raise exceeded(COMPILE_TIME, f"it takes {milliseconds:.0f} ms to compile")
    if grown > COMPILE_MEMORY.maximum:
        raise exceeded(COMPILE_MEMORY, f"compiled it takes {grown:,} bytes")
    return cost


def _answer(text: str) -> dict[str, object]:
    try:
        cost = _measured(json.loads(text))
    except (MemoryError, RecursionError):
        error = _too_expensive()
    except BadSchemaError as bad:
        error = bad
    else:
        return {"cost": [getattr(cost, name) for name in Cost.__slots__]}
    shown = json.dumps(error.value)
    value = error.value if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN]
    return {"error": [error.pointer, error.message, value]}


def main() -> None:
    """Read a schema from stdin and write its cost or its error to stdout."""
    _limit_resources()
    sys.stdout.write(json.dumps(_answer(sys.stdin.read())))
