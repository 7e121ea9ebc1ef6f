"""The command line: argv and environment in, exit code out. The only module that reads the environment or prints.

Exit codes: 0 success, 1 not ready, 2 usage error. `ready` imports only the standard library, because it is the health
check and runs ten times a second while a container starts.
"""

import argparse
import gc
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from emulator import __version__

if TYPE_CHECKING:
    from emulator.commands.client_libraries import Library
    from emulator.commands.probes import EmulatorInfo

PROGRAM = "twilio-udm-emulator"
DEFAULT_URL = "http://127.0.0.1:2010"
_EXAMPLES = f"""\
examples:
  {PROGRAM}                               serve on {DEFAULT_URL}
  {PROGRAM} serve --port 0                serve on a free port; the line "ready URL" on stdout shows it
  EMULATOR_CALLS=registered {PROGRAM}     only registered calls exist
  {PROGRAM} ready --wait --timeout 30     wait until the emulator is ready

Send requests with any AccountSid (AC and 32 hex digits) and the AuthToken 00000000000000000000000000000000
(32 zeros). List the messages: curl {DEFAULT_URL}/_emulator/messages
"""


def _pasteable(text: str) -> str:
    """Replace the program's name in commands, so that they work when pasted even if it is not on PATH."""
    if PROGRAM not in text:
        return text
    return re.sub(rf"(?<![\w/.-]){PROGRAM}(?= )", lambda _: _started_as(Path(sys.argv[0])), text)


def _started_as(path: Path) -> str:
    """The shell command for this program: its name if it is on PATH, else how it was started."""
    import shlex  # noqa: PLC0415  only where commands are printed
    import shutil  # noqa: PLC0415

    if path.parts[-2:] == ("emulator", "__main__.py"):
        return f"{shlex.quote(sys.executable)} -m emulator"
    if path.name != PROGRAM or shutil.which(PROGRAM):
        return PROGRAM
    return shlex.quote(str(path))


_INSTEAD = {"--wait": "; use --wait --timeout SECONDS"}


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, with the nearest option or a pointer to the help."""

    def __init__(self, command: str, **options: Any) -> None:  # noqa: ANN401  as in the base class
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=f"{PROGRAM} {command}", formatter_class=raw, allow_abbrev=False, **options)
        self.command = command

    def error(self, message: str) -> NoReturn:
        if no_value := re.fullmatch(r"argument (\S+): ignored explicit argument .*", message):
            flag = no_value[1].rpartition("/")[2]
            message = f"{flag} takes no value{_INSTEAD.get(flag) or self._see_help()}"
        elif unknown := message.partition("unrecognized arguments: ")[2].split("=")[0].split(" ")[0]:
            from emulator.settings import nearest  # noqa: PLC0415  only on this path

            flags = {flag for action in self._actions for flag in action.option_strings}
            message += (nearest(unknown, flags) if unknown.startswith("-") else "") or self._see_help()
        self.exit(2, _pasteable(f"{PROGRAM}: {message}\n"))

    def format_help(self) -> str:
        return _pasteable(super().format_help())

    def _see_help(self) -> str:
        return f"; for its options run: {PROGRAM} help {self.command}"


def _serve(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator import logging_config, settings  # noqa: PLC0415  not for `ready`

    parser = _serve_parser("Start the emulator.")
    try:
        chosen, warnings = settings.read_settings(vars(parser.parse_args(argv)), environ)
    except settings.SettingsError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    for warning in warnings:
        print(f"{PROGRAM}: warning: {warning}", file=sys.stderr)
    from emulator.server import server  # noqa: PLC0415  report an invalid option before the slow import
    from emulator.server.bind import CannotStartError  # noqa: PLC0415

    def ready(urls: Sequence[str]) -> None:
        # One write: with PYTHONUNBUFFERED, print makes several, and a reader of the pipe could get half a line.
        out.write(" ".join(["ready", *urls]) + "\n")
        out.flush()

    try:
        with logging_config.configured(level=chosen.log_level, as_json=chosen.log_format == "json", out=sys.stderr):
            server.run(chosen, ready)
    except CannotStartError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0


def _serve_parser(description: str, usage: str = "serve [OPTION ...]") -> _Parser:
    """Parser for the options of `serve` in their groups; also used without a command."""
    from emulator.settings import GROUPS, OPTIONS  # noqa: PLC0415  not for `ready`

    parser = _Parser("serve", usage=f"{PROGRAM} {usage}", description=description, epilog=_EXAMPLES, add_help=False)
    by_name = {option.name: option for option in OPTIONS}
    for title, metavars in GROUPS.items():
        group = parser.add_argument_group(title)
        for option in map(by_name.__getitem__, metavars):
            default = f" (default: {option.default})" if option.default else ""
            group.add_argument(
                option.flag,
                nargs="?" if option.switch else None,
                const="on" if option.switch else None,
                metavar=option.metavar,
                help=f"{option.help}{default} [{option.variable}]".replace("%", "%%"),
            )
    parser.add_argument_group("help").add_argument("-h", "--help", action="help", help="print this help and exit")
    return parser


def _ready(argv: Sequence[str], environ: Mapping[str, str], _out: TextIO) -> int:
    from emulator.commands import readiness  # noqa: PLC0415  only for this command

    parser = _Parser("ready")
    parser.description = "Exit with 0 if GET /readyz succeeds, else with 1."
    _add_url(parser, environ)
    parser.add_argument("--wait", action="store_true", help="retry until it succeeds, for at most --timeout seconds")
    parser.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="timeout of --wait (default: 30)"
    )
    options = parser.parse_args(argv)
    reason = readiness.ask(options.url, options.timeout if options.wait else 0.0)
    if reason is None:
        return 0
    print(f"{PROGRAM}: {options.url} is not ready: {reason}", file=sys.stderr)
    return 1


def _ca(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator.commands import ca  # noqa: PLC0415  only for this command

    parser = _Parser("ca")
    parser.description = (
        "Print the CA certificate that clients must trust, in PEM format. The emulator must have a TLS port or a proxy."
    )
    parser.epilog = f"example:\n  {PROGRAM} ca > ca.pem"
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", metavar="URL", help="URL of the emulator [EMULATOR_URL]")
    source.add_argument(
        "--tls-dir", metavar="DIRECTORY", help="directory given to serve as --tls-dir [EMULATOR_TLS_DIR]"
    )
    options = parser.parse_args(argv)
    directory = options.tls_dir or (None if options.url else environ.get("EMULATOR_TLS_DIR"))
    url = options.url or environ.get("EMULATOR_URL") or _own_url(environ)
    try:
        token = environ.get("EMULATOR_CONTROL_TOKEN")
        pem = ca.from_directory(directory) if directory else ca.from_server(url, token)
    except ca.NoAuthorityError as error:
        print(_pasteable(f"{PROGRAM}: {error}"), file=sys.stderr)
        return 2
    out.write(pem)
    return 0


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value < float("inf"):  # false for nan
        return value
    raise argparse.ArgumentTypeError(f"expected a number of seconds, 0 or more, not {text!r}")


def _own_url(environ: Mapping[str, str]) -> str:
    """URL of a server with this environment, so that the image's health check needs no flag."""
    host = environ.get("EMULATOR_HOST") or "127.0.0.1"
    port = environ.get("EMULATOR_PORT") or "2010"
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port if port.isdigit() else '2010'}"


