"""Write the module index of docs/architecture.md from the docstrings; with `--check`, fail when it is out of date."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- module index: written by `make generate` -->\n", "<!-- end of the module index -->\n"


def modules() -> Iterator[Path]:
    """Yield all modules, those of a folder before those of its subfolders."""
    folders = sorted({path.parent for path in (ROOT / "emulator").rglob("*.py")})
    for folder in folders:
        yield from sorted(folder.glob("*.py"))


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", r"\|")


def index() -> str:
    """Return a table per folder."""
    lines = list[str]()
    folder = None
    for path in modules():
        if path.name == "__init__.py" and not summary(path):
            continue
        if path.parent != folder:
            folder = path.parent
            lines += ["", f"### `{folder.relative_to(ROOT)}/`", "", "| module | |", "|---|---|"]
        lines.append(f"| `{path.name}` | {summary(path)} |")
    return "\n".join([*lines, "", ""])


def main(arguments: list[str]) -> str | None:
    """Write or check the page; return what is wrong."""
    before, _, rest = PAGE.read_text().partition(START)
    text = before + START + index() + END + rest.partition(END)[2]
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        return f"{PAGE.relative_to(ROOT)} is out of date; run `make generate`"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
