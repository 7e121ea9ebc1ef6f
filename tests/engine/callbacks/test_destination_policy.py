"""Permitted destinations of callbacks: a corpus of addresses, and the policy for each class."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.callbacks.destination_policy import refusal

NOBODY: frozenset[str] = frozenset()
HERE = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.65.254",
    "fd00::1",
    "fd20:ce::1",
]
PUBLIC = [
    "8.8.8.8",
    "100.64.0.1",
    "172.32.0.1",
    "192.0.2.1",
    "2001:4860:4860::8888",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NEVER = {
    "0.0.0.0": "0.0.0.0 is the unspecified address, which is never called",
    "0.1.2.3": "0.1.2.3 is the unspecified address, which is never called",
    "::": ":: is the unspecified address, which is never called",
    "169.254.169.254": "169.254.169.254 is link-local, where clouds keep their metadata, which is never called",
    "169.254.0.1": "169.254.0.1 is link-local, where clouds keep their metadata, which is never called",
    "fe80::1": "fe80::1 is link-local, where clouds keep their metadata, which is never called",
    "fe80::1%2": "fe80::1%2 is link-local, where clouds keep their metadata, which is never called",
    "fd00:ec2::254": "fd00:ec2::254 is where clouds keep their metadata, which is never called",
    "fd00:ec2::23": "fd00:ec2::23 is where clouds keep their metadata, which is never called",
    "fd20:ce::254": "fd20:ce::254 is where clouds keep their metadata, which is never called",
    "224.0.0.1": "224.0.0.1 is multicast, which is never called",
    "ff02::1": "ff02::1 is multicast, which is never called",
    "240.0.0.1": "240.0.0.1 is reserved, which is never called",
    "255.255.255.255": "255.255.255.255 is reserved, which is never called",
    "::7f00:1": "::7f00:1 is reserved, which is never called",
    "100::1": "100::1 is reserved, which is never called",
    "fec0::1": "fec0::1 is site-local, which is never called",
    "2002:a9fe:a9fe::1": "2002:a9fe:a9fe::1 leads to 169.254.169.254, which is link-local, where clouds keep their "
    "metadata, which is never called",
    "64:ff9b::a9fe:a9fe": "64:ff9b::a9fe:a9fe leads to 169.254.169.254, which is link-local, where clouds keep their "
    "metadata, which is never called",
    "64:ff9b:1::a9fe:a9fe": "64:ff9b:1::a9fe:a9fe leads to 169.254.169.254, which is link-local, where clouds keep "
    "their metadata, which is never called",
    # Teredo: server 8.8.8.8, client 169.254.169.254 with inverted bits.
    "2001:0:808:808::5601:5601": "2001:0:808:808::5601:5601 leads to 169.254.169.254, which is link-local, where "
    "clouds keep their metadata, which is never called",
}
MAPPED = ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:10.0.0.1"]


@pytest.mark.parametrize("address", HERE)
def test_local_and_private_ips_are_allowed(address: str) -> None:
    assert refusal("anything.example", address, NOBODY) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_other_ips_need_an_allowed_host(address: str) -> None:
    shown = str(ip_address(address))

    assert refusal("Receiver.example.", address, frozenset({"other.example"})) == (
        f"{shown} is neither loopback nor private; the option callback_hosts can allow receiver.example"
    )
    assert refusal("Receiver.example.", address, frozenset({"receiver.example"})) is None
    assert refusal("Receiver.example.", address, frozenset({shown})) is None
    assert refusal(f"[{shown}]", address, frozenset({shown})) is None


@pytest.mark.parametrize(("address", "reason"), NEVER.items(), ids=NEVER)
def test_some_ips_are_never_allowed(address: str, reason: str) -> None:
    allowed = frozenset({"metadata", address})

    assert refusal("metadata", address, NOBODY) == refusal("metadata", address, allowed) == reason


@pytest.mark.parametrize("address", MAPPED)
def test_mapped_ipv4_is_never_allowed(address: str) -> None:
    allowed = frozenset({"metadata", address, str(IPv6Address(address))})

    assert refusal("metadata", address, allowed) == (
        f"{IPv6Address(address)} is an IPv4-mapped address, which is never called"
    )


@given(st.ip_addresses(v=4))
def test_embedded_forbidden_ip_is_forbidden(inner: object) -> None:
    number = int(inner)  # type: ignore[call-overload]
    around = (
        IPv6Address((0x2002 << 112) | (number << 80) | 1),
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF)),
    )
    is_never = (refusal("h", str(inner), frozenset({"h"})) or "").endswith("never called")

    for outer in around:
        assert (refusal("h", str(outer), frozenset({"h"})) is not None) == is_never
        assert refusal("h", str(outer), NOBODY) is not None


@given(st.ip_addresses())
def test_default_is_local_and_private(address: object) -> None:
    here = str(address).startswith(("127.", "10.", "192.168.", "fc", "fd")) or str(address) == "::1"
    here = here or any(str(address).startswith(f"172.{second}.") for second in range(16, 32))

    assert (refusal("name", str(address), NOBODY) is None) == here
