"""Tokens as the official library writes them, and everything that is wrong with others."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, API_KEY, OTHER_ACCOUNT
from twilio.jwt.access_token import AccessToken as Official
from twilio.jwt.access_token.grants import ChatGrant, VoiceGrant

from emulator.wire.access_tokens import AccessToken, TokenError, read, verify
from emulator.wire.credentials import ApiKey

SECRET = "a secret that is long enough for HS256"
KEYS = {API_KEY: ApiKey(secret=SECRET, account_sid=ACCOUNT)}
APPLICATION = "AP" + "1" * 32
NOW = 1_700_000_000.0


def official(identity: str | None = "alice", *, voice: bool = True, ttl: int = 3600) -> str:
    token = Official(ACCOUNT, API_KEY, SECRET, identity=identity, ttl=ttl)
    token.add_grant(
        VoiceGrant(outgoing_application_sid=APPLICATION, incoming_allow=True) if voice else ChatGrant(service_sid="IS1")
    )
    return str(token.to_jwt())


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(secret: str = SECRET, alg: str = "HS256", grants: object = None, **claims: object) -> str:
    usual = {"iss": API_KEY, "sub": ACCOUNT, "exp": NOW + 60}
    usual["grants"] = {"identity": "alice", "voice": {}} if grants is None else grants
    text = part({"alg": alg, "typ": "JWT"}) + "." + part({**usual, **claims})
    return f"{text}.{part(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def test_library_token_is_read() -> None:
    before = int(time.time())
    access = read(official())

    assert access is not None
    assert access.expires_at is not None
    assert access.expires_at >= before + 3600
    assert (access.identity, access.account_sid, access.api_key) == ("alice", ACCOUNT, API_KEY)
    assert access.voice


def test_library_token_is_valid() -> None:
    assert verify(official(), KEYS, time.time()).identity == "alice"


def test_empty_token_is_read() -> None:
    assert read(f"{part({})}.{part({'sub': 'x', 'exp': True, 'grants': [], 'iss': 5})}.") == AccessToken(
        identity=None,
        account_sid=None,
        api_key=None,
        expires_at=None,
        not_before=None,
        issued_at=None,
        voice=False,
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("foo", id="a name"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.b.c", id="no Base64"),
        pytest.param("é.é.é", id="not ASCII"),
        pytest.param(f"{part([])}.{part({})}.", id="a list for a head"),
        pytest.param(f"{part({})}.{part([])}.", id="a list for claims"),
        pytest.param(f"{part({})}.{part(b'{')}.", id="no JSON"),
        pytest.param(f"{part({})}.{part(bytes([255]))}.", id="no UTF-8"),
    ],
)
def test_text_that_is_not_a_jwt(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param("foo", 31204, id="no JWT"),
        pytest.param(signed(alg="none"), 31204, id="another algorithm"),
        pytest.param(signed(iss="SK" + "9" * 32), 31204, id="an unknown key"),
        pytest.param(signed(iss=None), 31204, id="no key"),
        pytest.param(signed("another secret"), 31202, id="another secret"),
        pytest.param(signed()[:-4], 31202, id="a cut signature"),
        pytest.param(signed().rpartition(".")[0] + ".é", 31202, id="a signature that is none"),
        pytest.param(signed(sub=OTHER_ACCOUNT), 31203, id="another account"),
        pytest.param(signed(exp=NOW), 31205, id="expired"),
        pytest.param(signed(exp=None), 31205, id="without an end"),
        pytest.param(signed(iat=NOW, exp=NOW + 24 * 3600 + 1), 31207, id="too long"),
        pytest.param(signed(nbf=NOW, exp=NOW + 24 * 3600 + 1), 31207, id="too long from its beginning"),
        pytest.param(signed(exp=NOW + 24 * 3600 + 1), 31207, id="too long from now"),
        pytest.param(signed(iat=NOW + 9, exp=NOW + 24 * 3600 + 1), 31207, id="too long though issued later"),
        pytest.param(signed(nbf=NOW + 1), 31204, id="not yet in force"),
        pytest.param(signed(nbf=10**400), 31204, id="never in force"),
        pytest.param(signed(exp=10**400), 31207, id="without an end that a float holds"),
        pytest.param(signed(exp=-(10**400)), 31205, id="expired before all time"),
        pytest.param(signed(iat=-(10**400)), 31207, id="issued before all time"),
        pytest.param(signed(grants={"identity": "alice"}), 31201, id="no voice grant"),
        pytest.param(signed(grants={"voice": {}}), 31201, id="no identity"),
    ],
)
def test_invalid_token_has_a_code(token: str, code: int) -> None:
    with pytest.raises(TokenError) as caught:
        verify(token, KEYS, NOW)

    assert caught.value.failure.code == code
    assert str(caught.value)


@pytest.mark.parametrize("times", [{}, {"iat": NOW}, {"nbf": NOW - 5, "iat": NOW}, {"nbf": NOW}, {"iat": NOW + 1}])
def test_valid_token_is_accepted(times: dict[str, float]) -> None:
    assert verify(signed(**times), KEYS, NOW).identity == "alice"


def test_token_without_grant_is_rejected() -> None:
    with pytest.raises(TokenError, match="voice grant"):
        verify(official(voice=False), KEYS, time.time())


@pytest.mark.parametrize("digits", ["1" * 400, "-" + "1" * 400, "1" * 5000])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_of_any_length_is_read(name: str, digits: str) -> None:
    claims = part(b'{"%b": %b}' % (name.encode(), digits.encode()))
    access = read(f"{part({})}.{claims}.")

    assert access is not None
    times = {"exp": access.expires_at, "nbf": access.not_before, "iat": access.issued_at}
    assert times[name] == (-253_402_300_800 if digits.startswith("-") else 253_402_300_800)


@given(st.text() | st.lists(st.text() | st.builds(part, st.binary())).map(".".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(text)
    with pytest.raises(TokenError):
        verify(text, KEYS, NOW)
