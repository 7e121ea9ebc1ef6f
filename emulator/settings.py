"""All options: a field is a flag, an `EMULATOR_*` variable and a row of the README's table.

A flag overrides a variable, a variable overrides the default; an empty variable counts as unset.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from emulator import option_types
from emulator.engine.capacity import MEMORY_LIMIT
from emulator.engine.config import EngineConfig, OnMismatch, Unregistered
from emulator.wire.connection_overrides import CallbackTimeouts
from emulator.wire.credentials import Account, ApiKey, Directory

PREFIX = "EMULATOR_"
_ZEROS = "0" * 32
_SECRET = {"auth_token", "accounts", "api_keys", "control_token"}
_CLIENTS_ONLY = {"EMULATOR_URL"}
# Variables that Kubernetes adds to every pod when a service is named "emulator".
_KUBERNETES = re.compile(r"EMULATOR_(.+_)?(SERVICE|PORT)_.*")
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")


class SettingsError(Exception):
    """An invalid option; str() is the line to print."""


def _option(default: object, parse: Callable[[str], object], help_: str, shown: str | None = None) -> Any:  # noqa: ANN401
    """A dataclass field with its parser, its help text, and its default as text."""
    metadata = {"parse": parse, "help": help_, "default": str(default) if shown is None else shown}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The validated options of an emulator. Durations in seconds, sizes in bytes."""

    host: str = _option("127.0.0.1", option_types.text, "address to listen on; the container image uses 0.0.0.0")
    port: int = _option(2010, option_types.integer(0, 65535), "HTTP port; 0 selects a free port")
    tls_port: int | None = _option(
        None, option_types.integer(0, 65535), "HTTPS port; 0 selects a free port; unset: no HTTPS", ""
    )
    proxy_port: int | None = _option(
        None,
        option_types.integer(0, 65535),
        "port of an HTTP proxy that routes api.twilio.com to the emulator; 0 selects a free port; unset: no proxy",
        "",
    )
    tls_names: frozenset[str] = _option(
        frozenset(),
        option_types.names,
        "additional host names and IP addresses in certificates, which always have twilio.com, localhost, their "
        "subdomains, and the loopback addresses",
        "",
    )
    tls_dir: str | None = _option(
        None,
        option_types.text,
        "directory in which the certificate authority is stored; unset: a new one at each start",
        "",
    )
    proxy_passthrough: bool = _option(
        default=False,
        parse=option_types.switch,
        help_="let programs on this machine connect through the proxy to hosts other than Twilio's",
        shown="off",
    )
    auth_token: str = _option(
        _ZEROS, option_types.text, "AuthToken of every account, unless accounts is set", "32 zeros"
    )
    accounts: Mapping[str, Account] | None = _option(
        None,
        option_types.accounts,
        "the accounts that exist, as AC…:token[:parent AC…],…; a parent's credentials also work for its subaccounts; "
        "unset: every well-formed AccountSid exists",
        "",
    )
    api_keys: Mapping[str, ApiKey] | None = _option(
        None, option_types.api_keys, "API keys that are accepted as usernames, as SK…:secret:AC…,…", ""
    )
    calls: str = _option(
        "any",
        option_types.one_of(*Unregistered),
        "any: every well-formed CallSid is an active call, unless it was registered with another status; "
        "registered: only registered calls exist",
    )
    content: str = _option(
        "strict",
        option_types.one_of("strict", "lenient"),
        "strict: Content must be JSON of at most 10000 characters; lenient: accept other Content, and add a note to "
        "the message",
    )
    voice_token: str = _option(
        "lenient",
        option_types.one_of("lenient", "strict"),
        "access tokens of Voice SDKs: lenient accepts any text and reads it if it is a JWT; strict requires a valid "
        "JWT with a voice grant and an identity, signed with one of api_keys",
    )
    callback_hosts: frozenset[str] = _option(
        frozenset(),
        option_types.names,
        "host names and IP addresses that callbacks may go to, in addition to loopback and private networks",
        "",
    )
    callback_connect_timeout: int = _option(5, option_types.seconds, "timeout for connecting to a callback URL", "5s")
    callback_read_timeout: int = _option(15, option_types.seconds, "timeout for the response to a callback", "15s")
    callback_timeout: int = _option(15, option_types.seconds, "timeout for a callback including its retries", "15s")
    callback_retries: int = _option(1, option_types.integer(0, 5), "number of retries if a callback cannot connect")
    first_sequence_number: int = _option(
        1,
        option_types.integer(0, 1),
        "SequenceNumber of a call's first callback; Twilio's documentation says 0, its example shows 1",
    )
    deliveries_limit: int = _option(
        10_000, option_types.integer(1, 10**6), "maximum number of stored callback deliveries; the oldest are evicted"
    )
    idempotency_ttl: int = _option(86400, option_types.seconds, "time after which an IdempotencyKey expires", "24h")
    idempotency_limit: int = _option(
        100_000, option_types.integer(1, 10**9), "maximum number of stored IdempotencyKeys"
    )
    idempotency_mismatch: str = _option(
        "replay",
        option_types.one_of(*OnMismatch),
        "response to a known IdempotencyKey with different Content: replay the first response, or reject with 409",
    )
    magic: str = _option("on", option_types.one_of("on", "off"), "whether CallSids that end in fa11… trigger faults")
    retry_window: int = _option(
        120,
        option_types.seconds,
        "maximum time between a failed request and a request that counts as its retry",
        "120s",
    )
    journal_limit: int = _option(
        100_000, option_types.integer(1, 10**9), "maximum number of stored exchanges; the oldest are evicted"
    )
    journal_bytes: int | None = _option(
        None, option_types.size, "maximum memory for stored exchanges; unset: half of memory_limit", ""
    )
    memory_limit: int = _option(
        MEMORY_LIMIT, option_types.size, "maximum memory for all stored data; see docs/limits.md", "512MiB"
    )
    connections_limit: int = _option(
        20_000, option_types.integer(1, 10**6), "maximum number of open connections; further ones wait to be accepted"
    )
    control_token: str | None = _option(
        None, option_types.text, "Bearer token required for /_emulator/; unset: no token", ""
    )
    allowed_hosts: frozenset[str] = _option(
        frozenset(),
        option_types.listing,
        "additional host names that the control API accepts; .example.com includes its subdomains",
        "",
    )
    allowed_origins: frozenset[str] = _option(
        frozenset(),
        option_types.listing,
        "origins of other web pages that may use the control API, for example http://localhost:3000",
        "",
    )
    show_secrets: bool = _option(
        default=False,
        parse=option_types.switch,
        help_="show secret values in the journal and the log",
        shown="off",
    )
    clock: float | None = _option(
        None,
        option_types.timestamp,
        "freeze the clock at this time (ISO 8601 with a time zone); PUT /_emulator/clock changes it",
        "",
    )
    seed: int | None = _option(None, option_types.integer(0, 10**15 - 1), "seed for reproducible identifiers", "")
    log_format: str = _option(
        "text", option_types.one_of("text", "json"), "json: one object per line, and a line for every request"
    )
    log_level: str = _option(
        "info",
        option_types.one_of("debug", "info", "warning", "error"),
        "minimum level of log lines; info includes a line for each rejected request",
    )

    def directory(self) -> Directory:
        """The accounts and API keys that may send requests."""
        return Directory(auth_token=self.auth_token, accounts=self.accounts, api_keys=self.api_keys or {})

    @property
    def strict_tokens(self) -> bool:
        """Whether access tokens are verified."""
        return self.voice_token == "strict"  # noqa: S105  not a secret

    def engine_config(self) -> EngineConfig:
        """Configuration of the engine."""
        return EngineConfig(
            calls=Unregistered(self.calls),
            idempotency_ttl=self.idempotency_ttl,
            idempotency_limit=self.idempotency_limit,
            idempotency_mismatch=OnMismatch(self.idempotency_mismatch),
            journal_limit=self.journal_limit,
            memory_limit=self.memory_limit,
            journal_bytes=self.journal_bytes,
            magic=self.magic == "on",
            retry_window=self.retry_window,
            first_sequence_number=self.first_sequence_number,
            deliveries_limit=self.deliveries_limit,
            connections_limit=self.connections_limit,
        )

    def callback_limits(self) -> CallbackTimeouts:
        """Default timeouts and retries of callbacks; a callback's URL may override them."""
        return CallbackTimeouts(
            connect=self.callback_connect_timeout,
            read=self.callback_read_timeout,
            total=self.callback_timeout,
            retries=self.callback_retries,
        )

    def warnings(self) -> list[str]:
        """Settings that have no effect, or that do not work with every official library."""
        texts = [("auth_token", self.auth_token)]
        unused = ["auth_token has no effect, because accounts is set and each account has its own token"]
        for sid, account in (self.accounts or {}).items():
            texts.append((f"the token of {sid}", account.token))
        texts += [(f"the secret of {sid}", key.secret) for sid, key in (self.api_keys or {}).items()]
        warned = unused if self.accounts is not None and self.auth_token != _ZEROS else []
        if self.strict_tokens and not self.api_keys:
            warned.append("voice_token=strict rejects every access token, because api_keys is not set")
        return warned + [
            f"{what} has characters other than letters and digits: twilio-go rejects it before it sends a request"
            for what, text in texts
            if not re.fullmatch(r"[a-zA-Z0-9]*", text)
        ]


