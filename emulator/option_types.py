"""Parsers of option values. Each raises ValueError, whose text describes the expected value."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import TypeVar

from emulator.wire.credentials import Account, ApiKey
from emulator.wire.hosts import is_host, parse_authority
from emulator.wire.sids import ACCOUNT, API_KEY, is_sid

T = TypeVar("T")


def text(value: str) -> str:
    """A string that can be encoded as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:  # surrogates, which Python uses for bytes of the command line that are not UTF-8
        raise ValueError("UTF-8 text") from None
    return value


def integer(least: int, most: int) -> Callable[[str], int]:
    """A parser of integers between two limits, inclusive."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", value) or not least <= int(value) <= most:
            raise ValueError(f"an integer from {least} to {most}")
        return int(value)

    return parse


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _amount(units: str, example: str) -> Callable[[str], int]:
    def parse(value: str) -> int:
        match = re.fullmatch(rf"([0-9]{{1,15}})({units})?", value)
        if not match or int(match[1]) == 0:
            raise ValueError(
                f"a positive integer with an optional unit ({units.replace('|', ', ')}), for example {example}"
            )
        return int(match[1]) * _UNITS[match[2] or ""]

    return parse


seconds = _amount("s|m|h|d", "24h")
"""Seconds, from a number with an optional unit."""
size = _amount("KiB|MiB|GiB", "256MiB")
"""Bytes, from a number with an optional unit."""


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser that accepts one of several words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return parse


def listing(value: str) -> frozenset[str]:
    """Strings separated by commas, without trailing slashes."""
    return frozenset(item.strip().rstrip("/") for item in text(value).split(",") if item.strip())


def _host_name(given: str) -> str:
    with suppress(ValueError):
        return str(ip_address(given))
    authority = parse_authority(given)
    if authority is not None and authority.port is None and is_host(name := authority.host):
        if ":" in name:
            return str(ip_address(name))
        if not name.rpartition(".")[2].isdigit():
            return name
    raise ValueError("host names and IP addresses, separated by commas, without ports or *")


def names(value: str) -> frozenset[str]:
    """Host names and IP addresses separated by commas."""
    return frozenset(_host_name(item.strip()) for item in value.split(",") if item.strip())


_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def switch(value: str) -> bool:
    """`on` or `off`; also true, yes, 1 and false, no, 0, in any case."""
    if value.lower() not in _SWITCH:
        raise ValueError("on or off")
    return _SWITCH[value.lower()]


def timestamp(value: str) -> float:
    """Seconds since 1970, from an ISO 8601 date and time with a time zone."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None and moment.timestamp() >= 0:
            return moment.timestamp()
    raise ValueError("a date and time since 1970 with a time zone, for example 2026-01-02T03:04:05Z")


def _items(value: str) -> list[list[str]]:
    return [item.strip().split(":") for item in value.split(",") if item.strip()]


def accounts(value: str) -> dict[str, Account]:
    """Accounts by SID, from `AC…:token[:parent AC…],…`."""
    found: dict[str, Account] = {}
    for sid, *rest in _items(text(value)):
        if not is_sid(ACCOUNT, sid) or len(rest) not in (1, 2) or not all(rest) or sid in rest[1:]:
            raise ValueError("AC…:token or AC…:token:parent AC…, separated by commas")
        if sid in found:
            raise ValueError(f"each account once; {sid} is listed twice")
        found[sid] = Account(*rest)
    for account in found.values():
        if account.parent is not None and account.parent not in found:
            raise ValueError(f"parent accounts to be listed too; {account.parent} is not")
    return _some(found)


def _some(found: dict[str, T]) -> dict[str, T]:
    if not found:
        raise ValueError("at least one item, or no value")
    return found


def api_keys(value: str) -> dict[str, ApiKey]:
    """API keys by SID, from `SK…:secret:AC…,…`."""
    keys: dict[str, ApiKey] = {}
    for item in _items(text(value)):
        if len(item) != 3 or not is_sid(API_KEY, item[0]) or not item[1] or not is_sid(ACCOUNT, item[2]):  # noqa: PLR2004
            raise ValueError("SK…:secret:AC…, separated by commas")
        keys[item[0]] = ApiKey(secret=item[1], account_sid=item[2])
    return _some(keys)