def _env(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from dataclasses import replace  # noqa: PLC0415  only for this command

    from emulator.commands import cert_files, env, probes  # noqa: PLC0415
    from emulator.commands.client_libraries import ANY, BUNDLE, CA  # noqa: PLC0415

    parser = _attaching("env", environ)
    parser.description = "Print environment variables that attach an unmodified program to a running emulator."
    parser.epilog = f"""\
examples:
  eval "$({PROGRAM} env python)"
  {PROGRAM} env docker > emulator.env

The command writes {CA} (the emulator's CA, for variables that add trusted certificates) and {BUNDLE} (the
certificates trusted so far and the emulator's CA, for variables that replace them). The emulator needs a proxy:
  {env.START}
"""
    parser.add_argument("--format", choices=env.FORMATS, help="output format (default: sh; for docker: dotenv)")
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="DIRECTORY",
        help="directory for the certificate files (default: one per emulator in your cache directory)",
    )
    options = parser.parse_args(argv)
    library = options.library or ANY
    control_token = environ.get("EMULATOR_CONTROL_TOKEN")
    try:
        emulator = probes.describe(options.url, control_token)
        attachment = env.attach(
            library,
            emulator,
            environ=environ,
            folder=options.dir.absolute() if options.dir else cert_files.default_folder(environ, options.url, library),
            credentials=_credentials(emulator, environ),
        )
        cert_files.write(attachment)
    except probes.ProbeError as error:
        return _no_emulator(options.url, error)
    except env.AttachError as error:
        print(_pasteable(f"{PROGRAM}: {error}"), file=sys.stderr)
        return 2
    form = options.format or ("dotenv" if library.name == "docker" else "sh")
    attachment = replace(attachment, notes=tuple(map(_pasteable, attachment.notes)))
    print(env.render(attachment, form), file=out, end="")
    return 0