GROUPS: Mapping[str, Mapping[str, str]] = {
    "server": {"host": "HOST", "port": "PORT", "connections_limit": "NUMBER"},
    "TLS and proxy": {
        "tls_port": "PORT",
        "proxy_port": "PORT",
        "tls_names": "NAME,...",
        "tls_dir": "DIRECTORY",
        "proxy_passthrough": "on|off",
    },
    "Twilio behaviour": {
        "auth_token": "TOKEN",
        "accounts": "ACCOUNT,...",
        "api_keys": "KEY,...",
        "calls": "any|registered",
        "content": "strict|lenient",
        "voice_token": "lenient|strict",
        "idempotency_ttl": "DURATION",
        "idempotency_limit": "NUMBER",
        "idempotency_mismatch": "replay|reject",
        "magic": "on|off",
        "clock": "TIME",
        "seed": "NUMBER",
    },
    "callbacks": {
        "callback_hosts": "NAME,...",
        "callback_connect_timeout": "DURATION",
        "callback_read_timeout": "DURATION",
        "callback_timeout": "DURATION",
        "callback_retries": "NUMBER",
        "first_sequence_number": "NUMBER",
        "deliveries_limit": "NUMBER",
    },
    "journal": {
        "retry_window": "DURATION",
        "journal_limit": "NUMBER",
        "journal_bytes": "SIZE",
        "memory_limit": "SIZE",
    },
    "security": {
        "control_token": "TOKEN",
        "allowed_hosts": "NAME,...",
        "allowed_origins": "ORIGIN,...",
        "show_secrets": "on|off",
    },
    "logging": {"log_format": "text|json", "log_level": "debug|info|warning|error"},
}
"""Groups of `serve --help`, and the placeholder of each option's value."""


