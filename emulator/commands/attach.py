"""What to set so that an unmodified program talks to the emulator: a row per library, and files with certificates.

The values are made here and printed by the command; whether they work is the doctor's to say.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import shlex
import ssl
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from emulator.commands.probes import LOOPBACK, TWILIO, Emulator
from emulator.wire.sids import ACCOUNT, is_sid

FORMATS = ("sh", "dotenv", "json")
START = "serve --tls-port 2011 --proxy-port 2012"

CA = "ca.pem"
BUNDLE = "bundle.pem"
TRUST_STORE = "truststore.jks"
PHP_INI = "php/twilio-udm-emulator.ini"
_PHP_SETTINGS = ("curl.cainfo", "openssl.cafile")
OURS = "# the emulator's own"  # what stands above it in a file of ours came from elsewhere

_HTTPS = ("HTTPS_PROXY", "https_proxy")  # where a program reads both, many let the lower-case one win
_NO_PROXY = ("NO_PROXY", "no_proxy")
_IN_CONTAINER = "/twilio-udm-emulator"
_TO_HOST = "host.docker.internal"
_OTHER_HOSTS = (
    "https to other hosts is refused by the proxy, unless program and emulator are on one machine and it serves with "
    "--proxy-passthrough on"
)


class AttachError(Exception):
    """It cannot be done; str() is the one line to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What a library reads (sources: the libraries themselves, and how each was tried in docs/attach.md).

    Attributes:
        name: as the command calls it.
        proxies: variables that name the proxy of https requests.
        adds: variables whose certificates are trusted beside the usual ones.
        replaces: variables whose certificates are trusted instead of the usual ones.
        trusts: those of them that the library itself reads; one is enough.
        others: further variables; {host}, {port} are the proxy's, {folder} is where the files are.
        files: files of its own beside ca.pem and bundle.pem.
        notes: what a person should know.
    """

    name: str
    proxies: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    trusts: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


LIBRARIES = {
    library.name: library
    for library in (
        Library(
            name="python",
            proxies=_HTTPS,
            replaces=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
            trusts=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
            notes=(
                "the async client (AsyncTwilioHttpClient) ignores proxy variables: give it client.api.base_url",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="node",
            proxies=("HTTP_PROXY",),  # RequestClient.js: this name, for https too
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=(
                "twilio-node reads HTTP_PROXY (also for https) and then drops TWILIO_CA_BUNDLE",
                "only what starts after this reads NODE_EXTRA_CA_CERTS; process.env.… in the program is too late",
            ),
        ),
        Library(
            name="ruby",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(_OTHER_HOSTS,),
        ),
        Library(
            name="php",
            proxies=_HTTPS,
            # php.net/manual/en/configuration.file.php: a list; an empty entry is the folder that PHP was built with.
            others={"PHP_INI_SCAN_DIR": "{folder}/php"},
            files=(PHP_INI,),
            notes=("PHP trusts no certificates by variable, hence a setting file (curl.cainfo)", _OTHER_HOSTS),
        ),
        Library(
            name="go",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(
                "twilio-go refuses tokens that are not only letters and digits",
                "Go reads SSL_CERT_FILE on Linux and BSD; on macOS and Windows trust ca.pem in the system",
                _OTHER_HOSTS,
            ),
        ),
        Library(
            name="java",
            others={
                "JAVA_TOOL_OPTIONS": "-Dhttps.proxyHost={host} -Dhttps.proxyPort={port} "
                "-Djavax.net.ssl.trustStore='{folder}/truststore.jks' -Djavax.net.ssl.trustStoreType=JKS"
            },
            files=(TRUST_STORE,),
            notes=("loopback stays direct: http.nonProxyHosts does that by default", _OTHER_HOSTS),
        ),
        Library(
            name="csharp",
            proxies=_HTTPS,
            replaces=("SSL_CERT_FILE",),
            trusts=("SSL_CERT_FILE",),
            notes=(".NET reads SSL_CERT_FILE on Linux; on macOS and Windows trust ca.pem in the system", _OTHER_HOSTS),
        ),
        Library(
            name="cli",
            proxies=("HTTP_PROXY",),
            adds=("NODE_EXTRA_CA_CERTS",),
            trusts=("NODE_EXTRA_CA_CERTS",),
            notes=("twilio-cli takes account and token from these variables before any profile",),
        ),
        Library(
            name="docker",
            proxies=(*_HTTPS, "HTTP_PROXY"),
            adds=("NODE_EXTRA_CA_CERTS",),
            replaces=("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"),
            notes=(
                f"docker run --env-file FILE --volume {{files}}:{_IN_CONTAINER}:ro --add-host {_TO_HOST}:host-gateway",
                "the emulator must listen where containers can reach it: serve --host 0.0.0.0",
                "the proxy leads a container to *.twilio.com only: other hosts that it needs belong in NO_PROXY",
                "inside compose no variable is needed: docker-compose.yml shows api.twilio.com as a network alias",
            ),
        ),
    )
}
# Everything that can be told apart by variables alone.
ANY = Library(
    name="any",
    proxies=(*_HTTPS, "HTTP_PROXY"),
    adds=("NODE_EXTRA_CA_CERTS",),
    replaces=("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"),
    notes=("for python, node, ruby, go, csharp, cli and curl; php and java need to be named", _OTHER_HOSTS),
)
CA_VARIABLES = (*ANY.adds, *ANY.replaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What to set, which files hold the certificates, and what a person should know."""

    library: str
    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    folder: Path
    notes: tuple[str, ...]


