"""Names: each has one meaning."""

import ast
import re
from collections import Counter
from pathlib import Path

from emulator.app import create_app
from emulator.settings import Settings

PACKAGE = Path(__file__).parents[1] / "emulator"


def test_class_names_are_unique() -> None:
    """Except those of `emulator.testing`, whose models have the names of what they show."""
    files = [path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    counts = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))

    assert [name for name, count in counts.items() if count > 1] == []


def test_operation_ids_are_function_names() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]

    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z_]+|[A-Z][A-Za-z]+", name)] == []
    assert {"list_messages", "livez", "CreateUserDefinedMessage"} <= set(ids)
