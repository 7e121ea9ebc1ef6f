"""Certificates of an authority of our own. Values in, values out: nothing here reads a clock, a file or a socket.

The authority carries critical name constraints (RFC 5280, 4.2.1.10), so that its key, if it leaks, vouches for
nothing that matters: Twilio's names, this machine, and what was asked for.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.wire.hosts import is_name

ORGANIZATION = "twilio-udm-emulator"
AUTHORITY_LIFE = dt.timedelta(days=3650)
AUTHORITY_SPARE = dt.timedelta(days=90)
"""An authority with less life than this left is renewed: whoever trusts it needs time to trust the next one."""
LEAF_LIFE = dt.timedelta(days=365)  # Apple's systems refuse more than 825 days
LEAF_SPARE = dt.timedelta(days=30)
_CLOCKS_DIFFER = dt.timedelta(days=1)
_BASES = ("twilio.com", "localhost")
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_DEFAULT = ("localhost", "api.twilio.com", "twilio.com", "127.0.0.1", "::1")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class CertificatesError(Exception):
    """Certificates cannot be had; str() says why and what to do."""


def moment(now: float) -> dt.datetime:
    """Seconds since 1970 as certificates count time."""
    return dt.datetime.fromtimestamp(int(now), dt.UTC)


def _address(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Names:
    """What may be vouched for.

    Attributes:
        bases: names; what is under one counts too.
        networks: addresses.
        default: what the certificate for clients that name nothing is for.
    """

    bases: frozenset[str]
    networks: frozenset[Network]
    default: tuple[str, ...]

    @classmethod
    def with_more(cls, more: Iterable[str]) -> Self:
        """The usual names and some more."""
        wanted = sorted(more)
        addresses = [address for address in map(_address, wanted) if address and not address.is_loopback]
        return cls(
            bases=frozenset(_BASES).union(name for name in wanted if not _address(name)),
            networks=frozenset(map(ip_network, [*_LOOPBACK, *addresses])),
            default=tuple(dict.fromkeys([*_DEFAULT, *wanted])),
        )

    def allow(self, name: str) -> bool:
        """Whether a host name may be vouched for."""
        if not is_name(name):
            return False
        return any(name == base or name.endswith("." + base) for base in self.bases)

    def constraints(self) -> x509.NameConstraints:
        """These names and no others."""
        names = [x509.DNSName(base) for base in sorted(self.bases)]
        networks = [x509.IPAddress(network) for network in sorted(self.networks, key=str)]
        return x509.NameConstraints(permitted_subtrees=[*names, *networks], excluded_subtrees=None)


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and the certificate that goes with it."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def secret_pem(self) -> bytes:
        """Key and certificate: one text, so that one never stands in a file without the other."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.pem()

    def lives(self, now: float, spare: dt.timedelta) -> bool:
        """Whether it is valid, and for longer than that."""
        at = moment(now)
        return self.certificate.not_valid_before_utc <= at < self.certificate.not_valid_after_utc - spare


def read_pair(pem: bytes) -> Pair:
    """Read what `Pair.secret_pem` wrote.

    Raises:
        ValueError: it is nothing of the kind.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
    except TypeError:  # a key under a password
        raise ValueError("its key has a password") from None
    if not isinstance(key, EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("key and certificate do not belong together")
    return Pair(key, certificate)


def is_ours(certificate: x509.Certificate) -> bool:
    """Whether it was made here."""
    return [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        ORGANIZATION
    ]


def constrained(certificate: x509.Certificate) -> frozenset[str] | None:
    """The names that an authority is constrained to; None when it is not, or when clients may overlook that."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return None
    permitted = extension.value.permitted_subtrees
    return frozenset(str(name.value) for name in permitted) if extension.critical and permitted else None


def covers(authority: Pair, names: Names) -> bool:
    """Whether an authority may vouch for all these names."""
    needed = {*names.bases, *map(str, names.networks)}
    return needed <= (constrained(authority.certificate) or frozenset())


def names_in(certificate: x509.Certificate) -> frozenset[str]:
    """The names that a certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return frozenset(str(name.value) for name in names)


def make_authority(names: Names, now: float, key: EllipticCurvePrivateKey | None = None) -> Pair:
    """An authority that may vouch for these names; under an old key, certificates that it made before stay valid."""
    key = key or generate_private_key(SECP256R1())
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # A name of its own for each key: where several are trusted, clients look authorities up by name.
    subject = _subject(f"{ORGANIZATION} authority {identity.digest.hex()[:8]}")
    certificate = (
        _builder(subject, subject, key, moment(now) + AUTHORITY_LIFE, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names.constraints(), critical=True)
        .add_extension(identity, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(key, certificate)


def make_leaf(authority: Pair, names: Iterable[str], now: float, key: EllipticCurvePrivateKey | None = None) -> Pair:
    """A certificate of a server that has these names, checked by no one but the authority's constraints."""
    key = key or generate_private_key(SECP256R1())
    end = min(moment(now) + LEAF_LIFE, authority.certificate.not_valid_after_utc)
    general: list[x509.GeneralName] = [
        x509.DNSName(name) if (address := _address(name)) is None else x509.IPAddress(address) for name in names
    ]
    issuer = authority.certificate.subject
    signer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(_subject(), issuer, key, end, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Pair(key, certificate)


def signed_by(leaf: Pair, authority: Pair) -> bool:
    """Whether the authority's key signed it."""
    try:
        leaf.certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001  several kinds, one meaning
        return False
    return True


def _subject(common_name: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION)]
    if common_name is not None:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, end: dt.datetime, now: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(now) - _CLOCKS_DIFFER)
        .not_valid_after(end)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
