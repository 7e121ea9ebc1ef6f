"""The command as a function of its world. Nothing here starts a server or opens a connection."""

import io
import subprocess
import sys

import pytest
from builders import ACCOUNT

from emulator import __version__
from emulator.cli import run
from emulator.settings import OPTIONS


def command(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str] | None = None
) -> tuple[int, str, list[str]]:
    """Exit code, what went to `out`, and the lines on stderr."""
    out = io.StringIO()
    code = run(argv, environ or {}, out)
    return code, out.getvalue(), capsys.readouterr().err.splitlines()


def test_the_version_is_told_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, ["--version"]) == (0, f"twilio-udm-emulator {__version__}\n", [])


@pytest.mark.parametrize(
    ("argv", "environ", "line"),
    [
        pytest.param(
            ["srve"], {}, "unknown command 'srve'; there are serve, ready, ca, env, doctor", id="unknown command"
        ),
        pytest.param([""], {}, "unknown command ''; there are serve, ready, ca, env, doctor", id="empty command"),
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
        pytest.param(["--xyzzy"], {}, "unrecognized arguments: --xyzzy", id="a flag near to nothing"),
        pytest.param(["serve", "again"], {}, "unrecognized arguments: again", id="an argument too many"),
        pytest.param(["--port"], {}, "argument --port: expected one argument", id="a flag without its value"),
        pytest.param(
            ["--port", "abc"],
            {},
            "--port: 'abc' is not allowed; expected a whole number from 0 to 65535",
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
            "argument --timeout: expected seconds, 0 or more, not 'soon'",
            id="bad flag of ready",
        ),
        pytest.param(["ready", "now"], {}, "unrecognized arguments: now", id="an argument too many for ready"),
    ],
)
def test_a_callers_mistake_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str], line: str
) -> None:
    code, out, lines = command(capsys, argv, environ)

    assert (code, out, lines) == (2, "", [f"twilio-udm-emulator: {line}"])


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["serve", "--help"]])
def test_the_help_names_every_option_its_variable_and_its_default(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    code = run(argv, {}, io.StringIO())

    text = " ".join(capsys.readouterr().out.split())
    assert code == 0
    for option in OPTIONS:
        assert option.flag in text
        assert f"[{option.variable}]" in text
        assert f"(default: {option.default})" in text or not option.default


def test_the_help_of_ready_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["ready", "--help"], {}, io.StringIO())

    text = capsys.readouterr().out
    assert code == 0
    assert "--wait" in text
    assert "--port" not in text


@pytest.mark.parametrize(
    ("argv", "environ", "reason"),
    [
        pytest.param(
            ["--url", "127.0.0.1:2010"],
            {},
            "127.0.0.1:2010 is not ready: expected a url like http://127.0.0.1:2010",
            id="no scheme",
        ),
        pytest.param(
            ["--url", "https://127.0.0.1"],
            {},
            "https://127.0.0.1 is not ready: expected a url like http://127.0.0.1:2010",
            id="another scheme",
        ),
        pytest.param(["--url", "http://[::1"], {}, "http://[::1 is not ready: Invalid IPv6 URL", id="broken"),
        pytest.param(
            [],
            {"EMULATOR_URL": "ftp://x", "EMULATOR_PORT": "1"},
            "ftp://x is not ready: expected a url like http://127.0.0.1:2010",
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
def test_a_url_that_cannot_be_asked_is_not_ready_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str], reason: str
) -> None:
    code, out, lines = command(capsys, ["ready", *argv], environ)

    assert (code, out, lines) == (1, "", [f"twilio-udm-emulator: {reason}"])


@pytest.mark.parametrize("host", ["a" * 64, ".example"])
def test_a_host_that_is_no_host_is_not_ready_either(capsys: pytest.CaptureFixture[str], host: str) -> None:
    code, _, lines = command(capsys, ["ready", "--url", f"http://{host}:1"])

    assert (code, len(lines)) == (1, 1)


def test_ready_imports_nothing_beyond_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "from emulator.cli import run; run(['ready', '--url', 'x'], {}, sys.stdout)\n"
        "new = set(sys.modules) - before\n"
        "print(*sorted(name for name in new if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["emulator", "emulator.cli", "emulator.commands", "emulator.commands.readiness"]


def test_a_mistake_in_the_accounts_does_not_print_their_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, lines = command(capsys, ["serve"], {"EMULATOR_ACCOUNTS": f"{ACCOUNT}:sesame,AC123:x"})

    assert "sesame" not in lines[0]
