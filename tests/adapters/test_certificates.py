"""Certificates of our own, judged by openssl."""

import datetime as dt
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from emulator.adapters import certificate_files
from emulator.adapters.certificate_files import load_or_make
from emulator.adapters.certificates import CertificatesError, Names, Pair, make_authority, make_leaf, names_in
from emulator.adapters.tls import MAX_NAMES, Tls

NOW = 1_800_000_000.0
DAY = 86_400.0
YEAR = 365 * DAY
USUAL = Names.with_more([])


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def text_of(pair: Pair, folder: Path) -> str:
    path = folder / "shown.pem"
    path.write_bytes(pair.pem())
    return openssl("x509", "-noout", "-text", "-in", path)


def verdict(authority: Pair, leaf: Pair, folder: Path, *arguments: str, at: float = NOW) -> str:
    """What openssl says of a leaf when it trusts nothing but the authority."""
    (folder / "authority.pem").write_bytes(authority.pem())
    (folder / "leaf.pem").write_bytes(leaf.pem())
    trust = ("-CAfile", folder / "authority.pem", "-no-CApath", "-no-CAstore")
    how = ("-x509_strict", "-purpose", "sslserver", "-attime", int(at))
    return openssl("verify", *trust, *how, *arguments, folder / "leaf.pem")


def test_ca_has_critical_name_constraints(tmp_path: Path) -> None:
    """The constraints permit exactly the emulator's names."""
    shown = text_of(make_authority(Names.with_more(["emulator", "10.1.2.3"]), NOW), tmp_path)

    constraints = shown.partition("X509v3 Name Constraints: critical\n")[2].partition("X509v3")[0].split()
    loopback_6 = "IP:0:0:0:0:0:0:0:1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF"
    assert constraints[0] == "Permitted:"
    assert sorted(constraints[1:]) == sorted(
        [
            "DNS:twilio.com",
            "DNS:localhost",
            "DNS:emulator",
            "IP:127.0.0.0/255.0.0.0",
            loopback_6,
            "IP:10.1.2.3/255.255.255.255",
        ]
    )
    assert "CA:TRUE, pathlen:0" in shown


@pytest.mark.parametrize(
    "name", ["api.twilio.com", "twilio.com", "api.sydney.us1.twilio.com", "a.b.c.d.e.f.twilio.com", "localhost"]
)
def test_our_names_verify(tmp_path: Path, name: str) -> None:
    authority = make_authority(USUAL, NOW)

    said = verdict(authority, make_leaf(authority, [name], NOW), tmp_path, "-verify_hostname", name)

    assert said.endswith("leaf.pem: OK\n")


@pytest.mark.parametrize(
    "name", ["example.com", "api.twilio.com.evil.example", "eviltwilio.com", "com", "10.1.2.3", "8.8.8.8", "::2"]
)
def test_other_names_do_not_verify(tmp_path: Path, name: str) -> None:
    """Even if the CA's key signed the certificate."""
    authority = make_authority(USUAL, NOW)

    said = verdict(authority, make_leaf(authority, ["localhost", name], NOW), tmp_path)

    assert "permitted subtree violation" in said


