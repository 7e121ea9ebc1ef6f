"""Every option, once: a field here is a flag, an `EMULATOR_*` variable and a row of the README's table.

A flag wins over a variable, a variable over the default; an empty variable counts as unset.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from emulator.engine.calls import Unregistered
from emulator.engine.emulation import Policy
from emulator.engine.idempotency import OnMismatch
from emulator.wire.credentials import Account, ApiKey, Directory
from emulator.wire.sids import ACCOUNT, API_KEY, is_sid

PREFIX = "EMULATOR_"
_ZEROS = "0" * 32
_SECRET = {"auth_token", "accounts", "api_keys", "control_token"}
_CLIENTS_ONLY = {"EMULATOR_URL"}
# What Kubernetes injects into every pod when a service is called "emulator".
_KUBERNETES = re.compile(r"EMULATOR_(.+_)?(SERVICE|PORT)_.*")
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


class SettingsError(Exception):
    """A bad option; str() is the one line to show."""


T = TypeVar("T")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:  # Python's stand-ins for bytes of the shell that are not UTF-8
        raise ValueError("text in UTF-8") from None
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _amount(units: str, example: str) -> Callable[[str], int]:
    def parse(value: str) -> int:
        match = re.fullmatch(rf"([0-9]{{1,15}})({units})?", value)
        if not match or int(match[1]) == 0:
            raise ValueError(f"a positive number with or without a unit ({units.replace('|', ', ')}), as in {example}")
        return int(match[1]) * _UNITS[match[2] or ""]

    return parse


_seconds = _amount("s|m|h|d", "24h")
_bytes = _amount("KiB|MiB|GiB", "256MiB")


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return parse


def _listing(value: str) -> frozenset[str]:
    return frozenset(item.strip().rstrip("/") for item in _text(value).split(",") if item.strip())


_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def _host_name(text: str) -> str:
    with suppress(ValueError):
        return str(ip_address(text.strip("[]")))
    name = text.lower().rstrip(".")
    if not _HOST_NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise ValueError("host names and IP addresses, separated by commas, without ports or *")
    return name


def _names(value: str) -> frozenset[str]:
    return frozenset(_host_name(item.strip()) for item in value.split(",") if item.strip())


_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def _switch(value: str) -> bool:
    if value.lower() not in _SWITCH:
        raise ValueError("on or off")
    return _SWITCH[value.lower()]


def _instant(value: str) -> float:
    with suppress(ValueError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None and moment.timestamp() >= 0:
            return moment.timestamp()
    raise ValueError("a date since 1970 with a zone, as in 2026-01-02T03:04:05Z")


def _items(value: str) -> list[list[str]]:
    return [item.strip().split(":") for item in value.split(",") if item.strip()]


def _accounts(value: str) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    for sid, *rest in _items(_text(value)):
        if not is_sid(ACCOUNT, sid) or len(rest) not in (1, 2) or not all(rest) or sid in rest[1:]:
            raise ValueError("AC…:token or AC…:token:parent AC…, separated by commas")
        if sid in accounts:
            raise ValueError(f"each account once; {sid} is there twice")
        accounts[sid] = Account(*rest)
    for account in accounts.values():
        if account.parent is not None and account.parent not in accounts:
            raise ValueError(f"parents that are listed too; {account.parent} is not")
    return _some(accounts)


def _some(found: dict[str, T]) -> dict[str, T]:
    if not found:
        raise ValueError("at least one, or no value at all")
    return found


def _api_keys(value: str) -> dict[str, ApiKey]:
    keys: dict[str, ApiKey] = {}
    for item in _items(_text(value)):
        if len(item) != 3 or not is_sid(API_KEY, item[0]) or not item[1] or not is_sid(ACCOUNT, item[2]):  # noqa: PLR2004
            raise ValueError("SK…:secret:AC…, separated by commas")
        keys[item[0]] = ApiKey(secret=item[1], account_sid=item[2])
    return _some(keys)


def _option(default: object, parse: Callable[[str], object], help_: str, shown: str | None = None) -> Any:  # noqa: ANN401
    """A field that knows how its text is read, what it does, and how its default is written."""
    metadata = {"parse": parse, "help": help_, "default": str(default) if shown is None else shown}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one emulator, read and checked. Durations in seconds, sizes in bytes."""

    host: str = _option("127.0.0.1", _text, "address to listen on; the image sets 0.0.0.0")
    port: int = _option(2010, _whole(0, 65535), "port for http, 0 = any free one")
    tls_port: int | None = _option(None, _whole(0, 65535), "port for https, 0 = any free one; unset = no https", "")
    proxy_port: int | None = _option(
        None,
        _whole(0, 65535),
        "port for a proxy that leads api.twilio.com here, 0 = any free one; unset = no proxy",
        "",
    )
    tls_names: frozenset[str] = _option(
        frozenset(),
        _names,
        "more names and addresses for certificates than twilio.com, localhost, what is under them, and loopback",
        "",
    )
    tls_dir: str | None = _option(
        None, _text, "directory where the certificate authority is made once and kept; unset = a new one each time", ""
    )
    proxy_passthrough: bool = _option(
        default=False, parse=_switch, help_="let the proxy connect to other hosts too, but not to Twilio's", shown="off"
    )
    auth_token: str = _option(_ZEROS, _text, "token of every account while accounts is unset", "32 zeros")
    accounts: Mapping[str, Account] | None = _option(
        None,
        _accounts,
        "AC…:token[:parent AC…],… = only these exist, and a parent's credentials work on its subaccount; "
        "unset = every well-formed AccountSid exists",
        "",
    )
    api_keys: Mapping[str, ApiKey] | None = _option(
        None, _api_keys, "SK…:secret:AC…,… = API keys that work as usernames", ""
    )
    calls: str = _option(
        "any",
        _one_of(*Unregistered),
        "any = every well-formed CallSid is an active call unless told otherwise; "
        "registered = only registered calls exist",
    )
    content: str = _option(
        "strict",
        _one_of("strict", "lenient"),
        "strict = Content must be JSON of at most 10000 characters; lenient = accept and only note it",
    )
    idempotency_ttl: int = _option(86400, _seconds, "how long an IdempotencyKey is remembered", "24h")
    idempotency_limit: int = _option(100_000, _whole(1, 10**9), "how many keys are remembered")
    idempotency_mismatch: str = _option(
        "replay", _one_of(*OnMismatch), "other Content under a known key: replay the first answer, or reject with 409"
    )
    magic: str = _option("on", _one_of("on", "off"), "whether CallSids that end in fa11… bring a fault about")
    retry_window: int = _option(120, _seconds, "how long after a failed attempt another one is its retry", "120s")
    journal_limit: int = _option(100_000, _whole(1, 10**9), "how many exchanges are kept; the oldest are evicted")
    journal_bytes: int = _option(256 * 1024**2, _bytes, "how much memory exchanges may take", "256MiB")
    control_token: str | None = _option(None, _text, "Bearer token that /_emulator/ asks for; unset = none", "")
    allowed_hosts: frozenset[str] = _option(
        frozenset(),
        _listing,
        "more names that the control surface may be asked under; .example.com allows what is under it",
        "",
    )
    allowed_origins: frozenset[str] = _option(
        frozenset(),
        _listing,
        "origins of other pages that may use the control surface, as in http://localhost:3000",
        "",
    )
    show_secrets: bool = _option(
        default=False, parse=_switch, help_="show the secrets of credentials in the journal", shown="off"
    )
    clock: float | None = _option(
        None, _instant, "stand still at this time (ISO 8601 with a zone); PUT /_emulator/clock changes it", ""
    )
    seed: int | None = _option(None, _whole(0, 10**15 - 1), "make identifiers a reproducible sequence", "")
    log_format: str = _option("text", _one_of("text", "json"), "json = one object per line, and a line per request")
    log_level: str = _option(
        "info", _one_of("debug", "info", "warning", "error"), "info = one line per refused request"
    )

    def directory(self) -> Directory:
        """Who may ask."""
        return Directory(auth_token=self.auth_token, accounts=self.accounts, api_keys=self.api_keys or {})

    def policy(self) -> Policy:
        """The engine's choices and bounds."""
        return Policy(
            calls=Unregistered(self.calls),
            idempotency_ttl=self.idempotency_ttl,
            idempotency_limit=self.idempotency_limit,
            idempotency_mismatch=OnMismatch(self.idempotency_mismatch),
            journal_limit=self.journal_limit,
            journal_bytes=self.journal_bytes,
            magic=self.magic == "on",
            retry_window=self.retry_window,
        )

    def warnings(self) -> list[str]:
        """What works here but not with every official library."""
        texts = [("auth_token", self.auth_token)]
        unused = ["auth_token is not used, because accounts have tokens of their own"]
        for sid, account in (self.accounts or {}).items():
            texts.append((f"the token of {sid}", account.token))
        texts += [(f"the secret of {sid}", key.secret) for sid, key in (self.api_keys or {}).items()]
        return (unused if self.accounts is not None and self.auth_token != _ZEROS else []) + [
            f"{what} is not only letters and digits: twilio-go refuses it before any request is sent"
            for what, text in texts
            if not re.fullmatch(r"[a-zA-Z0-9]*", text)
        ]


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table: how an option is called, what it does, what it is when nobody sets it."""

    name: str
    help: str
    default: str
    parse: Callable[[str], object]

    @property
    def switch(self) -> bool:
        """Whether the flag alone means on."""
        return self.parse is _switch

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.name in _SECRET

    @property
    def flag(self) -> str:
        """`--journal-limit`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """`EMULATOR_JOURNAL_LIMIT`."""
        return PREFIX + self.name.upper()


