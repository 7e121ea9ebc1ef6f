"""Find problems that a program with these variables would have, and a fix for each.

A finding is `wrong` if the program would fail, or would send a request to the real Twilio; the command then exits
with 1. Each diagnosis is a function of `Diagnostics` (variables, files, probes) and performs no I/O.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from emulator.commands.client_libraries import ANY, CA_VARIABLES, LIBRARIES, Library
from emulator.commands.env import START, covers, direct_entries, holds
from emulator.commands.probes import (
    TWILIO,
    EmulatorInfo,
    ProbeError,
    ProbeRejectedError,
    proxy_failure,
    refusal,
    tls_failure,
)
from emulator.commands.proxy_variables import LOOPBACK, proxy_variable
from emulator.commands.trust_bundle import OURS, certificates
from emulator.wire.sids import ACCOUNT, is_sid


class Severity(StrEnum):
    """Severity of a finding."""

    FINE = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding, and its fix if there is one."""

    weight: Severity
    what: str
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Input of the diagnoses.

    Attributes:
        environ: variables of the program.
        emulator: the emulator's description of itself.
        library: the library that the program uses; None = unknown.
        base_url: whether the program's code sets a base URL, so that it needs no proxy variable.
        tls_failure: why TLS with the listener failed; None = it succeeded, or there is no listener.
        proxy_failure: why a connection through the proxy failed; None = it succeeded, or there is no proxy.
        refusal: the error for the credentials; None = they are accepted, or not set.
        check_failure: why the credentials could not be checked; None = they were checked, or are not set.
        files: contents of the files in the CA variables, by path; None = unreadable.
    """

    environ: Mapping[str, str]
    emulator: EmulatorInfo
    library: Library | None = None
    base_url: bool = False
    tls_failure: str | None = None
    proxy_failure: str | None = None
    refusal: str | None = None
    check_failure: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy variables for https requests that are set."""
        names = ANY.proxies if self.library is None else self.library.proxies
        return {name: self.environ[name] for name in names if self.environ.get(name)}

    @property
    def attached(self) -> bool:
        """Whether requests to api.twilio.com go to the emulator's proxy."""
        return not self.base_url and any(self.is_ours(value) for value in self.proxies.values())

    @property
    def command(self) -> str:
        """Command that sets all variables."""
        return self.command_for(self.library)

    def command_for(self, library: Library | None) -> str:
        """Command that sets all variables of a library; None = of all libraries that need only variables."""
        return f'eval "$(twilio-udm-emulator env{self._arguments(library)})"'

    @property
    def if_base_url(self) -> str:
        """Shell comment with the command for programs that set a base URL."""
        command = f"twilio-udm-emulator doctor{self._arguments(self.library)} --base-url"
        return f"  # if the program's code sets a base URL: {command}"

    def _arguments(self, library: Library | None) -> str:
        return f"{f' {library.name}' if library else ''} --url {shlex.quote(self.emulator.url)}"

    def is_ours(self, value: str) -> bool:
        """Whether a proxy variable's value is the emulator's proxy."""
        return self.emulator.proxy is not None and _place(value) == _place(self.emulator.proxy)

    def trusts(self, name: str) -> bool:
        """Whether the file in a CA variable contains the emulator's CA."""
        text = self.files.get(self.environ.get(name, ""))
        own = set(certificates(self.emulator.ca))
        return text is not None and bool(own) and own <= set(certificates(text))


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url, None
    return "loopback" if host in LOOPBACK else host, port


def _fine(what: str) -> Finding:
    return Finding(Severity.FINE, what)


def _note(what: str, change: str = "") -> Finding:
    return Finding(Severity.NOTE, what, change)


def _wrong(what: str, change: str) -> Finding:
    return Finding(Severity.WRONG, what, change)


# --- emulator


_UNREACHED = "restart the emulator, or publish its port if it is in a container"


def plain(case: Diagnostics) -> Iterator[Finding]:
    """The http listener; it has responded, because `examine` raises otherwise."""
    yield _fine(f"{case.emulator.url} responds (version {case.emulator.version})")


