"""The README tells the truth: its table is the options', and every block in it that can run does."""

import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from serving import Site, serving

from emulator.settings import OPTIONS

README = pathlib.Path(__file__).parent.parent / "README.md"
ADDRESS = "http://127.0.0.1:2010"
OUT_OF_TIME = 28  # curl's word for --max-time


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def own_site() -> Iterator[Site]:
    """An emulator that nobody else uses: the README resets it."""
    with serving() as serve:
        yield serve()


CURLS = [block for block in blocks("sh") if "curl" in block]


def test_the_table_of_options_is_the_settings_own() -> None:
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `--")]

    assert rows == [
        f"| `{option.flag}` | `{option.variable}` | {option.default and f'`{option.default}`'} | {option.help} |"
        for option in OPTIONS
    ]


def test_every_curl_of_the_readme_works_as_it_stands(own_site: Site) -> None:
    assert len(CURLS) > 10
    for block in CURLS:
        script = block.replace(ADDRESS, own_site.url).replace("curl ", "curl --fail-with-body --silent --show-error ")
        done = subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, check=False)

        in_time = done.returncode == OUT_OF_TIME and "--max-time" in block
        assert done.returncode == 0 or in_time, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("block", [block for block in blocks("python") if "base_url" in block])
def test_every_python_example_of_the_readme_works(own_site: Site, block: str) -> None:
    script = block.replace(ADDRESS, own_site.url)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert re.fullmatch(r"KX[0-9a-f]{32}\n", done.stdout), done.stderr
