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


RIDDLES = re.compile(r"\b(whoever|anew|so many|as many as that|its time is over|as at the|stands for)\b", re.IGNORECASE)
TEXTS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_docstrings_and_documents_are_in_plain_words() -> None:
    root = PACKAGE.parent
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    docstrings = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, TEXTS)]
    documents = [path.read_text() for path in (root / "README.md", *(root / "docs").glob("*.md"))]

    assert len(docstrings) > 1000
    assert [found[0] for text in (*docstrings, *documents) for found in RIDDLES.finditer(text)] == []
