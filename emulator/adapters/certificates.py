"""A CA and its server certificates. Pure functions: no clock, file or socket.

The CA has critical name constraints (RFC 5280, 4.2.1.10), so that a leaked key is valid only for Twilio's names, this
machine, and the configured names.
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
"""Renew a CA with less time left than this: clients need time to trust the next one."""
LEAF_LIFE = dt.timedelta(days=365)  # Apple's systems reject more than 825 days
LEAF_SPARE = dt.timedelta(days=30)
_CLOCKS_DIFFER = dt.timedelta(days=1)
_BASES = ("twilio.com", "localhost")
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_DEFAULT = ("localhost", "api.twilio.com", "twilio.com", "127.0.0.1", "::1")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class CertificatesError(Exception):
    """Certificates cannot be created or loaded; str() explains why and what to do."""


def moment(now: float) -> dt.datetime:
    """Convert seconds since 1970 to a UTC date without fractions, as in certificates."""
    return dt.datetime.fromtimestamp(int(now), dt.UTC)


def _address(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Names:
    """The names that may be certified.

    Attributes:
        bases: host names; their subdomains are included.
        networks: IP networks.
        default: names of the certificate for clients that send no server name.
    """

    bases: frozenset[str]
    networks: frozenset[Network]
    default: tuple[str, ...]

    @classmethod
    def with_more(cls, more: Iterable[str]) -> Self:
        """The default names and additional ones."""
        wanted = sorted(more)
        addresses = [address for address in map(_address, wanted) if address and not address.is_loopback]
        return cls(
            bases=frozenset(_BASES).union(name for name in wanted if not _address(name)),
            networks=frozenset(map(ip_network, [*_LOOPBACK, *addresses])),
            default=tuple(dict.fromkeys([*_DEFAULT, *wanted])),
        )

    def allow(self, name: str) -> bool:
        """Whether a host name may be certified."""
        if not is_name(name):
            return False
        return any(name == base or name.endswith("." + base) for base in self.bases)

    def constraints(self) -> x509.NameConstraints:
        """Name constraints that permit these names only."""
        names = [x509.DNSName(base) for base in sorted(self.bases)]
        networks = [x509.IPAddress(network) for network in sorted(self.networks, key=str)]
        return x509.NameConstraints(permitted_subtrees=[*names, *networks], excluded_subtrees=None)


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key and its certificate."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def secret_pem(self) -> bytes:
        """Key and certificate as PEM, in one text, so that a file always holds both."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.pem()

    def lives(self, now: float, spare: dt.timedelta) -> bool:
        """Whether it is valid now and for longer than `spare`."""
        at = moment(now)
        return self.certificate.not_valid_before_utc <= at < self.certificate.not_valid_after_utc - spare


def read_pair(pem: bytes) -> Pair:
    """Parse the result of `Pair.secret_pem`.

    Raises:
        ValueError: not a key with its certificate, or the key has a password.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
    except TypeError:  # the key is encrypted
        raise ValueError("the key has a password") from None
    if not isinstance(key, EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("key and certificate do not belong together")
    return Pair(key, certificate)


def is_ours(certificate: x509.Certificate) -> bool:
    """Whether the emulator issued a certificate, by its organization."""
    return [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        ORGANIZATION
    ]


def constrained(certificate: x509.Certificate) -> frozenset[str] | None:
    """The names that a CA is constrained to; None without critical name constraints."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return None
    permitted = extension.value.permitted_subtrees
    return frozenset(str(name.value) for name in permitted) if extension.critical and permitted else None


def covers(authority: Pair, names: Names) -> bool:
    """Whether a CA may certify all these names."""
    needed = {*names.bases, *map(str, names.networks)}
    return needed <= (constrained(authority.certificate) or frozenset())


def names_in(certificate: x509.Certificate) -> frozenset[str]:
    """The subject alternative names of a certificate."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return frozenset(str(name.value) for name in names)


def make_authority(names: Names, now: float, key: EllipticCurvePrivateKey | None = None) -> Pair:
    """Create a CA for these names; if it keeps an old key, its earlier certificates stay valid."""
    key = key or generate_private_key(SECP256R1())
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # A distinct name for each key: clients that trust several CAs look them up by name.
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
    """Issue a server certificate. The names are limited only by the CA's constraints, which clients check."""
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
    """Whether the CA's key signed a certificate."""
    try:
        leaf.certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001  several types, one meaning
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