def tls(case: Diagnostics) -> Iterator[Finding]:
    """The TLS listener, tested with the CA and the name api.twilio.com."""
    if case.emulator.tls is None:
        return
    if case.tls_failure:
        yield _wrong(f"{case.emulator.tls} as {TWILIO}: {case.tls_failure}", _UNREACHED)
    else:
        yield _fine(f"{case.emulator.tls} has a valid certificate for {TWILIO}")


def proxy(case: Diagnostics) -> Iterator[Finding]:
    """The proxy, tested with the CA and a tunnel to api.twilio.com."""
    if case.emulator.proxy is None:
        if not (case.base_url or _may_be_alias(case)):
            yield _wrong(
                f"{case.emulator.url} has no proxy, so a program without a base URL calls the real Twilio",
                f"{START}{case.if_base_url}",
            )
    elif case.proxy_failure:
        yield _wrong(f"{case.emulator.proxy} to {TWILIO}: {case.proxy_failure}", _UNREACHED)
    else:
        yield _fine(f"{case.emulator.proxy} routes {TWILIO} to the emulator")


# --- credentials


def account_sid(case: Diagnostics) -> Iterator[Finding]:
    """The format of TWILIO_ACCOUNT_SID that the libraries require."""
    value = case.environ.get("TWILIO_ACCOUNT_SID", "")
    if value and not is_sid(ACCOUNT, value):
        yield _wrong(
            f"TWILIO_ACCOUNT_SID={value} is not an AccountSid (AC and 32 hex digits)",
            "export TWILIO_ACCOUNT_SID=AC" + "a" * 32,
        )


def auth_token(case: Diagnostics) -> Iterator[Finding]:
    """The format of TWILIO_AUTH_TOKEN that twilio-go requires."""
    value = case.environ.get("TWILIO_AUTH_TOKEN", "")
    if re.fullmatch(r"[a-zA-Z0-9]*", value, re.ASCII):
        return
    what = (
        "TWILIO_AUTH_TOKEN has other characters than letters and digits: twilio-go rejects it (21222) and sends nothing"
    )
    if case.library in (None, LIBRARIES["go"]):
        yield _wrong(what, "use a token of letters and digits for the emulator (--auth-token) and the program")


