"""The command: argv and environment in, exit code out. The only file that reads the environment or prints.

Exit codes: 0 fine, 1 not ready, 2 the caller's mistake. `ready` imports nothing beyond the standard library, because it
is the health check and runs ten times a second while a container starts.
"""

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from emulator import __version__

if TYPE_CHECKING:
    from emulator.commands.libraries import Library
    from emulator.commands.probes import Emulator

PROGRAM = "twilio-udm-emulator"
DEFAULT_URL = "http://127.0.0.1:2010"
_EPILOG = f"""\
examples:
  {PROGRAM}                               serve on {DEFAULT_URL}
  {PROGRAM} serve --port 0                serve on any free port; the line "ready URL" on stdout names it
  EMULATOR_CALLS=registered {PROGRAM}     only registered calls exist
  {PROGRAM} ready --wait --timeout 30     wait until it answers

Send with any AccountSid (AC and 32 hex digits) and the AuthToken 00000000000000000000000000000000 (32 zeros).
See what arrived: curl {DEFAULT_URL}/_emulator/messages
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that names the nearest flag."""

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split("=")[0].split(" ")[0]
        if unknown:
            from emulator.settings import nearest  # noqa: PLC0415  only on this path

            flags = {flag for action in self._actions for flag in action.option_strings}
            message += nearest(unknown, flags)
        self.exit(2, f"{PROGRAM}: {message}\n")