def test_ca_cannot_sign_another_ca(tmp_path: Path) -> None:
    authority = make_authority(USUAL, NOW)
    below = make_authority(USUAL, NOW)
    forged = (
        x509.CertificateBuilder()
        .subject_name(below.certificate.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(below.key.public_key())
        .serial_number(7)
        .not_valid_before(below.certificate.not_valid_before_utc)
        .not_valid_after(below.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    (tmp_path / "below.pem").write_bytes(forged.public_bytes(serialization.Encoding.PEM))

    said = verdict(authority, make_leaf(below, ["localhost"], NOW), tmp_path, "-untrusted", str(tmp_path / "below.pem"))

    assert "error" in said


def test_default_certificate_lists_all_names(tmp_path: Path) -> None:
    names = Names.with_more(["emulator", "10.1.2.3"])
    authority = make_authority(names, NOW)
    leaf = make_leaf(authority, names.default, NOW)

    said = [verdict(authority, leaf, tmp_path, "-verify_hostname", name) for name in ("localhost", "emulator")] + [
        verdict(authority, leaf, tmp_path, "-verify_ip", ip) for ip in ("127.0.0.1", "::1", "10.1.2.3")
    ]
    assert {one.rpartition(": ")[2] for one in said} == {"OK\n"}


def test_leaf_expires_before_ca() -> None:
    authority = make_authority(USUAL, NOW)
    last = make_leaf(authority, ["localhost"], NOW + 3640 * DAY)

    assert last.certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


# --- a directory


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_files_and_their_permissions(tmp_path: Path) -> None:
    """The directory has certificate and keys, and only their owner can read the keys."""
    authority, leaf = load_or_make(tmp_path / "a" / "b", USUAL, NOW)

    assert modes(tmp_path / "a" / "b") == {"ca.pem": 0o644, "ca-key.pem": 0o600, "server.pem": 0o600}
    assert (tmp_path / "a" / "b" / "ca.pem").read_bytes() == authority.pem()
    assert verdict(authority, leaf, tmp_path).endswith("OK\n")


def test_what_is_there_is_used_again(tmp_path: Path) -> None:
    first = load_or_make(tmp_path, Names.with_more(["emulator"]), NOW)
    again = load_or_make(tmp_path, USUAL, NOW + 100 * DAY)

    assert [pair.certificate for pair in again] == [pair.certificate for pair in first]


def test_readable_key_is_made_private(tmp_path: Path) -> None:
    load_or_make(tmp_path, USUAL, NOW)
    (tmp_path / "ca-key.pem").chmod(0o644)
    load_or_make(tmp_path, USUAL, NOW)

    assert modes(tmp_path)["ca-key.pem"] == 0o600


def test_expiring_leaf_is_renewed(tmp_path: Path) -> None:
    authority, leaf = load_or_make(tmp_path, USUAL, NOW)
    same, renewed = load_or_make(tmp_path, USUAL, NOW + YEAR - 20 * DAY)

    assert same.certificate == authority.certificate
    assert renewed.certificate.not_valid_after_utc - leaf.certificate.not_valid_after_utc == dt.timedelta(days=345)


def test_expiring_ca_keeps_its_key(tmp_path: Path) -> None:
    """Clients that trust the old certificate of the CA accept the new one."""
    before, _ = load_or_make(tmp_path, USUAL, NOW)
    then = NOW + 3600 * DAY
    after, leaf = load_or_make(tmp_path, USUAL, then)

    assert after.certificate != before.certificate
    assert verdict(before, leaf, tmp_path, at=then).endswith("OK\n")
    assert verdict(after, leaf, tmp_path, at=then).endswith("OK\n")


def test_a_name_that_is_missing_renews_both(tmp_path: Path) -> None:
    before, _ = load_or_make(tmp_path, USUAL, NOW)
    after, leaf = load_or_make(tmp_path, Names.with_more(["emulator"]), NOW)

    assert after.certificate != before.certificate
    assert "emulator" in names_in(leaf.certificate)
    assert verdict(after, leaf, tmp_path, "-verify_hostname", "emulator").endswith("OK\n")
    assert (tmp_path / "ca.pem").read_bytes() == after.pem()


def test_lost_certificate_is_rewritten(tmp_path: Path) -> None:
    authority, _ = load_or_make(tmp_path, USUAL, NOW)
    (tmp_path / "ca.pem").unlink()
    load_or_make(tmp_path, USUAL, NOW)

    assert (tmp_path / "ca.pem").read_bytes() == authority.pem()


def foreign() -> Pair:
    """Somebody else's authority."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example")])
    ours = make_authority(USUAL, NOW, key).certificate
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(ours.not_valid_before_utc)
    return Pair(key, builder.not_valid_after(ours.not_valid_after_utc).sign(key, hashes.SHA256()))


def unconstrained() -> Pair:
    """An authority of our name that may vouch for everything."""
    ours = make_authority(USUAL, NOW)
    subject = ours.certificate.subject
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(ours.key.public_key())
    builder = builder.serial_number(7).not_valid_before(ours.certificate.not_valid_before_utc)
    return Pair(ours.key, builder.not_valid_after(ours.certificate.not_valid_after_utc).sign(ours.key, hashes.SHA256()))


def two_halves() -> bytes:
    one, other = make_authority(USUAL, NOW), make_authority(USUAL, NOW)
    return Pair(one.key, other.certificate).secret_pem()


def under_a_password() -> bytes:
    pair = make_authority(USUAL, NOW)
    return (
        pair.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
        + pair.pem()
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("ca-key.pem", lambda: b"garbage", id="garbage"),
        pytest.param("ca-key.pem", lambda: b"", id="nothing"),
        pytest.param("ca-key.pem", lambda: foreign().secret_pem(), id="a foreign authority"),
        pytest.param("ca-key.pem", lambda: unconstrained().secret_pem(), id="an authority without constraints"),
        pytest.param("ca-key.pem", two_halves, id="key and certificate of two"),
        pytest.param("ca-key.pem", under_a_password, id="a key under a password"),
        pytest.param("ca.pem", lambda: foreign().pem(), id="a foreign certificate"),
        pytest.param("ca.pem", lambda: make_authority(USUAL, NOW).pem(), id="a certificate whose key is lost"),
        pytest.param("ca.pem", lambda: b"garbage", id="no certificate"),
        pytest.param("server.pem", lambda: foreign().secret_pem(), id="a foreign server"),
    ],
)
def test_foreign_files_are_left_alone(tmp_path: Path, name: str, content: Callable[[], bytes]) -> None:
    """The error is one line that names the file."""
    path = tmp_path / name
    path.write_bytes(before := content())

    with pytest.raises(CertificatesError, match=r"^tls_dir: ") as told:
        load_or_make(tmp_path, USUAL, NOW)

    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before


def test_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CertificatesError, match=r"^tls_dir: cannot use "):
            load_or_make(path, USUAL, NOW)


def test_failed_write_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(certificate_files.os, "fsync", fail)  # type: ignore[attr-defined]
    with pytest.raises(CertificatesError, match="No space left on device"):
        load_or_make(tmp_path, USUAL, NOW)

    assert list(tmp_path.iterdir()) == []


# --- the certificates of a running server


def made(tls: Tls, names: Iterable[str]) -> list[object]:
    return [tls._for(name) for name in names]


def test_certificate_of_a_name_is_cached() -> None:
    tls = Tls([], None, lambda: NOW)
    first, again = made(tls, ["a.b.twilio.com"] * 2)

    assert again is first


def test_cache_keeps_recent_certificates() -> None:
    tls = Tls([], None, lambda: NOW)
    (used,) = made(tls, ["used.twilio.com"])
    for number in range(MAX_NAMES):
        assert made(tls, [f"n{number}.twilio.com", "used.twilio.com"])[1] is used

    assert len(tls._made) == MAX_NAMES


@pytest.mark.parametrize("name", ["", "localhost", "example.com", "twilio.com.", "*.twilio.com", "a..twilio.com"])
def test_other_names_get_the_default(name: str) -> None:
    tls = Tls([], None, lambda: NOW)
    default, other = made(tls, ["", name])

    assert other is default


@pytest.mark.parametrize("name", ["", "a.b.twilio.com"])
def test_running_server_renews_certificates(name: str) -> None:
    times = [NOW]
    tls = Tls([], None, lambda: times[-1])
    (before,) = made(tls, [name])
    times.append(NOW + YEAR)
    after, again = made(tls, [name, name])

    assert after is not before
    assert again is after