@dataclass(frozen=True, slots=True)
class Option:
    """Name, help text, default and parser of an option."""

    name: str
    help: str
    default: str
    parse: Callable[[str], object]

    @property
    def metavar(self) -> str:
        """Placeholder of its value in `--help`."""
        return next(metavars[self.name] for metavars in GROUPS.values() if self.name in metavars)

    @property
    def switch(self) -> bool:
        """Whether the flag needs no value and then means on."""
        return self.parse is option_types.switch

    @property
    def secret(self) -> bool:
        """Whether its value is hidden in errors."""
        return self.name in _SECRET

    @property
    def flag(self) -> str:
        """Flag on the command line, for example `--journal-limit`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Environment variable, for example `EMULATOR_JOURNAL_LIMIT`."""
        return PREFIX + self.name.upper()


OPTIONS = tuple(
    Option(f.name, f.metadata["help"], f.metadata["default"], f.metadata["parse"]) for f in fields(Settings)
)


def read_settings(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Read the settings, and collect warnings, for example about ignored variables.

    Args:
        flags: values by option name; None = not set.
        environ: all environment variables.

    Raises:
        SettingsError: an invalid value, or an unknown `EMULATOR_*` variable.
    """
    variables, warnings = _variables(environ)
    read: dict[str, Any] = {}
    for option in OPTIONS:
        flag = flags.get(option.name)
        text, where = (flag, option.flag) if flag else (variables.get(option.variable), option.variable)
        if text:
            try:
                read[option.name] = option.parse(text)
            except ValueError as error:
                shown = "its value" if option.secret else repr(text)
                raise SettingsError(f"{where}: {shown} is not allowed; expected {error}") from None
    settings = Settings(**read)
    for sid, key in (settings.api_keys or {}).items():
        if settings.accounts is not None and key.account_sid not in settings.accounts:
            raise SettingsError(f"api_keys: {sid} belongs to {key.account_sid}, which is not one of accounts")
    if settings.journal_bytes is not None and settings.journal_bytes > settings.memory_limit:
        raise SettingsError(
            f"journal_bytes: {settings.journal_bytes} bytes exceed memory_limit ({settings.memory_limit}); lower it "
            "or raise memory_limit"
        )
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
            f"ignored variables that Kubernetes sets for a service named emulator: {', '.join(sorted(kubernetes))}"
        ]
    return variables, []


def nearest(name: str, known: set[str]) -> str:
    """`; did you mean X?`, or an empty string if no known name is similar."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
