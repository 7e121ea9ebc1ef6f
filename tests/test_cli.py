"""The command as a function of its world. Nothing here starts a server or opens a connection."""

import io
import re
import subprocess
import sys

import pytest
from support.builders import ACCOUNT

from emulator import __version__
from emulator.cli import run
from emulator.settings import GROUPS, OPTIONS, Option

COMMANDS = "serve, ready, ca, env, doctor, help"
SEE = "for its options run: twilio-udm-emulator help"


def command(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str] | None = None
) -> tuple[int, str, list[str]]:
    """Exit code, what went to `out`, and the lines on stderr."""
    out = io.StringIO()
    code = run(argv, environ or {}, out)
    captured = capsys.readouterr()
    return code, out.getvalue() + captured.out, captured.err.splitlines()


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_goes_to_stdout(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert command(capsys, [flag]) == (0, f"twilio-udm-emulator {__version__}\n", [])


@pytest.mark.parametrize(
    ("argv", "environ", "line"),
    [
        pytest.param(["srve"], {}, "unknown command 'srve'; did you mean serve?", id="misspelt command"),
        pytest.param(["Doctor"], {}, "unknown command 'Doctor'; did you mean doctor?", id="command in capitals"),
        pytest.param(["help", "redy"], {}, "unknown command 'redy'; did you mean ready?", id="help of a misspelt one"),
        pytest.param(["version"], {}, "unknown command 'version'; did you mean --version?", id="option as a command"),
        pytest.param(["xyzzy"], {}, f"unknown command 'xyzzy'; the commands are {COMMANDS}", id="unknown command"),
        pytest.param([""], {}, f"unknown command ''; the commands are {COMMANDS}", id="empty command"),
        pytest.param(
            ["--prot", "80"], {}, "unrecognized arguments: --prot 80; did you mean --port?", id="unknown flag"
        ),
        pytest.param(
            ["serve", "--journal-limits=5"],
            {},
            "unrecognized arguments: --journal-limits=5; did you mean --journal-limit?",
            id="unknown flag with its value",
        ),
        pytest.param(
            ["--journal", "5"],
            {},
            "unrecognized arguments: --journal 5; did you mean --journal-limit?",
            id="a flag cut short is unknown",
        ),
        pytest.param(["--xyzzy"], {}, f"unrecognized arguments: --xyzzy; {SEE} serve", id="a flag near to nothing"),
        pytest.param(["serve", "3000"], {}, f"unrecognized arguments: 3000; {SEE} serve", id="an argument too many"),
        pytest.param(["serve", "--help=1"], {}, f"--help takes no value; {SEE} serve", id="a flag without value"),
        pytest.param(["--port"], {}, "argument --port: expected one argument", id="a flag without its value"),
        pytest.param(
            ["--port", "abc"],
            {},
            "--port: 'abc' is not allowed; expected an integer from 0 to 65535",
            id="bad flag",
        ),
        pytest.param(
            ["serve"],
            {"EMULATOR_CALLS": "all"},
            "EMULATOR_CALLS: 'all' is not allowed; expected one of any, registered",
            id="bad variable",
        ),
        pytest.param(
            [],
            {"EMULATOR_PROT": "80"},
            "unknown variable EMULATOR_PROT; did you mean EMULATOR_PORT?",
            id="unknown variable",
        ),
        pytest.param(
            ["ready", "--tiemout", "3"],
            {},
            "unrecognized arguments: --tiemout 3; did you mean --timeout?",
            id="unknown flag of ready",
        ),
        pytest.param(
            ["ready", "--timeout", "soon"],
            {},
            "argument --timeout: expected a number of seconds, 0 or more, not 'soon'",
            id="bad flag of ready",
        ),
        pytest.param(
            ["ready", "now"], {}, f"unrecognized arguments: now; {SEE} ready", id="an argument too many for ready"
        ),
        pytest.param(
            ["ready", "--wait=1"], {}, "--wait takes no value; use --wait --timeout SECONDS", id="seconds in --wait"
        ),
        pytest.param(
            ["ready", "--wait", "1"], {}, f"unrecognized arguments: 1; {SEE} ready", id="seconds after --wait"
        ),
    ],
)
def test_usage_error_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str], line: str
) -> None:
    code, out, lines = command(capsys, argv, environ)

    assert (code, out, lines) == (2, "", [f"twilio-udm-emulator: {line}"])


TOP_LEVEL = [["--help"], ["-h"], ["help"], ["help", "help"]]
OF_SERVE = [["serve", "--help"], ["serve", "-h"], ["--port", "1", "--help"], ["help", "serve"]]


def help_text(capsys: pytest.CaptureFixture[str], argv: list[str]) -> str:
    code, out, _ = command(capsys, argv)
    assert code == 0
    return out


