"""The README tells the truth: its table is the options', and its first example works as it stands."""

import pathlib

from emulator.settings import OPTIONS

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_table_of_options_is_the_settings_own():
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `--")]

    assert rows == [
        f"| `{option.flag}` | `{option.variable}` | {option.default and f'`{option.default}`'} | {option.help} |"
        for option in OPTIONS
    ]
