"""The property tests try the same examples on every machine and every day; `make fuzz` tries others."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

# Prints a digest of all that is drawn.
DRAW = """
import hashlib, sys
sys.path.insert(0, {tests!r})
import conftest
from hypothesis import HealthCheck, given, settings, strategies as st
{more}
drawn = hashlib.sha256()

@settings(suppress_health_check=list(HealthCheck))
@given({strategy})
def draw(value):
    drawn.update(repr(value).encode(errors="surrogatepass"))

draw()
print(drawn.hexdigest())
"""
# What schemathesis draws from the OpenAPI document.
SCHEMA = """
import schemathesis
from schemathesis.config import SchemathesisConfig
from emulator.app import create_app
from emulator.settings import Settings
schema = schemathesis.openapi.from_dict(create_app(Settings()).openapi(), config=SchemathesisConfig.from_dict({}))
"""
FAULTS = 'schema["/_emulator/faults"]["POST"].as_strategy().map(lambda case: case.body)'


def digest(hash_seed: int = 0, *, more: str = "", strategy: str = "st.text()") -> str:
    environ = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    script = DRAW.format(tests=str(TESTS), more=more, strategy=strategy)
    return subprocess.run(
        [sys.executable, "-c", script], env=environ, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def test_the_hash_seed_changes_no_example() -> None:
    one, other = (digest(seed, more=SCHEMA, strategy=FAULTS) for seed in (0, 1))

    assert one == other


def test_other_imports_change_no_example(tmp_path: Path) -> None:
    (tmp_path / "constants.py").write_text(f"TEXTS = {[f'a constant {number}' for number in range(100)]}")

    assert digest(more=f"sys.path.insert(0, {str(tmp_path)!r}); import constants") == digest()


def test_fuzzing_tries_others() -> None:
    fuzz = 'settings.load_profile("fuzz")'

    assert digest(more=fuzz) != digest(more=fuzz)
