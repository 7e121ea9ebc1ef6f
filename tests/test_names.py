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
    r"\b(whoever|anew|so many|as many as that|its time is over|as at the|stands for|beside|tells?|told|hears?|heard)\b",
    re.IGNORECASE,
)


def strings(source: str) -> list[str]:
    """Return all string constants of a module: docstrings, messages and help texts."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def test_texts_have_no_figures_of_speech() -> None:
    root = PACKAGE.parent
    texts = [text for path in PACKAGE.rglob("*.py") for text in strings(path.read_text())]
    documents = [root / "README.md", *(root / "docs").glob("*.md"), *(PACKAGE / "endpoints" / "web").rglob("*.html")]
    texts += [path.read_text() for path in documents]

    assert len(texts) > 5000
    assert [found[0] for text in texts for found in FIGURES_OF_SPEECH.finditer(text)] == []