@pytest.mark.parametrize("argv", [*TOP_LEVEL, *OF_SERVE])
def test_help_lists_every_option(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    text = " ".join(help_text(capsys, argv).split())
    for option in OPTIONS:
        assert f"{option.flag} {option.metavar}" in text or f"{option.flag} [{option.metavar}]" in text
        assert f"[{option.variable}]" in text
        assert f"(default: {option.default})" in text or not option.default


@pytest.mark.parametrize("argv", [*TOP_LEVEL, *OF_SERVE])
def test_the_options_are_in_groups(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    titles = re.findall(r"^(\w.*):$", help_text(capsys, argv), re.MULTILINE)

    assert [title for title in titles if title in GROUPS] == list(GROUPS)


@pytest.mark.parametrize("argv", TOP_LEVEL)
def test_the_commands_come_first(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    text = help_text(capsys, argv)
    commands = re.findall(r"^  (\w+) ", text.partition("\ncommands:\n")[2].partition("\n\n")[0], re.MULTILINE)

    assert commands == COMMANDS.split(", ")
    assert text.index("\ncommands:\n") < text.index("\nserver:\n")


@pytest.mark.parametrize("name", COMMANDS.split(", "))
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert help_text(capsys, ["help", name]) == help_text(capsys, [name, "--help"])


def test_every_option_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]

    assert sorted(grouped) == sorted(option.name for option in OPTIONS)


@pytest.mark.parametrize("option", [option for option in OPTIONS if "|" in option.metavar], ids=lambda o: o.name)
def test_metavar_of_a_choice_is_its_values(option: Option) -> None:
    for text in option.metavar.split("|"):
        option.parse(text)
    assert option.switch or option.default in option.metavar.split("|")


@pytest.mark.parametrize("argv", [["--help"], *(["help", name] for name in ("ready", "ca", "env", "doctor"))])
def test_commands_in_help_texts_exist(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    """What is shown as a command is taken by the parser of that command; `--help` at its end keeps it from running."""
    text = help_text(capsys, argv)
    lines = re.findall(r"^  .*?\btwilio-udm-emulator((?: [\w-]+)*)", text, re.MULTILINE)
    assert lines or argv[-1] in {"ready", "doctor"}
    for line in lines:
        words = [word for word in line.split() if word != "COMMAND"]
        assert command(capsys, [*words, "--help"])[0] == 0, line


def test_ready_has_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys, ["ready", "--help"])
    assert "--wait" in text
    assert "--port" not in text


@pytest.mark.parametrize(
    ("argv", "environ", "reason"),
    [
        pytest.param(
            ["--url", "127.0.0.1:2010"],
            {},
            "127.0.0.1:2010 is not ready: expected a URL like http://127.0.0.1:2010",
            id="no scheme",
        ),
        pytest.param(
            ["--url", "https://127.0.0.1"],
            {},
            "https://127.0.0.1 is not ready: expected a URL like http://127.0.0.1:2010",
            id="another scheme",
        ),
        pytest.param(["--url", "http://[::1"], {}, "http://[::1 is not ready: Invalid IPv6 URL", id="broken"),
        pytest.param(
            [],
            {"EMULATOR_URL": "ftp://x", "EMULATOR_PORT": "1"},
            "ftp://x is not ready: expected a URL like http://127.0.0.1:2010",
            id="from EMULATOR_URL",
        ),
        pytest.param(
            [],
            {"EMULATOR_PORT": "99999"},
            "http://127.0.0.1:99999 is not ready: Port out of range 0-65535",
            id="from EMULATOR_PORT",
        ),
    ],
)
def test_invalid_url_is_not_ready(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str], reason: str
) -> None:
    code, out, lines = command(capsys, ["ready", *argv], environ)

    assert (code, out, lines) == (1, "", [f"twilio-udm-emulator: {reason}"])


@pytest.mark.parametrize("host", ["a" * 64, ".example"])
def test_invalid_host_is_not_ready(capsys: pytest.CaptureFixture[str], host: str) -> None:
    code, _, lines = command(capsys, ["ready", "--url", f"http://{host}:1"])

    assert (code, len(lines)) == (1, 1)


def test_ready_imports_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "from emulator.cli import run; run(['ready', '--url', 'x'], {}, sys.stdout)\n"
        "new = set(sys.modules) - before\n"
        "print(*sorted(name for name in new if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        "emulator",
        "emulator.adapters",
        "emulator.adapters.http_client",
        "emulator.cli",
        "emulator.commands",
        "emulator.commands.readiness",
    ]


def test_error_in_accounts_hides_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, lines = command(capsys, ["serve"], {"EMULATOR_ACCOUNTS": f"{ACCOUNT}:sesame,AC123:x"})

    assert "sesame" not in lines[0]
