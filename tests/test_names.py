"""Names: each has one meaning."""

import ast
import re
from collections import Counter
from pathlib import Path

from emulator.app import create_app
from emulator.settings import Settings

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "emulator"


def test_class_names_are_unique() -> None:
    """Generated code excepted: a blocking client may have the classes of its asyncio version."""
    sources = [path.read_text() for path in PACKAGE.rglob("*.py")]
    nodes = [node for text in sources if not text.startswith("# Generated") for node in ast.walk(ast.parse(text))]
    counts = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))

    assert len(counts) > 300
    assert [name for name, count in counts.items() if count > 1] == []


def test_test_names_are_short() -> None:
    """A longer law goes into the docstring."""
    names = [
        name
        for path in TESTS.rglob("*.py")
        for name in re.findall(r"^\s*def (test_\w+)", path.read_text(), re.MULTILINE)
    ]

    assert len(names) > 1500
    assert [name for name in names if len(name) > 40] == []


def test_operation_ids_are_function_names() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]

    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z_]+|[A-Z][A-Za-z]+", name)] == []
    assert {"list_messages", "livez", "CreateUserDefinedMessage"} <= set(ids)


FIGURES_OF_SPEECH = re.compile(
    r"\b(whoever|anew|so many|as many as that|its time is over|as at the|stands for)\b", re.IGNORECASE
)
TEXTS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_docstrings_and_documents_are_plain() -> None:
    root = PACKAGE.parent
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    docstrings = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, TEXTS)]
    documents = [path.read_text() for path in (root / "README.md", *(root / "docs").glob("*.md"))]

    assert len(docstrings) > 1000
    assert [found[0] for text in (*docstrings, *documents) for found in FIGURES_OF_SPEECH.finditer(text)] == []
