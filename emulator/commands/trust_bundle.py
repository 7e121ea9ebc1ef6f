"""Certificate files for a program: the CAs that it trusted before, and the emulator's."""

import base64
import contextlib
import hashlib
import os
import re
import ssl
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from emulator.commands.client_libraries import ANY, BUNDLE, CA, CA_VARIABLES, PHP_INI, TRUST_STORE, Library

OURS = "# the emulator's own"  # in our files, certificates above this line come from elsewhere
_PHP_SETTINGS = ("curl.cainfo", "openssl.cafile")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s*(.+?)\s*-----END CERTIFICATE-----", re.DOTALL)


def certificates(pem: str) -> list[str]:
    """The certificates in a PEM text without duplicates, as base64 without white space."""
    return list(dict.fromkeys("".join(block.split()) for block in _BLOCK.findall(pem)))


def _pem(blocks: Iterable[str]) -> str:
    def lines(block: str) -> str:
        return "\n".join(block[at : at + 64] for at in range(0, len(block), 64))

    return "".join(f"-----BEGIN CERTIFICATE-----\n{lines(block)}\n-----END CERTIFICATE-----\n" for block in blocks)


def files_for(library: Library, ca: str, environ: Mapping[str, str], place: str) -> tuple[dict[str, bytes], bool]:
    """The files that a library's programs need, by name, and whether the system's CAs were found.

    Args:
        library: a row of the table.
        ca: the emulator's certificate, as PEM.
        environ: the current variables; the CAs in their files are kept.
        place: path of the directory as the program sees it.
    """
    own = certificates(ca)
    roots = list(dict.fromkeys([*_present(environ, CA_VARIABLES), *_system_roots(), *_certifi_roots()]))
    additional = _present(environ, ANY.adds)
    made: dict[str, Callable[[], bytes]] = {
        CA: lambda: _joined(additional, own),
        BUNDLE: lambda: _joined(roots, own),
        TRUST_STORE: lambda: java_trust_store([*roots, *own]),
        PHP_INI: lambda: "".join(f'{name} = "{place}/{BUNDLE}"\n' for name in _PHP_SETTINGS).encode(),
    }
    return {name: made[name]() for name in (CA, BUNDLE, *library.files)}, bool(roots)


def _joined(others: list[str], own: list[str]) -> bytes:
    return (_pem(block for block in others if block not in own) + f"{OURS}\n" + _pem(own)).encode()


def _present(environ: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """CAs in the files of the variables (for example a company's own roots), without those that we added before."""
    found: list[str] = []
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            text = Path(environ.get(name) or os.devnull).read_text(encoding="utf-8", errors="replace")
            found += certificates(text.partition(OURS)[0])
    return list(dict.fromkeys(found))


def _system_roots() -> list[str]:
    """CAs at OpenSSL's compiled-in locations, ignoring environment variables: a file, or a directory of files."""
    paths = ssl.get_default_verify_paths()
    for path in map(Path, (paths.openssl_cafile, paths.openssl_capath)):
        with contextlib.suppress(OSError):
            files = sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path]
            if found := certificates("".join(file.read_text(encoding="utf-8", errors="replace") for file in files)):
                return found
    return []


def _certifi_roots() -> list[str]:
    try:
        import certifi  # noqa: PLC0415  optional
    except ImportError:
        return []
    return certificates(certifi.contents())


def java_trust_store(blocks: Iterable[str]) -> bytes:
    """A Java key store (format JKS) with these certificates; its password is Java's default, "changeit".

    Layout: OpenJDK, sun/security/provider/JavaKeyStore.java, engineLoad and getPreKeyedHash.
    """
    entries = [
        struct.pack(">I", 2)  # entry type: trusted certificate
        + _utf(f"root-{number}")
        + struct.pack(">Q", 0)  # creation date
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