def credentials(case: Diagnostics) -> Iterator[Finding]:
    """Whether the emulator accepts account and token."""
    account, token = (case.environ.get(name) for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"))
    if not account or not token:
        yield _note(
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not both set: the program must set its own credentials"
        )
    elif not is_sid(ACCOUNT, account):
        return  # reported by account_sid
    elif case.refusal:
        yield _wrong(
            f"the emulator rejects TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN: {case.refusal}",
            f"export TWILIO_AUTH_TOKEN={'0' * 32}  # or the token that the emulator was started with",
        )
    elif case.check_failure:
        yield _note(f"cannot check whether the emulator accepts {account} and its token: {case.check_failure}")
    else:
        yield _fine(f"the emulator accepts {account} and its token")


# --- base URL


def region(case: Diagnostics) -> Iterator[Finding]:
    """Libraries also add region and edge to the host of a base URL."""
    found = [name for name in ("TWILIO_REGION", "TWILIO_EDGE") if case.environ.get(name)]
    if not found:
        return
    host = urlsplit(case.emulator.url).netloc
    made = _with_region(host, case.environ.get("TWILIO_EDGE", ""), case.environ.get("TWILIO_REGION", ""))
    what = f"{' and '.join(found)} set: libraries change the host of a base URL from {host} to {made}"
    change = f"unset {' '.join(found)}"
    # The proxy accepts every name under twilio.com.
    yield _note(f"{what}; the proxy accepts every host of Twilio", change) if case.attached else _wrong(what, change)


_REGION_AND_MORE = 4
_EDGE_AND_MORE = 5


def _with_region(host: str, edge: str, region: str) -> str:
    """The host that twilio-python builds (client_base.py, get_hostname); other libraries do nearly the same."""
    parts = host.split(".")
    if len(parts) == _REGION_AND_MORE:
        region = region or parts[1]
    elif len(parts) == _EDGE_AND_MORE:
        edge, region = edge or parts[1], region or parts[2]
    return ".".join(part for part in (parts[0], edge, region or (edge and "us1"), *parts[-2:]) if part)


def plain_through_a_proxy(case: Diagnostics) -> Iterator[Finding]:
    """Plain http requests to a base URL must not go through a proxy."""
    found = proxy_variable(case.emulator.url, case.environ)
    if found is not None:
        change = f"export NO_PROXY={found.no_proxy} no_proxy={found.no_proxy}"
        yield _note(str(found), change) if case.attached else _wrong(str(found), change)


def _direct(case: Diagnostics, host: str) -> str | None:
    """The entry of NO_PROXY that excludes a host from the proxy."""
    return next((entry for entry in direct_entries(case.environ) if covers(entry, host)), None)


# --- variables


def proxy_elsewhere(case: Diagnostics) -> Iterator[Finding]:
    """Every proxy variable must be set to the emulator's proxy."""
    for name, value in case.proxies.items():
        if not case.is_ours(value):
            what = f"{name} is {_shown(value)}, not the emulator's proxy"
            if case.base_url or case.emulator.proxy is None:  # reported by another finding
                yield _note(what)
            else:
                what += ": without a base URL the program calls the real Twilio"
                yield _wrong(what, f"export {name}={case.emulator.proxy}")


def _shown(value: str) -> str:
    """The URL of a proxy without user information."""
    return re.sub(r"//[^/@]*@", "//…@", value)


def twilio_direct(case: Diagnostics) -> Iterator[Finding]:
    """NO_PROXY must not include Twilio."""
    entry = _direct(case, TWILIO)
    if case.attached and entry:
        yield _wrong(f"NO_PROXY includes {entry!r}: the program calls the real Twilio", case.command)


def certificate_files(case: Diagnostics) -> Iterator[Finding]:
    """Files in the CA variables must exist and contain the CA of this emulator, not of an earlier run."""
    if not case.attached:
        return
    # Variables of other libraries are only notes if at least one library is ready.
    matter = case.library.trusts if case.library else () if _ready(case) else CA_VARIABLES
    for name in CA_VARIABLES if case.library is None else (*case.library.adds, *case.library.replaces):
        path = case.environ.get(name)
        if not path:
            continue
        text, weight = case.files.get(path), Severity.WRONG if name in matter else Severity.NOTE
        if text is None:
            yield Finding(weight, f"{name}={path} cannot be read", case.command)
        elif case.trusts(name):
            yield _fine(f"{name} contains the emulator's CA")
        elif OURS in text:
            what = f"{name}={path} contains the CA of an earlier start (--tls-dir keeps the CA)"
            yield Finding(weight, what, case.command)
        else:
            yield Finding(weight, f"{name}={path} does not contain the emulator's CA", case.command)


def settings(case: Diagnostics) -> Iterator[Finding]:
    """Variables with several values must contain the value that `env` would add."""
    if case.library is None or case.base_url:
        return
    for name, template in case.library.others.items():
        value, beginning = case.environ.get(name, ""), template.partition("{")[0]
        begun = value and (case.attached or (beginning and beginning in value))
        if case.emulator.proxy and begun and not holds(value, template, case.emulator.proxy):
            yield _wrong(
                f"{name} does not contain the values that attach {case.library.name} to this emulator", case.command
            )


def libraries(case: Diagnostics) -> Iterator[Finding]:
    """Which libraries have all the variables that they need."""
    if case.base_url:
        return
    if case.library is None:
        names = _ready(case)
        unset = f"a CA variable ({', '.join(CA_VARIABLES)})"
        lacking = [] if any(map(case.environ.get, CA_VARIABLES)) else [unset]
    else:
        lacking = _lacking(case, case.library)
        names = [] if lacking else [case.library.name]
        # Variables with a wrong value are reported by other findings.
        lacking = [name for name in lacking if not case.environ.get(name)]
    if names:
        yield _fine(f"works without code changes: {', '.join(names)}")
    elif not case.attached:
        yield from _unattached(case)
    elif lacking:
        yield _wrong(f"not set: {' and '.join(lacking)}", case.command)
    elif case.library is None and all(map(case.trusts, filter(case.environ.get, CA_VARIABLES))):
        yield _wrong("no library reads both the proxy variable and the CA variable that are set", case.command)


def _ready(case: Diagnostics) -> list[str]:
    """Names of the libraries that have all their variables."""
    return [name for name, library in LIBRARIES.items() if name != "docker" and not _lacking(case, library)]


def _lacking(case: Diagnostics, library: Library) -> list[str]:
    """Names of the variables that a library needs and that are not set correctly."""
    proxied = any(case.is_ours(case.environ.get(name, "")) for name in library.proxies)
    trusting = any(case.trusts(name) for name in library.trusts)
    return [
        *(library.proxies[:1] if not proxied else ()),
        *(library.trusts[:1] if not trusting else ()),
        *(
            name
            for name, value in library.others.items()
            if not holds(case.environ.get(name, ""), value, case.emulator.proxy)
        ),
    ]


def _unattached(case: Diagnostics) -> Iterator[Finding]:
    if _may_be_alias(case):
        yield _note(f"no proxy variable is set: the program reaches the emulator only if {TWILIO} is its network alias")
    elif case.emulator.proxy:
        what = "no proxy variable is set to its proxy: without a base URL the program calls the real Twilio"
        yield _wrong(what, f"{case.command}{case.if_base_url}")


_HTTPS_PORT = 443


def _may_be_alias(case: Diagnostics) -> bool:
    """Whether this is the setup of docker-compose.yml: the emulator on port 443, and its CA trusted."""
    if case.emulator.tls is None or case.proxies or (urlsplit(case.emulator.tls).port or _HTTPS_PORT) != _HTTPS_PORT:
        return False
    return any(case.trusts(name) for name in (case.library.trusts if case.library else CA_VARIABLES))


def node_bundle(case: Diagnostics) -> Iterator[Finding]:
    """RequestClient.js: with HTTP_PROXY the agent is created without the CA of TWILIO_CA_BUNDLE."""
    variables = ("HTTP_PROXY", "TWILIO_CA_BUNDLE")
    if case.attached and all(case.environ.get(name) for name in variables) and not case.trusts("NODE_EXTRA_CA_CERTS"):
        what = "twilio-node ignores TWILIO_CA_BUNDLE when HTTP_PROXY is set, and needs NODE_EXTRA_CA_CERTS"
        yield _wrong(what, case.command_for(LIBRARIES["node"]))


DIAGNOSES: tuple[Callable[[Diagnostics], Iterable[Finding]], ...] = (
    plain,
    tls,
    proxy,
    account_sid,
    auth_token,
    credentials,
    region,
    plain_through_a_proxy,
    proxy_elsewhere,
    twilio_direct,
    certificate_files,
    node_bundle,
    settings,
    libraries,
)


def examine(
    emulator: EmulatorInfo,
    environ: Mapping[str, str],
    library: Library | None = None,
    control_token: str | None = None,
    *,
    base_url: bool = False,
) -> Diagnostics:
    """Run the probes, and read the files in the CA variables.

    Raises:
        ProbeError: the emulator does not respond, or the variables are those of a container.
    """
    if library is LIBRARIES["docker"]:
        raise ProbeError(
            "doctor cannot check a container from outside: run it in the container, without docker as the library"
        )
    account, token = environ.get("TWILIO_ACCOUNT_SID"), environ.get("TWILIO_AUTH_TOKEN")
    refused = check_failure = None
    try:
        refused = refusal(emulator, account, token, control_token) if account and token else None
    except ProbeRejectedError as error:
        check_failure = str(error)
    return Diagnostics(
        environ=environ,
        emulator=emulator,
        library=library,
        base_url=base_url,
        tls_failure=tls_failure(emulator) if emulator.tls else None,
        proxy_failure=proxy_failure(emulator) if emulator.proxy else None,
        refusal=refused,
        check_failure=check_failure,
        files={environ[name]: _read(environ[name]) for name in CA_VARIABLES if environ.get(name)},
    )


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None


def diagnose(case: Diagnostics) -> list[Finding]:
    """Run all diagnoses, in the order in which a program would run into the problems."""
    return [finding for diagnosis in DIAGNOSES for finding in diagnosis(case)]


def render(findings: Iterable[Finding]) -> str:
    """Format a line per finding, and a line for its fix."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.weight:<6}{finding.what}\n")
        if finding.change:
            lines.append(f"      → {finding.change}\n")
    return "".join(lines)
