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
    """A dataclass field with the parser of its text, its help, and its default as text."""
    metadata = {"parse": parse, "help": help_, "default": str(default) if shown is None else shown}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The validated options of an emulator. Durations in seconds, sizes in bytes."""

    host: str = _option("127.0.0.1", option_types.text, "address to listen on; the image sets 0.0.0.0")
    port: int = _option(2010, option_types.integer(0, 65535), "port for http, 0 = any free port")
    tls_port: int | None = _option(
        None, option_types.integer(0, 65535), "port for https, 0 = any free port; unset = no https", ""
    )
    proxy_port: int | None = _option(
        None,
        option_types.integer(0, 65535),
        "port of an HTTP proxy that routes api.twilio.com to the emulator, 0 = any free port; unset = no proxy",
        "",
    )
    tls_names: frozenset[str] = _option(
        frozenset(),
        option_types.names,
        "extra names and addresses in certificates, after twilio.com, localhost, their subdomains, and loopback",
        "",
    )
    tls_dir: str | None = _option(
        None,
        option_types.text,
        "directory that keeps the certificate authority; unset = a new authority at each start",
        "",
    )
    proxy_passthrough: bool = _option(
        default=False,
        parse=option_types.switch,
        help_="let the proxy connect programs on this machine to hosts other than Twilio's",
        shown="off",
    )
    auth_token: str = _option(
        _ZEROS, option_types.text, "AuthToken of every account while accounts is unset", "32 zeros"
    )
    accounts: Mapping[str, Account] | None = _option(
        None,
        option_types.accounts,
        "AC…:token[:parent AC…],… = only these exist, and a parent's credentials work on its subaccount; "
        "unset = every well-formed AccountSid exists",
        "",
    )
    api_keys: Mapping[str, ApiKey] | None = _option(
        None, option_types.api_keys, "SK…:secret:AC…,… = API keys that work as usernames", ""
    )
    calls: str = _option(
        "any",
        option_types.one_of(*Unregistered),
        "any = every well-formed CallSid is an active call unless it was registered with another status; "
        "registered = only registered calls exist",
    )
    content: str = _option(
        "strict",
        option_types.one_of("strict", "lenient"),
        "strict = Content must be JSON of at most 10000 characters; lenient = accept and only note it",
    )
    voice_token: str = _option(
        "lenient",
        option_types.one_of("lenient", "strict"),
        "access tokens of Voice SDKs: lenient = any text, read if it is a JWT; strict = signed with one of api_keys, "
        "in force, with a voice grant and an identity",
    )
    callback_hosts: frozenset[str] = _option(
        frozenset(),
        option_types.names,
        "names and addresses that callbacks may go to, in addition to loopback and private networks",
        "",
    )
    callback_connect_timeout: int = _option(5, option_types.seconds, "timeout for connecting to a callback URL", "5s")
    callback_read_timeout: int = _option(15, option_types.seconds, "timeout for the response to a callback", "15s")
    callback_timeout: int = _option(15, option_types.seconds, "timeout for a callback with all its retries", "15s")
    callback_retries: int = _option(
        1, option_types.integer(0, 5), "number of retries of a callback that could not connect"
    )
    first_sequence_number: int = _option(
        1,
        option_types.integer(0, 1),
        "SequenceNumber of a call's first callback; Twilio's text says 0, its sample shows 1",
    )
    deliveries_limit: int = _option(
        10_000, option_types.integer(1, 10**6), "maximum number of stored callback deliveries; the oldest are evicted"
    )
    idempotency_ttl: int = _option(86400, option_types.seconds, "time after which an IdempotencyKey expires", "24h")
    idempotency_limit: int = _option(100_000, option_types.integer(1, 10**9), "maximum number of stored keys")
    idempotency_mismatch: str = _option(
        "replay",
        option_types.one_of(*OnMismatch),
        "response to other Content under a known key: replay the first response, or reject with 409",
    )
    magic: str = _option("on", option_types.one_of("on", "off"), "whether CallSids that end in fa11… cause a fault")
    retry_window: int = _option(
        120, option_types.seconds, "time within which a request counts as the retry of a failed one", "120s"
    )
    journal_limit: int = _option(
        100_000, option_types.integer(1, 10**9), "maximum number of stored exchanges; the oldest are evicted"
    )
    journal_bytes: int | None = _option(
        None, option_types.size, "maximum memory of stored exchanges; unset = half of memory_limit", ""
    )
    memory_limit: int = _option(
        MEMORY_LIMIT, option_types.size, "maximum memory of everything that is stored; see docs/limits.md", "512MiB"
    )
    connections_limit: int = _option(
        20_000, option_types.integer(1, 10**6), "maximum number of open connections; more wait to be accepted"
    )
    control_token: str | None = _option(
        None, option_types.text, "Bearer token that /_emulator/ requires; unset = none", ""
    )
    allowed_hosts: frozenset[str] = _option(
        frozenset(),
        option_types.listing,
        "extra host names that the control surface accepts; .example.com accepts its subdomains",
        "",
    )
    allowed_origins: frozenset[str] = _option(
        frozenset(),
        option_types.listing,
        "origins of other pages that may use the control surface, for example http://localhost:3000",
        "",
    )
    show_secrets: bool = _option(
        default=False,
        parse=option_types.switch,
        help_="show the values of secrets in the journal and the log",
        shown="off",
    )
    clock: float | None = _option(
        None,
        option_types.timestamp,
        "freeze the clock at this time (ISO 8601 with a zone); PUT /_emulator/clock changes it",
        "",
    )
    seed: int | None = _option(
        None, option_types.integer(0, 10**15 - 1), "seed of a reproducible sequence of identifiers", ""
    )
    log_format: str = _option(
        "text", option_types.one_of("text", "json"), "json = one object per line, and a line per request"
    )
    log_level: str = _option(
        "info", option_types.one_of("debug", "info", "warning", "error"), "info = one line per refused request"
    )

    def directory(self) -> Directory:
        """The accounts and API keys that may send requests."""
        return Directory(auth_token=self.auth_token, accounts=self.accounts, api_keys=self.api_keys or {})

    @property
    def strict_tokens(self) -> bool:
        """Whether access tokens are verified."""
        return self.voice_token == "strict"  # noqa: S105  not a secret

    def policy(self) -> EngineConfig:
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
        unused = ["auth_token is not used, because accounts have tokens of their own"]
        for sid, account in (self.accounts or {}).items():
            texts.append((f"the token of {sid}", account.token))
        texts += [(f"the secret of {sid}", key.secret) for sid, key in (self.api_keys or {}).items()]
        warned = unused if self.accounts is not None and self.auth_token != _ZEROS else []
        if self.strict_tokens and not self.api_keys:
            warned.append("voice_token=strict refuses every access token, because there are no api_keys")
        return warned + [
            f"{what} is not only letters and digits: twilio-go refuses it before any request is sent"
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
    "storage": {
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
            raise SettingsError(f"api_keys: {sid} acts for {key.account_sid}, which is not among the accounts")
    if settings.journal_bytes is not None and settings.journal_bytes > settings.memory_limit:
        raise SettingsError(
            f"journal_bytes: {settings.journal_bytes} bytes are more than memory_limit allows for all that is kept "
            f"({settings.memory_limit}); lower it or raise memory_limit"
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
            f"ignored what Kubernetes sets for a service called emulator: {', '.join(sorted(kubernetes))}"
        ]
    return variables, []


def nearest(name: str, known: set[str]) -> str:
    """`; did you mean X?`, or an empty string if no known name is similar."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