def _credentials(emulator: "EmulatorInfo", environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Credentials that the emulator accepts, preferably with the program's own account."""
    from emulator.commands import env, probes  # noqa: PLC0415

    for account, token in env.candidates(environ):
        if probes.refusal(emulator, account, token, environ.get("EMULATOR_CONTROL_TOKEN")) is None:
            return account, token
    return None


def _doctor(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator.commands import doctor, probes  # noqa: PLC0415  only for this command

    parser = _attaching("doctor", environ)
    parser.description = (
        "Check whether a program that runs in this shell reaches the emulator, and print what to change."
    )
    parser.epilog = (
        "Exit codes: 0 = the program reaches the emulator; 1 = it would fail or call the real Twilio; 2 = the emulator "
        "does not respond, or a usage error."
    )
    parser.add_argument(
        "--base-url", action="store_true", help="the program sets a base URL in code and needs no proxy variable"
    )
    options = parser.parse_args(argv)
    control_token = environ.get("EMULATOR_CONTROL_TOKEN")
    try:
        emulator = probes.describe(options.url, control_token)
        case = doctor.examine(emulator, environ, options.library, control_token, base_url=options.base_url)
        findings = doctor.diagnose(case)
    except probes.ProbeError as error:
        return _no_emulator(options.url, error)
    print(_pasteable(doctor.render(findings)), file=out, end="")
    return 1 if any(finding.weight is doctor.Severity.WRONG for finding in findings) else 0


def _attaching(command: str, environ: Mapping[str, str]) -> _Parser:
    """A parser with the common options of the commands about a program's variables."""
    from emulator.commands.client_libraries import LIBRARIES  # noqa: PLC0415

    def library(name: str) -> "Library":
        if name not in LIBRARIES:
            from emulator.settings import nearest  # noqa: PLC0415  only on this path

            near = nearest(name.lower(), set(LIBRARIES)) or f"; the libraries are {', '.join(LIBRARIES)}"
            raise argparse.ArgumentTypeError(f"unknown library {name!r}{near}")
        return LIBRARIES[name]

    parser = _Parser(command)
    parser.add_argument(
        "library", nargs="?", type=library, help=f"{', '.join(LIBRARIES)}; default: all that need only variables"
    )
    _add_url(parser, environ)
    return parser


def _add_url(parser: _Parser, environ: Mapping[str, str]) -> None:
    default = environ.get("EMULATOR_URL") or _own_url(environ)
    shown = default.replace("%", "%%")
    parser.add_argument(
        "--url", default=default, metavar="URL", help=f"URL of the emulator (default: {shown}) [EMULATOR_URL]"
    )


def _no_emulator(url: str, error: Exception) -> int:
    from emulator.commands.env import START  # noqa: PLC0415  only for these commands
    from emulator.commands.probes import SilentError  # noqa: PLC0415

    hint = f"; start it with: {START}" if isinstance(error, SilentError) else ""
    print(_pasteable(f"{PROGRAM}: {url}: {error}{hint}"), file=sys.stderr)
    return 2


def _help(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    if argv and argv[0] not in ("help", *_FLAGS):
        return run([argv[0], "--help"], environ, out)
    width = max(map(len, _SUMMARIES))
    commands = "\n".join(f"  {name:{width}}  {summary}" for name, summary in _SUMMARIES.items())
    description = f"""\
A local emulator of Twilio's UserDefinedMessages endpoint.

commands:
{commands}

The default command is serve, whose options are listed below. For the options of another command, run:
  {PROGRAM} help COMMAND"""
    parser = _serve_parser(description, "[COMMAND] [OPTION ...]")
    parser.add_argument_group("version").add_argument(
        "-V", "--version", action="version", help="print the version and exit"
    )
    out.write(parser.format_help())
    return 0


def _version(_argv: Sequence[str], _environ: Mapping[str, str], out: TextIO) -> int:
    print(f"{PROGRAM} {__version__}", file=out)
    return 0


_Command = Callable[[Sequence[str], Mapping[str, str], TextIO], int]
_COMMANDS: Mapping[str, _Command] = {
    "serve": _serve,
    "ready": _ready,
    "ca": _ca,
    "env": _env,
    "doctor": _doctor,
    "help": _help,
}
_SUMMARIES = {
    "serve": "start the emulator (the default)",
    "ready": "check whether the emulator is ready, or wait until it is",
    "ca": "print the CA certificate that clients must trust",
    "env": "print environment variables that attach an unmodified program",
    "doctor": "check the environment variables of this shell, and print what to change",
    "help": "print this help, or the help of a command",
}
_FLAGS: Mapping[str, _Command] = {"-h": _help, "--help": _help, "-V": _version, "--version": _version}
"""Options that may replace a command."""


def run(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Run a command and return the exit code."""
    name, rest = (argv[0], argv[1:]) if argv else ("serve", argv)
    if name.startswith("-") and name not in _FLAGS:
        name, rest = "serve", argv
    command = _COMMANDS.get(name) or _FLAGS.get(name)
    if command is None:
        return _unknown_command(name)
    try:
        return command(rest, environ, out)
    except SystemExit as stop:  # raised by argparse
        return stop.code if isinstance(stop.code, int) else 2


def _unknown_command(name: str) -> int:
    from emulator.settings import nearest  # noqa: PLC0415  only on this path

    near = nearest(name.lower(), {*_COMMANDS, *_FLAGS}) or f"; the commands are {', '.join(_COMMANDS)}"
    print(f"{PROGRAM}: unknown command {name!r}{near}", file=sys.stderr)
    return 2


def main() -> NoReturn:
    """Entry point of the installed command."""
    gc.disable()  # imports leave little garbage, and this saves an eighth of the start time; `serve` enables it again
    sys.exit(run(sys.argv[1:], os.environ, sys.stdout))