def _parser(command: str) -> _Parser:
    return _Parser(
        prog=f"{PROGRAM} {command}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _serve(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator import logs, settings  # noqa: PLC0415  `ready` must not import them

    parser = _parser("[serve]")
    parser.description = "A local emulator of Twilio's UserDefinedMessages endpoint."
    parser.epilog = (
        _EPILOG + "\nother commands: ready (is it up?), ca (whom to trust), env (what to set), doctor (what is wrong),"
        " --version. Each has --help."
    )
    for option in settings.OPTIONS:
        default = f" (default: {option.default})" if option.default else ""
        parser.add_argument(
            option.flag,
            nargs="?" if option.switch else None,
            const="on" if option.switch else None,
            metavar=option.name.upper(),
            help=f"{option.help}{default} [{option.variable}]".replace("%", "%%"),
        )
    try:
        chosen, warnings = settings.read_settings(vars(parser.parse_args(argv)), environ)
    except settings.SettingsError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    for warning in warnings:
        print(f"{PROGRAM}: warning: {warning}", file=sys.stderr)
    logs.configure(level=chosen.log_level, as_json=chosen.log_format == "json", out=sys.stderr)
    from emulator.serving import server  # noqa: PLC0415  a mistake in the options is told before anything slow is imported

    def ready(urls: Sequence[str]) -> None:
        # One write: with PYTHONUNBUFFERED, print makes several, and who reads the pipe could see half a line.
        out.write(" ".join(["ready", *urls]) + "\n")
        out.flush()

    try:
        server.run(chosen, ready)
    except server.CannotStartError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0


def _ready(argv: Sequence[str], environ: Mapping[str, str], _out: TextIO) -> int:
    from emulator.commands import readiness  # noqa: PLC0415  only for this command

    parser = _parser("ready")
    parser.description = "Exit with 0 when the emulator answers on /readyz, else with 1."
    parser.add_argument("--url", default=environ.get("EMULATOR_URL") or _own_url(environ), help="where it listens")
    parser.add_argument("--wait", action="store_true", help="keep asking until --timeout")
    parser.add_argument("--timeout", type=_seconds, default=30.0, help="seconds to wait (default: 30)")
    options = parser.parse_args(argv)
    reason = readiness.ask(options.url, options.timeout if options.wait else 0.0)
    if reason is None:
        return 0
    print(f"{PROGRAM}: {options.url} is not ready: {reason}", file=sys.stderr)
    return 1


def _ca(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator.commands import authority  # noqa: PLC0415  only for this command

    parser = _parser("ca")
    parser.description = "Print the certificate that clients must trust, in PEM, from --tls-dir or a running emulator."
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--url", help="the emulator to ask [EMULATOR_URL]")
    source.add_argument("--tls-dir", help="the directory to read [EMULATOR_TLS_DIR]")
    options = parser.parse_args(argv)
    directory = options.tls_dir or (None if options.url else environ.get("EMULATOR_TLS_DIR"))
    url = options.url or environ.get("EMULATOR_URL") or _own_url(environ)
    try:
        if directory:
            pem = authority.from_directory(directory)
        else:
            pem = authority.from_server(url, environ.get("EMULATOR_CONTROL_TOKEN"))
    except authority.NoAuthorityError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    out.write(pem)
    return 0


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value < float("inf"):  # nan is in no range
        return value
    raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, not {text!r}")


def _own_url(environ: Mapping[str, str]) -> str:
    """Where a server with this environment listens: the image's health check needs no flag."""
    host = environ.get("EMULATOR_HOST") or "127.0.0.1"
    port = environ.get("EMULATOR_PORT") or "2010"
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port if port.isdigit() else '2010'}"


def _env(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator.commands import attach, folders, probes  # noqa: PLC0415  only for this command
    from emulator.commands.libraries import ANY, BUNDLE, CA  # noqa: PLC0415

    parser = _attaching("env", environ)
    parser.description = "Print what to set so that an unmodified program talks to a running emulator."
    parser.epilog = f"""\
as in:
  eval "$({PROGRAM} env python)"
  {PROGRAM} env docker > emulator.env

It writes {CA} (for variables that add to the trusted certificates) and {BUNDLE} (for those that replace
them: what was trusted before, and ours). The emulator needs its proxy: {attach.START}
"""
    parser.add_argument("--format", choices=attach.FORMATS, help="default: sh; for docker dotenv")
    parser.add_argument(
        "--dir", type=Path, help="folder for the certificates (default: one per emulator in your cache)"
    )
    options = parser.parse_args(argv)
    library = options.library or ANY
    control_token = environ.get("EMULATOR_CONTROL_TOKEN")
    try:
        emulator = probes.look(options.url, control_token)
        attachment = attach.attach(
            library,
            emulator,
            environ=environ,
            folder=options.dir.absolute() if options.dir else folders.default_folder(environ, options.url, library),
            credentials=_credentials(emulator, environ),
        )
        folders.write(attachment)
    except probes.ProbeError as error:
        return _no_emulator(options.url, error)
    except attach.AttachError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    form = options.format or ("dotenv" if library.name == "docker" else "sh")
    print(attach.render(attachment, form), file=out, end="")
    return 0


def _credentials(emulator: "Emulator", environ: Mapping[str, str]) -> tuple[str, str] | None:
    """An account and a token that the emulator takes: the program's own account if it can be."""
    from emulator.commands import attach, probes  # noqa: PLC0415

    for account, token in attach.candidates(environ):
        if probes.refusal(emulator, account, token, environ.get("EMULATOR_CONTROL_TOKEN")) is None:
            return account, token
    return None


def _doctor(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    from emulator.commands import doctor, probes  # noqa: PLC0415  only for this command

    parser = _attaching("doctor", environ)
    parser.description = "Say what would go wrong for a program with these variables, and the one thing to change."
    parser.epilog = "Exit codes: 0 all is well, 1 something would go wrong, 2 no emulator there."
    options = parser.parse_args(argv)
    control_token = environ.get("EMULATOR_CONTROL_TOKEN")
    try:
        emulator = probes.look(options.url, control_token)
        findings = doctor.diagnose(doctor.examine(emulator, environ, options.library, control_token))
    except probes.ProbeError as error:
        return _no_emulator(options.url, error)
    print(doctor.render(findings), file=out, end="")
    return 1 if any(finding.weight is doctor.Weight.WRONG for finding in findings) else 0


def _attaching(command: str, environ: Mapping[str, str]) -> _Parser:
    """A parser for what all commands about a program's variables take."""
    from emulator.commands.libraries import LIBRARIES  # noqa: PLC0415

    def library(name: str) -> "Library":
        if name not in LIBRARIES:
            from emulator.settings import nearest  # noqa: PLC0415  only on this path

            near = nearest(name.lower(), set(LIBRARIES)) or f"; there are {', '.join(LIBRARIES)}"
            raise argparse.ArgumentTypeError(f"unknown library {name!r}{near}")
        return LIBRARIES[name]

    parser = _parser(command)
    parser.add_argument("library", nargs="?", type=library, help=f"one of {', '.join(LIBRARIES)}; none = any of them")
    parser.add_argument("--url", default=environ.get("EMULATOR_URL") or _own_url(environ), help="where it listens")
    return parser


def _no_emulator(url: str, error: Exception) -> int:
    from emulator.commands.probes import SilentError  # noqa: PLC0415  only for these commands

    hint = f"; is it running? ({PROGRAM} serve)" if isinstance(error, SilentError) else ""
    print(f"{PROGRAM}: {url}: {error}{hint}", file=sys.stderr)
    return 2


_COMMANDS = {"serve": _serve, "ready": _ready, "ca": _ca, "env": _env, "doctor": _doctor}


def run(argv: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Run the command in a world of the caller's choice; returns the exit code."""
    if argv[:1] == ["--version"]:
        print(f"{PROGRAM} {__version__}", file=out)
        return 0
    name = argv[0] if argv and not argv[0].startswith("-") else "serve"
    rest = argv[1:] if argv[:1] == [name] else argv
    if name not in _COMMANDS:
        print(f"{PROGRAM}: unknown command {name!r}; there are {', '.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return _COMMANDS[name](rest, environ, out)
    except SystemExit as stop:  # argparse leaves this way
        return stop.code if isinstance(stop.code, int) else 2


def main() -> NoReturn:
    """The entry point of the installed command."""
    gc.disable()  # imports leave little to collect: an eighth of the start; who serves enables it again
    sys.exit(run(sys.argv[1:], os.environ, sys.stdout))