OPTIONS = tuple(
    Option(f.name, f.metadata["help"], f.metadata["default"], f.metadata["parse"]) for f in fields(Settings)
)


def read_settings(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings, and warnings about variables that were ignored.

    Args:
        flags: values by option name; None = not given.
        environ: all environment variables.

    Raises:
        SettingsError: a bad value, or a variable that nobody knows.
    """
    variables, warnings = _variables(environ)
    values: dict[str, Any] = {}
    for option in OPTIONS:
        flag = flags.get(option.name)
        text, where = (flag, option.flag) if flag else (variables.get(option.variable), option.variable)
        if text:
            try:
                values[option.name] = option.parse(text)
            except ValueError as error:
                shown = "its value" if option.secret else repr(text)
                raise SettingsError(f"{where}: {shown} is not allowed; expected {error}") from None
    settings = Settings(**values)
    for sid, key in (settings.api_keys or {}).items():
        if settings.accounts is not None and key.account_sid not in settings.accounts:
            raise SettingsError(f"api_keys: {sid} acts for {key.account_sid}, which is not among the accounts")
    return settings, warnings + settings.warnings()


def _variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    known = {option.variable for option in OPTIONS}
    variables: dict[str, str] = {}
    kubernetes: list[str] = []
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in _CLIENTS_ONLY:
            continue
        if _KUBERNETES_ADDRESS.fullmatch(value) or (name not in known and _KUBERNETES.fullmatch(name)):
            kubernetes.append(name)
        elif name in known:
            variables[name] = value
        else:
            short = nearest(
                name.removeprefix(PREFIX).upper(), {known_name.removeprefix(PREFIX) for known_name in known}
            )
            raise SettingsError(f"unknown variable {name}{short.replace('did you mean ', f'did you mean {PREFIX}')}")
    if kubernetes:
        return variables, [
            f"ignored what Kubernetes sets for a service called emulator: {', '.join(sorted(kubernetes))}"
        ]
    return variables, []


def nearest(name: str, known: set[str]) -> str:
    """`; did you mean X?`, or nothing when no known name is close."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