def attach(
    library: Library,
    emulator: Emulator,
    *,
    environ: Mapping[str, str],
    folder: Path,
    credentials: tuple[str, str] | None,
) -> Attachment:
    """What attaches a library's programs to an emulator.

    Args:
        library: a row of the table.
        emulator: what to attach to.
        environ: the variables as they are: their certificates and direct hosts are kept.
        folder: where the files will be.
        credentials: AccountSid and AuthToken that the emulator takes; None = not known.

    Raises:
        AttachError: it has no proxy.
    """
    if emulator.proxy is None:
        raise AttachError(
            f"{emulator.url} has no proxy, so variables alone cannot lead a program to it; start it with: {START}"
        )
    inside = library.name == "docker"
    place = _IN_CONTAINER if inside else str(folder)
    proxy = urlsplit(emulator.proxy)
    host = _TO_HOST if inside and proxy.hostname in LOOPBACK else proxy.hostname or ""
    present = [] if inside else direct_entries(environ)
    kept = [entry for entry in present if not covers(entry, TWILIO)]
    direct = dict.fromkeys(filter(None, (*kept, *LOOPBACK, urlsplit(emulator.url).hostname)))
    values = {
        **dict.fromkeys(library.proxies, f"http://{f'[{host}]' if ':' in host else host}:{proxy.port}"),
        **({name: ",".join(direct) for name in _NO_PROXY} if library.proxies else {}),
        **dict.fromkeys(library.adds, f"{place}/{CA}"),
        **dict.fromkeys(library.replaces, f"{place}/{BUNDLE}"),
        **{
            name: _beside(environ.get(name, ""), template.format(host=host, port=proxy.port, folder=place))
            for name, template in library.others.items()
        },
    }
    notes = tuple(note.replace("{files}", str(folder)) for note in library.notes)
    if library.proxies and (lost := [entry for entry in present if entry not in kept]):
        notes += (f"left out of NO_PROXY, because it covers {TWILIO}: {' '.join(lost)}",)
    if credentials is None:
        notes += (f"{emulator.url} has accounts of its own: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to one",)
    else:
        values["TWILIO_ACCOUNT_SID"], values["TWILIO_AUTH_TOKEN"] = credentials
    files, found = _files(library, emulator.ca, environ, place)
    if not found:
        notes += ("no certificates of this system were found: other https requests will fail",)
    return Attachment(library=library.name, variables=values, files=files, folder=folder, notes=notes)


_ACCOUNT = ACCOUNT + "a" * 32
_ZEROS = "0" * 32


def candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Accounts and tokens to try, best first: the program's account with the emulator's token, then its own."""
    account = environ.get("TWILIO_ACCOUNT_SID", "")
    yield account if is_sid(ACCOUNT, account) else _ACCOUNT, environ.get("EMULATOR_AUTH_TOKEN") or _ZEROS
    if account and environ.get("TWILIO_AUTH_TOKEN"):
        yield account, environ["TWILIO_AUTH_TOKEN"]


def direct_entries(environ: Mapping[str, str]) -> list[str]:
    """What the variables say is to be asked without a proxy."""
    return list(dict.fromkeys(entry for name in _NO_PROXY for entry in re.findall(r"[^\s,]+", environ.get(name, ""))))


def covers(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY lets a host be asked directly."""
    name = (entry.partition(":")[0] if entry.count(":") == 1 else entry).lower().lstrip("*.")
    return entry == "*" or (name != "" and f".{host}".endswith(f".{name}"))


_JAVA_OPTIONS = re.compile(r"\s*-D(?:https\.proxy(?:Host|Port)|javax\.net\.ssl\.trustStore(?:Type)?)=(?:'[^']*'|\S)*")


def _beside(present: str, value: str) -> str:
    """A value beside what the variable held, but for what we ourselves put there before."""
    if value.startswith("-D"):
        return f"{_JAVA_OPTIONS.sub('', present).strip()} {value}".strip()
    return ":".join([*(part for part in present.split(":") if part != value and _FOLDER not in part), value])


def holds(present: str, template: str, proxy: str | None) -> bool:
    """Whether a variable of many values holds what attaching would put there, with whatever folder."""
    parts = urlsplit(proxy or "")
    wanted = template.format(host=parts.hostname, port=parts.port, folder="\0")
    pattern = re.escape(wanted).replace(re.escape("\0"), "[^:']+")
    return re.search(rf"{pattern}(?![\w/])", present) is not None


# --- certificates

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s*(.+?)\s*-----END CERTIFICATE-----", re.DOTALL)


def certificates(pem: str) -> list[str]:
    """The certificates of a PEM text, each once, as base64 without white space."""
    return list(dict.fromkeys("".join(block.split()) for block in _BLOCK.findall(pem)))


def _pem(blocks: Iterable[str]) -> str:
    def lines(block: str) -> str:
        return "\n".join(block[at : at + 64] for at in range(0, len(block), 64))

    return "".join(f"-----BEGIN CERTIFICATE-----\n{lines(block)}\n-----END CERTIFICATE-----\n" for block in blocks)


def _files(library: Library, ca: str, environ: Mapping[str, str], place: str) -> tuple[dict[str, bytes], bool]:
    """The files by name, and whether certificates of this system are among them."""
    own = certificates(ca)
    roots = list(dict.fromkeys([*_present(environ, CA_VARIABLES), *_system_roots(), *_certifi_roots()]))
    beside = _present(environ, ANY.adds)
    made: dict[str, Callable[[], bytes]] = {
        CA: lambda: _joined(beside, own),
        BUNDLE: lambda: _joined(roots, own),
        TRUST_STORE: lambda: java_trust_store([*roots, *own]),
        PHP_INI: lambda: "".join(f'{name} = "{place}/{BUNDLE}"\n' for name in _PHP_SETTINGS).encode(),
    }
    return {name: made[name]() for name in (CA, BUNDLE, *library.files)}, bool(roots)


def _joined(others: list[str], own: list[str]) -> bytes:
    return (_pem(block for block in others if block not in own) + f"{OURS}\n" + _pem(own)).encode()


def _present(environ: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """What the variables trust already (a company's own roots, say), without what we put there before."""
    found: list[str] = []
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            text = Path(environ.get(name) or os.devnull).read_text(encoding="utf-8", errors="replace")
            found += certificates(text.partition(OURS)[0])
    return list(dict.fromkeys(found))


def _system_roots() -> list[str]:
    """As OpenSSL was built to find them, whatever variables say: one file, or a folder of them."""
    paths = ssl.get_default_verify_paths()
    for path in map(Path, (paths.openssl_cafile, paths.openssl_capath)):
        with contextlib.suppress(OSError):
            files = sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path]
            if found := certificates("".join(file.read_text(encoding="utf-8", errors="replace") for file in files)):
                return found
    return []


