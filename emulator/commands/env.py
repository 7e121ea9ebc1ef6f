"""The variables that route an unmodified program to the emulator, and their output formats.

This module builds the values and the command prints them; `doctor` checks whether they work.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from emulator.commands import trust_bundle
from emulator.commands.client_libraries import BUNDLE, CA, FOLDER, IN_CONTAINER, NO_PROXY, TO_HOST, Library
from emulator.commands.probes import TWILIO, EmulatorInfo
from emulator.commands.proxy_variables import LOOPBACK
from emulator.wire.sids import ACCOUNT, is_sid

FORMATS = ("sh", "dotenv", "json")
START = "twilio-udm-emulator serve --tls-port 2011 --proxy-port 2012"


class AttachError(Exception):
    """Attaching is not possible; str() is the line to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Variables to set, certificate files to write, and notes for the user."""

    library: str
    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    folder: Path
    notes: tuple[str, ...]


def attach(
    library: Library,
    emulator: EmulatorInfo,
    *,
    environ: Mapping[str, str],
    folder: Path,
    credentials: tuple[str, str] | None,
) -> Attachment:
    """Build what attaches a library's programs to an emulator.

    Args:
        library: a row of the table.
        emulator: the emulator to attach to.
        environ: the current variables; their certificates and NO_PROXY entries are kept.
        folder: directory of the files.
        credentials: AccountSid and AuthToken that the emulator accepts; None = unknown.

    Raises:
        AttachError: the emulator has no proxy.
    """
    if emulator.proxy is None:
        raise AttachError(
            f"{emulator.url} has no proxy, so variables alone cannot attach a program; start it with: {START}"
        )
    inside = library.name == "docker"
    place = IN_CONTAINER if inside else str(folder)
    proxy = urlsplit(emulator.proxy)
    host = TO_HOST if inside and proxy.hostname in LOOPBACK else proxy.hostname or ""
    present = [] if inside else direct_entries(environ)
    kept = [entry for entry in present if not covers(entry, TWILIO)]
    direct = dict.fromkeys(filter(None, (*kept, *LOOPBACK, urlsplit(emulator.url).hostname)))
    values = {
        **dict.fromkeys(library.proxies, f"http://{f'[{host}]' if ':' in host else host}:{proxy.port}"),
        **({name: ",".join(direct) for name in NO_PROXY} if library.proxies else {}),
        **dict.fromkeys(library.adds, f"{place}/{CA}"),
        **dict.fromkeys(library.replaces, f"{place}/{BUNDLE}"),
        **{
            name: _combined(environ.get(name, ""), template.format(host=host, port=proxy.port, folder=place))
            for name, template in library.others.items()
        },
    }
    notes = tuple(note.replace("{files}", shlex.quote(str(folder))) for note in library.notes)
    if library.proxies and (lost := [entry for entry in present if entry not in kept]):
        notes += (f"removed from NO_PROXY, because it includes {TWILIO}: {' '.join(lost)}",)
    if credentials is None:
        notes += (
            f"{emulator.url} accepts configured accounts only: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to one",
        )
    else:
        values["TWILIO_ACCOUNT_SID"], values["TWILIO_AUTH_TOKEN"] = credentials
    files, found = trust_bundle.files_for(library, emulator.ca, environ, place)
    if not found:
        notes += ("found no CA certificates on this system: other HTTPS requests will fail",)
    return Attachment(library=library.name, variables=values, files=files, folder=folder, notes=notes)


_ACCOUNT = ACCOUNT + "a" * 32
_ZEROS = "0" * 32


def candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Credentials to try, in order: the program's account with the emulator's token, then the program's own pair."""
    account = environ.get("TWILIO_ACCOUNT_SID", "")
    yield account if is_sid(ACCOUNT, account) else _ACCOUNT, environ.get("EMULATOR_AUTH_TOKEN") or _ZEROS
    if account and environ.get("TWILIO_AUTH_TOKEN"):
        yield account, environ["TWILIO_AUTH_TOKEN"]


def direct_entries(environ: Mapping[str, str]) -> list[str]:
    """All entries of the NO_PROXY variables."""
    return list(dict.fromkeys(entry for name in NO_PROXY for entry in re.findall(r"[^\s,]+", environ.get(name, ""))))


def covers(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY excludes a host from the proxy."""
    name = (entry.partition(":")[0] if entry.count(":") == 1 else entry).lower().lstrip("*.")
    return entry == "*" or (name != "" and f".{host}".endswith(f".{name}"))


_JAVA_OPTIONS = re.compile(r"\s*-D(?:https\.proxy(?:Host|Port)|javax\.net\.ssl\.trustStore(?:Type)?)=(?:'[^']*'|\S)*")


def _combined(present: str, value: str) -> str:
    """Add a value to a variable's current value, replacing values from earlier runs."""
    if value.startswith("-D"):
        return f"{_JAVA_OPTIONS.sub('', present).strip()} {value}".strip()
    return ":".join([*(part for part in present.split(":") if part != value and FOLDER not in part), value])


def holds(present: str, template: str, proxy: str | None) -> bool:
    """Whether a variable with several values contains the value that attaching would add, with any directory."""
    parts = urlsplit(proxy or "")
    wanted = template.format(host=parts.hostname, port=parts.port, folder="\0")
    pattern = re.escape(wanted).replace(re.escape("\0"), "[^:']+")
    return re.search(rf"{pattern}(?![\w/])", present) is not None


# --- output


def render(attachment: Attachment, form: str) -> str:
    """Format the output. In sh and dotenv, comments come last: an eval without quotes joins all lines."""
    comments = "".join(f"# {note}\n" for note in attachment.notes)
    match form:
        case "sh":
            lines = (f"export {name}={shlex.quote(value)}\n" for name, value in attachment.variables.items())
            return "".join(lines) + comments
        case "dotenv":
            return "".join(f"{name}={_dotenv(value)}\n" for name, value in attachment.variables.items()) + comments
        case _:
            files = {name: str(attachment.folder / name) for name in attachment.files}
            contents = {"variables": dict(attachment.variables), "files": files, "notes": list(attachment.notes)}
            return json.dumps({"library": attachment.library, **contents}, indent=2) + "\n"


def _dotenv(value: str) -> str:
    """Quote a value only if necessary (`docker run --env-file` treats quotes as part of the value)."""
    if re.fullmatch(r"[\w./:,@%+=\[\]-]*", value, re.ASCII):
        return value
    return f"'{value}'" if "'" not in value else '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'
