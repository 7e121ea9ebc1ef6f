"""The lock files hold what pyproject.toml asks for, with hashes, and name no index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = PROJECT["project"]["name"]
SERVE = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["tls"]]
BUILD = [*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]]
ALL = [*SERVE, *BUILD, *PROJECT["project"]["optional-dependencies"]["dev"]]
LOCKS = {"serve": SERVE, "build": BUILD, "dev": ALL, "lowest": ALL, "example": ["twilio>=9.13"]}
PYTHONS = ["3.11.0", "3.12.0", "3.13.0", "3.14.0"]
MACHINES = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement with its hashes."""
    lines = text_of(lock).replace("\\\n", " ").splitlines()
    return [(Requirement(line.partition(" --hash")[0]), re.findall(r"--hash=(\S+)", line)) for line in lines]


def marker_environment(python: str, platform: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": platform,
        "platform_machine": machine,
        "extra": "",
    }


def applies(marker: Marker | None, environment: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(environment)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes(lock: str) -> None:
    for requirement, hashes in entries(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_line_names_an_index(lock: str) -> None:
    assert not re.search(r"://|--(index|extra|find|trusted)", text_of(lock))


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("machine", MACHINES, ids="-".join)
@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_are_met(lock: str, python: str, machine: tuple[str, str]) -> None:
    environment = marker_environment(python, *machine)
    pins = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin, _ in entries(lock)
        if applies(pin.marker, environment)
    }
    for text in LOCKS[lock]:
        wanted = Requirement(text)
        if wanted.name != OWN and applies(wanted.marker, environment):
            assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)], prereleases=True), text


@pytest.mark.parametrize("part", ["serve", "build", "example"])
def test_dev_includes_the_other_locks(part: str) -> None:
    """An environment for development also serves, and runs the example."""
    everything = {(pin.name, pin.specifier): hashes for pin, hashes in entries("dev")}

    for pin, hashes in entries(part):
        assert everything[pin.name, pin.specifier] == hashes


def test_lowest_has_the_lower_bounds() -> None:
    pins = {canonicalize_name(pin.name): pin.specifier for pin, _ in entries("lowest")}
    for text in SERVE:
        wanted = Requirement(text)
        (bound,) = (one.version for one in wanted.specifier if one.operator == ">=")
        assert pins[canonicalize_name(wanted.name)].contains(bound), text
