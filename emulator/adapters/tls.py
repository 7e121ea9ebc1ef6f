"""TLS for any server name that a client requests. Imported only if TLS or the proxy is enabled."""

import logging
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from emulator.adapters.certificate_files import load_or_make
from emulator.adapters.certificates import (
    LEAF_SPARE,
    CertificatesError,
    Names,
    Pair,
    make_authority,
    make_leaf,
    names_in,
)
from emulator.adapters.private_file import readable_file

MAX_NAMES = 200
"""Certificates cached by requested name; the least recently used is evicted."""

_log = logging.getLogger("emulator.server")


class _Ready(NamedTuple):
    """A certificate in use: its TLS context, its key, its names."""

    context: ssl.SSLContext
    leaf: Pair
    names: frozenset[str]


class Tls:
    """The CA, and the TLS context of the listeners."""

    def __init__(self, names: Iterable[str], directory: Path | None, now: Callable[[], float]) -> None:
        """Load or create the certificates.

        Args:
            names: host names and addresses in addition to the default ones.
            directory: where the CA and the certificate are stored; None = in memory.
            now: seconds since 1970.

        Raises:
            CertificatesError: the directory cannot be used.
        """
        self._names = Names.with_more(names)
        self._now = now
        if directory is None:
            self._authority = make_authority(self._names, now())
            leaf = make_leaf(self._authority, self._names.default, now())
        else:
            self._authority, leaf = load_or_make(directory, self._names, now())
        self._default = _ready(leaf)
        self._made: OrderedDict[str, _Ready] = OrderedDict()
        self.context = _context(leaf)
        self.context.sni_callback = self._choose

    @property
    def ca_pem(self) -> bytes:
        """The CA certificate for clients to trust."""
        return self._authority.pem()

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        """Select the certificate for the requested name, or the default one; return an alert on failure."""
        try:
            connection.context = self._for((name or "").lower())
        except CertificatesError as error:
            _log.error("TLS handshake failed: %s", error)
            return ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
        return None

    def _for(self, name: str) -> ssl.SSLContext:
        if name in self._default.names or not self._names.allow(name):
            self._default = self._fresh(self._default)
            return self._default.context
        ready = self._made.pop(name, None)
        self._made[name] = self._issue((name,)) if ready is None else self._fresh(ready)
        if len(self._made) > MAX_NAMES:
            self._made.popitem(last=False)
        return self._made[name].context

    def _fresh(self, ready: _Ready) -> _Ready:
        """Return it, or a new one if it expires soon: a server may run for years."""
        if ready.leaf.lives(self._now(), LEAF_SPARE):
            return ready
        return self._issue(ready.names)

    def _issue(self, names: Iterable[str]) -> _Ready:
        return _ready(make_leaf(self._authority, names, self._now(), self._default.leaf.key))


def _ready(leaf: Pair) -> _Ready:
    return _Ready(_context(leaf), leaf, names_in(leaf.certificate))


def _context(leaf: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with readable_file(leaf.secret_pem()) as path:
        context.load_cert_chain(path)
    return context
