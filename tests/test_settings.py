import pytest
from support.builders import ACCOUNT, API_KEY, OTHER_ACCOUNT

from emulator.engine.config import EngineConfig, OnMismatch, Unregistered
from emulator.settings import OPTIONS, Option, Settings, SettingsError, read_settings
from emulator.wire.connection_overrides import CallbackTimeouts
from emulator.wire.credentials import Account, ApiKey, Directory

# An option, a text that is neither its default nor the second one, and what it means.
CHOICES = [
    ("host", "0.0.0.0", "0.0.0.0", "::1"),
    ("port", "0", 0, "65535"),
    ("tls_port", "0", 0, "2011"),
    ("proxy_port", "0", 0, "2012"),
    ("tls_names", "Emulator.Test., 10.1.2.3,[::0:1]", frozenset({"emulator.test", "10.1.2.3", "::1"}), "x"),
    ("tls_dir", "/tmp/tls", "/tmp/tls", "/tmp/other"),
    ("proxy_passthrough", "on", True, "off"),
    ("auth_token", "secret", "secret", "other"),
    ("accounts", f"{ACCOUNT}:t", {ACCOUNT: Account("t")}, f"{OTHER_ACCOUNT}:t"),
    ("api_keys", f"{API_KEY}:s:{ACCOUNT}", {API_KEY: ApiKey("s", ACCOUNT)}, f"{API_KEY}:x:{ACCOUNT}"),
    ("calls", "registered", "registered", "any"),
    ("content", "lenient", "lenient", "strict"),
    ("voice_token", "strict", "strict", "lenient"),
    ("callback_hosts", "a.example", frozenset({"a.example"}), "b.example"),
    ("callback_connect_timeout", "2s", 2, "3s"),
    ("callback_read_timeout", "2s", 2, "3s"),
    ("callback_timeout", "1m", 60, "3s"),
    ("callback_retries", "3", 3, "0"),
    ("first_sequence_number", "0", 0, "1"),
    ("deliveries_limit", "7", 7, "8"),
    ("idempotency_ttl", "5m", 300, "1s"),
    ("idempotency_limit", "7", 7, "8"),
    ("idempotency_mismatch", "reject", "reject", "replay"),
    ("magic", "off", "off", "on"),
    ("retry_window", "5m", 300, "1s"),
    ("journal_limit", "7", 7, "8"),
    ("journal_bytes", "1KiB", 1024, "2KiB"),
    ("memory_limit", "1MiB", 1024**2, "2MiB"),
    ("connections_limit", "7", 7, "8"),
    ("control_token", "sesame", "sesame", "other"),
    ("allowed_hosts", "a.example", frozenset({"a.example"}), "b.example"),
    ("allowed_origins", "http://a", frozenset({"http://a"}), "http://b"),
    ("show_secrets", "on", True, "off"),
    ("clock", "1970-01-01T00:01:00Z", 60.0, "1970-01-01T00:02:00Z"),
    ("seed", "7", 7, "8"),
    ("log_format", "json", "json", "text"),
    ("log_level", "debug", "debug", "error"),
]
each_choice = pytest.mark.parametrize(
    ("name", "text", "value"), [row[:3] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
each_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


def variable(name: str) -> str:
    return "EMULATOR_" + name.upper()


def read(**given: str) -> Settings:
    """The settings of these flags."""
    return read_settings(given, {})[0]


def mistake(flags: dict[str, str | None], environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(flags, environ)
    return str(caught.value)


def test_every_option_is_tried_here() -> None:
    assert [row[0] for row in CHOICES] == [option.name for option in OPTIONS]


def test_defaults_are_the_documented_ones() -> None:
    chosen, warnings = read_settings({}, {"PATH": "/bin"})

    assert chosen == Settings()
    assert warnings == []
    assert (chosen.host, chosen.port, chosen.auth_token) == ("127.0.0.1", 2010, "0" * 32)
    assert (chosen.accounts, chosen.api_keys) == (None, None)
    assert (chosen.calls, chosen.content, chosen.log_level) == ("any", "strict", "info")
    assert (chosen.idempotency_ttl, chosen.idempotency_limit, chosen.idempotency_mismatch) == (
        86_400,
        100_000,
        "replay",
    )
    assert (chosen.magic, chosen.retry_window) == ("on", 120)
    assert (chosen.callback_hosts, chosen.callback_limits()) == (frozenset(), CallbackTimeouts())
    assert (chosen.first_sequence_number, chosen.deliveries_limit) == (1, 10_000)
    assert (chosen.journal_limit, chosen.journal_bytes, chosen.memory_limit) == (100_000, None, 536_870_912)
    assert (chosen.control_token, chosen.allowed_hosts, chosen.allowed_origins) == (None, frozenset(), frozenset())
    assert (chosen.show_secrets, chosen.clock, chosen.seed, chosen.log_format) == (False, None, None, "text")


@each_choice
def test_a_variable_wins_over_the_default(name: str, text: str, value: object) -> None:
    chosen, _ = read_settings({name: None}, {variable(name): text})

    assert getattr(chosen, name) == value != getattr(Settings(), name)


@pytest.mark.parametrize(("name", "text", "value", "other"), CHOICES, ids=[row[0] for row in CHOICES])
def test_a_flag_wins_over_a_variable(name: str, text: str, value: object, other: str) -> None:
    chosen, _ = read_settings({name: text}, {variable(name): other})

    assert getattr(chosen, name) == value


@each_option
def test_an_empty_variable_counts_as_unset(option: Option) -> None:
    chosen, _ = read_settings({option.name: None}, {option.variable: ""})

    assert chosen == Settings()


@each_choice
def test_an_empty_flag_counts_as_unset_too(name: str, text: str, value: object) -> None:
    chosen, _ = read_settings({name: ""}, {variable(name): text})

    assert getattr(chosen, name) == value


@each_option
def test_shown_default_is_the_real_one(option: Option) -> None:
    words = {"32 zeros": "0" * 32}
    shown = words.get(option.default, option.default)

    assert getattr(read(**{option.name: shown}), option.name) == getattr(Settings(), option.name)


@each_option
def test_options_have_flag_variable_and_help(option: Option) -> None:
    assert option.flag == "--" + option.name.replace("_", "-")
    assert option.variable == variable(option.name)
    assert option.help


BAD = [
    ("port", "abc", "an integer from 0 to 65535"),
    ("port", "65536", "an integer from 0 to 65535"),
    ("port", "-1", "an integer from 0 to 65535"),
    ("tls_port", "65536", "an integer from 0 to 65535"),
    ("proxy_port", "x", "an integer from 0 to 65535"),
    ("tls_names", "a,*.example.com", "host names and IP addresses, separated by commas, without ports or *"),
    ("tls_names", "example.com:443", "host names and IP addresses, separated by commas, without ports or *"),
    ("tls_names", "1.2.3", "host names and IP addresses, separated by commas, without ports or *"),
    ("port", "80 ", "an integer from 0 to 65535"),
    ("port", "8_0", "an integer from 0 to 65535"),
    ("port", "\u0661", "an integer from 0 to 65535"),
    ("port", "9" * 5000, "an integer from 0 to 65535"),
    ("idempotency_limit", "0", "an integer from 1 to 1000000000"),
    ("magic", "true", "one of on, off"),
    ("callback_hosts", "http://a", "host names and IP addresses, separated by commas, without ports or *"),
    ("callback_read_timeout", "0", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("callback_retries", "6", "an integer from 0 to 5"),
    ("first_sequence_number", "2", "an integer from 0 to 1"),
    ("deliveries_limit", "0", "an integer from 1 to 1000000"),
    ("retry_window", "0", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("journal_limit", "1.5", "an integer from 1 to 1000000000"),
    ("idempotency_ttl", "24hours", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("idempotency_ttl", "0", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("idempotency_ttl", "-5", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("idempotency_ttl", "h", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("idempotency_ttl", "1KiB", "a positive integer with an optional unit (s, m, h, d), for example 24h"),
    ("journal_bytes", "0MiB", "a positive integer with an optional unit (KiB, MiB, GiB), for example 256MiB"),
    ("journal_bytes", "1MB", "a positive integer with an optional unit (KiB, MiB, GiB), for example 256MiB"),
    ("journal_bytes", "1d", "a positive integer with an optional unit (KiB, MiB, GiB), for example 256MiB"),
    ("calls", "all", "one of any, registered"),
    ("calls", "ANY", "one of any, registered"),
    ("content", "loose", "one of strict, lenient"),
    ("voice_token", "loose", "one of lenient, strict"),
    ("idempotency_mismatch", "409", "one of replay, reject"),
    ("show_secrets", "maybe", "on or off"),
    ("clock", "noon", "a date and time since 1970 with a time zone, for example 2026-01-02T03:04:05Z"),
    ("clock", "2026-01-02T03:04:05", "a date and time since 1970 with a time zone, for example 2026-01-02T03:04:05Z"),
    ("clock", "1969-12-31T23:59:59Z", "a date and time since 1970 with a time zone, for example 2026-01-02T03:04:05Z"),
    ("seed", "-1", "an integer from 0 to 999999999999999"),
    ("log_format", "JSON", "one of text, json"),
    ("log_level", "INFO", "one of debug, info, warning, error"),
    ("accounts", ACCOUNT, "AC…:token or AC…:token:parent AC…, separated by commas"),
    ("accounts", f"{ACCOUNT}:", "AC…:token or AC…:token:parent AC…, separated by commas"),
    ("accounts", f"{ACCOUNT}:t:", "AC…:token or AC…:token:parent AC…, separated by commas"),
    ("accounts", f"{ACCOUNT}:t:{ACCOUNT}:x", "AC…:token or AC…:token:parent AC…, separated by commas"),
    ("accounts", f"{ACCOUNT}:t,AC123:t", "AC…:token or AC…:token:parent AC…, separated by commas"),
    ("accounts", f"{ACCOUNT}:t:{OTHER_ACCOUNT}", f"parent accounts to be listed too; {OTHER_ACCOUNT} is not"),
    ("api_keys", API_KEY, "SK…:secret:AC…, separated by commas"),
    ("api_keys", f"{API_KEY}:s", "SK…:secret:AC…, separated by commas"),
    ("api_keys", f"{API_KEY}::{ACCOUNT}", "SK…:secret:AC…, separated by commas"),
    ("api_keys", f"{API_KEY}:s:AC123", "SK…:secret:AC…, separated by commas"),
    ("api_keys", f"{ACCOUNT}:s:{ACCOUNT}", "SK…:secret:AC…, separated by commas"),
    ("api_keys", f"{API_KEY}:s:{ACCOUNT}:x", "SK…:secret:AC…, separated by commas"),
]
each_bad_value = pytest.mark.parametrize(
    ("name", "text", "expected"), BAD, ids=[f"{name}={text[:20]!a}" for name, text, _ in BAD]
)


@each_bad_value
def test_bad_variable_is_named(name: str, text: str, expected: str) -> None:
    line = mistake({}, {variable(name): text})

    assert line.startswith(variable(name) + ": ")
    assert line.endswith("expected " + expected)
    assert "\n" not in line


@each_bad_value
def test_a_bad_flag_is_named_as_the_flag(name: str, text: str, expected: str) -> None:
    line = mistake({name: text}, {})

    assert line.startswith("--" + name.replace("_", "-") + ": ")
    assert line.endswith("expected " + expected)


def test_newline_in_a_value_keeps_one_line() -> None:
    assert "\n" not in mistake({"port": "1\n2"}, {})


def test_flag_hides_a_bad_variable() -> None:
    chosen, _ = read_settings({"port": "80"}, {"EMULATOR_PORT": "abc"})

    assert chosen.port == 80


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("2m", 120), ("24h", 86_400), ("7d", 604_800)],
)
def test_durations_have_units(text: str, value: object) -> None:
    assert read(idempotency_ttl=text).idempotency_ttl == value


def test_journal_bytes_above_memory_limit() -> None:
    """It is a usage error."""
    assert mistake({"memory_limit": "1MiB"}, {"EMULATOR_JOURNAL_BYTES": "2MiB"}) == (
        "journal_bytes: 2097152 bytes exceed memory_limit (1048576); lower it or raise memory_limit"
    )
    assert read(memory_limit="1MiB", journal_bytes="1MiB").journal_bytes == 1024**2


@pytest.mark.parametrize(
    ("text", "value"), [("500", 500), ("1KiB", 1024), ("3MiB", 3 * 1024**2), ("2GiB", 2 * 1024**3)]
)
def test_sizes_have_units(text: str, value: object) -> None:
    assert read(memory_limit=text).memory_limit == value


@pytest.mark.parametrize(
    ("text", "value"),
    [(word, True) for word in ("on", "true", "yes", "1", "ON", "True")]
    + [(word, False) for word in ("off", "false", "no", "0", "Off")],
)
def test_switch_values(text: str, *, value: bool) -> None:
    """on, off, true, false, yes, no, 1, 0 in any case."""
    assert read(show_secrets=text).show_secrets is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2019-12-18T20:02:01Z", 1576699321),
        ("2019-12-18T21:02:01.5+01:00", 1576699321.5),
    ],
)
def test_clock_accepts_any_zone(text: str, value: float) -> None:
    assert read(clock=text).clock == value


def test_lists_ignore_blanks_and_slashes() -> None:
    chosen = read(allowed_hosts=" a.example, .b.example ,", allowed_origins="http://localhost:3000/ ,https://c.example")

    assert chosen.allowed_hosts == {"a.example", ".b.example"}
    assert chosen.allowed_origins == {"http://localhost:3000", "https://c.example"}


def test_secret_options_are_hidden() -> None:
    assert {option.name for option in OPTIONS if option.secret} == {
        "auth_token",
        "accounts",
        "api_keys",
        "control_token",
    }


def test_switches_are_the_on_off_options() -> None:
    assert {option.name for option in OPTIONS if option.switch} == {"show_secrets", "proxy_passthrough"}


def test_accounts_are_parsed() -> None:
    accounts = read(accounts=f" {ACCOUNT}:child:{OTHER_ACCOUNT} , {OTHER_ACCOUNT}:parent,").accounts

    assert accounts == {ACCOUNT: Account("child", OTHER_ACCOUNT), OTHER_ACCOUNT: Account("parent")}


def test_api_keys_are_parsed() -> None:
    other_key = "SK" + "1" * 32
    keys = read(api_keys=f"{API_KEY}:s:{ACCOUNT}, {other_key}:x:{OTHER_ACCOUNT}").api_keys

    assert keys == {API_KEY: ApiKey("s", ACCOUNT), other_key: ApiKey("x", OTHER_ACCOUNT)}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("EMULATOR_PROT", "EMULATOR_PORT"),
        ("EMULATOR_JOURNAL_LIMITS", "EMULATOR_JOURNAL_LIMIT"),
        ("EMULATOR_AUTHTOKEN", "EMULATOR_AUTH_TOKEN"),
        ("EMULATOR_port", "EMULATOR_PORT"),
    ],
)
def test_unknown_variable_names_the_nearest(name: str, nearest: str) -> None:
    assert mistake({}, {name: "1"}) == f"unknown variable {name}; did you mean {nearest}?"


def test_unknown_variable_without_a_nearest() -> None:
    """The error suggests nothing."""
    assert mistake({}, {"EMULATOR_" + "X" * 40: "1"}) == "unknown variable EMULATOR_" + "X" * 40


def test_empty_unknown_variable_is_an_error() -> None:
    assert mistake({}, {"EMULATOR_PROT": ""}).startswith("unknown variable EMULATOR_PROT")


@pytest.mark.parametrize("name", ["EMULATOR_URL", "EMULATOR", "MY_EMULATOR_PORT", "emulator_port", "EMULATORPORT"])
def test_other_variables_are_ignored(name: str) -> None:
    assert read_settings({}, {name: "nonsense"}) == (Settings(), [])


KUBERNETES = {
    "EMULATOR_SERVICE_HOST": "10.0.0.1",
    "EMULATOR_SERVICE_PORT": "2010",
    "EMULATOR_SERVICE_PORT_HTTP": "2010",
    "EMULATOR_PORT": "tcp://10.0.0.1:2010",
    "EMULATOR_PORT_2010_TCP": "tcp://10.0.0.1:2010",
    "EMULATOR_PORT_2010_TCP_PROTO": "tcp",
    "EMULATOR_PORT_2010_TCP_PORT": "2010",
    "EMULATOR_PORT_2010_TCP_ADDR": "10.0.0.1",
}


def test_kubernetes_variables_are_ignored() -> None:
    chosen, warnings = read_settings({}, KUBERNETES)

    assert chosen == Settings()
    assert len(warnings) == 1
    assert all(name in warnings[0] for name in KUBERNETES)


def test_options_count_beside_kubernetes() -> None:
    chosen, warnings = read_settings({}, {**KUBERNETES, "EMULATOR_HOST": "0.0.0.0"})

    assert chosen == Settings(host="0.0.0.0")
    assert "EMULATOR_HOST" not in warnings[0]


def test_flag_sets_kubernetes_port() -> None:
    chosen, _ = read_settings({"port": "80"}, KUBERNETES)

    assert chosen.port == 80


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        pytest.param({"auth_token": "twilio_test_auth_token"}, "auth_token", id="token"),
        pytest.param({"accounts": f"{ACCOUNT}:a-b"}, f"the token of {ACCOUNT}", id="account"),
        pytest.param({"api_keys": f"{API_KEY}:ä:{ACCOUNT}"}, f"the secret of {API_KEY}", id="API key"),
        pytest.param({"auth_token": "a\n"}, "auth_token", id="newline"),
    ],
)
def test_secrets_unusable_in_go_warn(given: dict[str, str], subject: str) -> None:
    chosen, warnings = read_settings(given, {})

    assert warnings == [
        f"{subject} has characters other than letters and digits: twilio-go rejects it before it sends a request"
    ]
    assert chosen != Settings()


def test_alphanumeric_secrets_do_not_warn() -> None:
    texts = {"accounts": f"{ACCOUNT}:aZ09", "api_keys": f"{API_KEY}:aZ09:{ACCOUNT}"}

    assert read_settings(texts, {})[1] == []
    assert read_settings({"auth_token": "aZ09"}, {})[1] == []


def test_unused_token_is_warned_of() -> None:
    warnings = read_settings({"accounts": f"{ACCOUNT}:a", "auth_token": "b"}, {})[1]

    assert warnings == ["auth_token has no effect, because accounts is set and each account has its own token"]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"accounts": " , "}, id="no account"),
        pytest.param({"accounts": f"{ACCOUNT}:a,{ACCOUNT}:b"}, id="an account twice"),
        pytest.param({"accounts": f"{ACCOUNT}:a:{ACCOUNT}"}, id="its own parent"),
        pytest.param({"auth_token": "\udcff"}, id="not UTF-8"),
        pytest.param({"accounts": "AC" + "1" * 32 + ":a", "api_keys": f"{API_KEY}:b:{ACCOUNT}"}, id="a foreign key"),
    ],
)
def test_invalid_accounts_are_rejected(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_settings(given, {})


def test_directory_has_accounts_and_keys() -> None:
    accounts, keys = {ACCOUNT: Account("t")}, {API_KEY: ApiKey("s", ACCOUNT)}
    chosen = Settings(auth_token="x", accounts=accounts, api_keys=keys)

    assert chosen.directory() == Directory(auth_token="x", accounts=accounts, api_keys=keys)
    assert Settings().directory() == Directory(auth_token="0" * 32)


def test_engine_config_has_the_options() -> None:
    chosen = Settings(
        calls="registered",
        idempotency_ttl=1,
        idempotency_limit=2,
        idempotency_mismatch="reject",
        journal_limit=3,
        journal_bytes=4,
    )

    assert chosen.engine_config() == EngineConfig(
        calls=Unregistered.REGISTERED,
        idempotency_ttl=1,
        idempotency_limit=2,
        idempotency_mismatch=OnMismatch.REJECT,
        journal_limit=3,
        journal_bytes=4,
    )
    assert Settings().engine_config() == EngineConfig()


def test_strict_tokens_without_keys_warn() -> None:
    _, warnings = read_settings({"voice_token": "strict"}, {})
    _, none = read_settings({"voice_token": "strict", "api_keys": f"{API_KEY}:s:{ACCOUNT}"}, {})

    assert warnings == ["voice_token=strict rejects every access token, because api_keys is not set"]
    assert none == []