def _certifi_roots() -> list[str]:
    try:
        import certifi  # noqa: PLC0415  only if it is there
    except ImportError:
        return []
    return certificates(certifi.contents())


def java_trust_store(blocks: Iterable[str]) -> bytes:
    """A Java key store (format JKS) with these certificates; its password is "changeit", as everybody's.

    Layout: OpenJDK, sun/security/provider/JavaKeyStore.java, engineLoad and getPreKeyedHash.
    """
    entries = [
        struct.pack(">I", 2)  # a trusted certificate
        + _utf(f"root-{number}")
        + struct.pack(">Q", 0)  # made at
        + _utf("X.509")
        + struct.pack(">I", len(der))
        + der
        for number, der in enumerate(map(base64.b64decode, blocks))
    ]
    store = struct.pack(">III", 0xFEEDFEED, 2, len(entries)) + b"".join(entries)
    keyed = "changeit".encode("utf-16-be") + b"Mighty Aphrodite" + store
    return store + hashlib.sha1(keyed, usedforsecurity=False).digest()


def _utf(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


# --- where the files are

_FOLDER = "twilio-udm-emulator"


def default_folder(environ: Mapping[str, str], url: str, library: Library) -> Path:
    """A folder of this user's, the same for the same emulator each time."""
    parts = urlsplit(url)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    cache = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA") or (home and str(Path(home) / ".cache"))
    name = re.sub(r"[^0-9a-zA-Z.-]", "-", f"{parts.hostname}-{parts.port or 80}")
    if library.name == "docker":
        name += "-docker"  # others may read this one: a container has other users
    if cache and _writable(Path(cache)):
        return Path(cache) / _FOLDER / name
    who = str(os.getuid()) if hasattr(os, "getuid") else environ.get("USERNAME", "")
    return Path(environ.get("TMPDIR") or environ.get("TEMP") or "/tmp") / f"{_FOLDER}-{who}" / name  # noqa: S108


def _writable(path: Path) -> bool:
    """Whether a folder can be written, or made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK)


def write(attachment: Attachment) -> None:
    """Write the files, each of them at once or not at all.

    Raises:
        AttachError: the folder cannot be made or written, or somebody else could write it too.
    """
    folder = attachment.folder
    try:
        folder.mkdir(mode=0o755 if attachment.library == "docker" else 0o700, parents=True, exist_ok=True)
        _refuse_strangers(folder)
        for name, data in attachment.files.items():
            target = folder / name
            target.parent.mkdir(mode=0o755, exist_ok=True)
            _replace(target, data)
    except OSError as error:
        raise AttachError(f"{folder} cannot be written ({error.strerror}); name another folder with --dir") from None


def _refuse_strangers(folder: Path) -> None:
    """Who can write the folder can put a CA of his own there."""
    for place in (folder, folder.parent) if folder.parent.name.startswith(_FOLDER) else (folder,):
        found = place.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & stat.S_IWOTH):
            raise AttachError(f"{place} belongs to somebody else, or all may write it; name another folder with --dir")


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


# --- how it is told


def render(attachment: Attachment, form: str) -> str:
    """What to print. In sh and dotenv, lines for people come last: an eval without quotes joins all lines."""
    comments = "".join(f"# {note}\n" for note in attachment.notes)
    match form:
        case "sh":
            lines = (f"export {name}={shlex.quote(value)}\n" for name, value in attachment.variables.items())
            return "".join(lines) + comments
        case "dotenv":
            return "".join(f"{name}={_dotenv(value)}\n" for name, value in attachment.variables.items()) + comments
        case _:
            files = {name: str(attachment.folder / name) for name in attachment.files}
            told = {"variables": dict(attachment.variables), "files": files, "notes": list(attachment.notes)}
            return json.dumps({"library": attachment.library, **told}, indent=2) + "\n"


def _dotenv(value: str) -> str:
    """Plain where it can be (`docker run --env-file` takes quotes for text), else quoted."""
    if re.fullmatch(r"[\w./:,@%+=\[\]-]*", value, re.ASCII):
        return value
    return f"'{value}'" if "'" not in value else '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'
