"""Limits of a JSON Schema: one table, each number with its reason.

A schema that exceeds a limit is rejected with the limit's name.
"""

from typing import NamedTuple


class Limit(NamedTuple):
    """A named limit."""

    name: str
    maximum: int
    reason: str


BYTES = Limit("schema_bytes", 256 * 1024, "characters of JSON; the schema of OpenAPI 3.0 has 19,000")
DEPTH = Limit("schema_depth", 100, "nested objects and arrays; any JSON in a request body may have 128")
SUBSCHEMAS = Limit(
    "schema_subschemas", 10_000, "subschemas, objects or booleans; computing the cost of more takes half a second"
)
CHAIN = Limit(
    "schema_chain",
    64,
    "nested references and combinators; multiplied by 128 levels of content, they fit into a thread's stack",
)
EXPANDED = Limit(
    "schema_expanded",
    80_000,
    "steps for one value with all references expanded; 100 such values use all steps of a message",
)
PATTERNS = Limit("schema_patterns", 100, "different patterns; each can take 320 KiB")
PATTERN_BYTES = Limit(
    "pattern_bytes", 256 * 1024, "size of a compiled pattern; a larger one could not be applied to 1,000 characters"
)
NUMBER = Limit("schema_number_digits", 100, "digits of an integer; a comparison with a longer one takes 0.4 ms")
COMPILE_TIME = Limit(
    "schema_compile_ms", 25, "CPU time to compile, because the server compiles again in its event loop"
)
COMPILE_MEMORY = Limit("schema_memory", 24 * 1024 * 1024, "memory of a compiled schema")
TRIAL_SECONDS = Limit("schema_trial_seconds", 30, "time for the process that tests a schema, on a busy machine")

LIMITS = (
    BYTES,
    DEPTH,
    SUBSCHEMAS,
    CHAIN,
    EXPANDED,
    PATTERNS,
    PATTERN_BYTES,
    NUMBER,
    COMPILE_TIME,
    COMPILE_MEMORY,
    TRIAL_SECONDS,
)

TRIAL_CPU_SECONDS = 3
TRIAL_ADDRESS_SPACE = 512 * 1024 * 1024
"""Python, the library and a schema of the maximum size map 150 MiB."""

EXPANDED_LEVELS = 4
"""EXPANDED applies to these levels of a content. A recursive schema whose steps multiply on each level is accepted, and
contents that would take more than the steps of a message are not validated with it."""

PATTERN_STEPS = {1024: 4, 2048: 80, 4096: 180, 16 * 1024: 440, 64 * 1024: 2_500, PATTERN_BYTES.maximum: 7_500}
"""Steps per character, by the size of the compiled pattern; measured with patterns
that defeat the engine's automaton."""
FORMAT_STEPS = {"email": (4_000, 1_500), "regex": (2_000, 2_000)}
"""Steps per value and per character. The other formats:"""
OTHER_FORMAT_STEPS = (200, 12)
MULTIPLE_STEPS = (100, 9_000)
"""Steps for multipleOf with an integer, and with another number: the library computes exactly, with hundreds
of digits."""

NUMBER_STEPS = 150
"""Steps for each of minimum, maximum and their exclusive forms, with a large number."""
EQUAL_STEPS = 50
"""Steps to compare with an object or array in enum or const, for each value in it."""

PATTERN_CACHE = 64 * 1024
"""Maximum cache in bytes of the regular expression engine, per pattern."""


class BadSchemaError(Exception):
    """A schema is rejected; `pointer` is the location in it, `value` the value there."""

    def __init__(self, pointer: str, message: str, value: object = None) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.value = value
        self.message = message


def exceeded(limit: Limit, found: str, pointer: str = "") -> BadSchemaError:
    """The error for a schema that exceeds a limit."""
    return BadSchemaError(pointer, f"{found}: the bound {limit.name} is {limit.maximum:,}")
