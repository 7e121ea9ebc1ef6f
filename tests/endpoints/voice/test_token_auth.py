from base64 import urlsafe_b64encode

import pytest
from support.builders import ACCOUNT, API_KEY
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from emulator.endpoints.voice.token_auth import MAX_IDENTITY, NOBODY, TokenAuthenticator, User
from emulator.wire.access_tokens import TokenError
from emulator.wire.credentials import ApiKey

SECRET = "a secret that is long enough for HS256"
BEGIN = 1_800_000_000.0


def authenticator(*, strict: bool, now: float = BEGIN) -> TokenAuthenticator:
    keys = {API_KEY: ApiKey(secret=SECRET, account_sid=ACCOUNT)}
    return TokenAuthenticator(strict=strict, api_keys=keys, now=lambda: now)


def token(identity: str | None = "alice", secret: str = SECRET) -> str:
    made = AccessToken(ACCOUNT, API_KEY, secret, identity=identity, valid_until=BEGIN + 60, nbf=BEGIN)
    made.add_grant(VoiceGrant(incoming_allow=True))
    return str(made.to_jwt())


@pytest.mark.parametrize("strict", [True, False])
def test_valid_token_has_who_and_lifetime(strict: bool) -> None:  # noqa: FBT001  a table of two
    assert authenticator(strict=strict).authenticate(token()) == User("alice", ACCOUNT, 60)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        pytest.param(token(secret="another secret that is long enough"), User("alice", ACCOUNT, 60), id="forged"),
        pytest.param(token(None), User(NOBODY, ACCOUNT, 60), id="without identity"),
        pytest.param("bob", User("bob", None, 3600), id="a name"),
        pytest.param("", User(NOBODY, None, 3600), id="nothing"),
        pytest.param("e30.e30.", User(NOBODY, None, 3600), id="a token that says nothing"),
    ],
)
def test_lenient_mode_accepts_any_token(text: str, user: User) -> None:
    assert authenticator(strict=False).authenticate(text) == user


@pytest.mark.parametrize("digits", [400, 5000])
def test_lenient_mode_accepts_any_time(digits: int) -> None:
    claims = urlsafe_b64encode(b'{"exp": %b, "grants": {"identity": "alice"}}' % (b"9" * digits)).decode()

    assert authenticator(strict=False).authenticate(f"e30.{claims}.").identity == "alice"


@pytest.mark.parametrize("beginning", ["b" * MAX_IDENTITY, "\ud800" * MAX_IDENTITY])
def test_long_identities_stay_distinct(beginning: str, caplog: pytest.LogCaptureFixture) -> None:
    one, other = (authenticator(strict=False).authenticate(beginning + end).identity for end in "12")

    assert one != other
    assert len(one) == len(other) == MAX_IDENTITY
    assert one[:100] == other[:100] == beginning[:100]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert authenticator(strict=False).authenticate(beginning).identity == beginning


def test_strict_mode_rejects_long_identities() -> None:
    assert authenticator(strict=True).authenticate(token("b" * MAX_IDENTITY)).identity == "b" * MAX_IDENTITY

    with pytest.raises(TokenError, match="longer than 121") as caught:
        authenticator(strict=True).authenticate(token("b" * (MAX_IDENTITY + 1)))
    assert caught.value.failure.code == 31201


def test_expired_token_is_invalid() -> None:
    assert authenticator(strict=False, now=BEGIN + 90).authenticate(token()).ttl == 0

    with pytest.raises(TokenError, match="expired"):
        authenticator(strict=True, now=BEGIN + 90).authenticate(token())


@pytest.mark.parametrize(("strict", "text", "code"), [(True, "bob", 31204), (True, None, 31102), (False, None, 31102)])
def test_strict_mode_rejects_invalid_tokens(strict: bool, text: str | None, code: int) -> None:  # noqa: FBT001
    with pytest.raises(TokenError) as caught:
        authenticator(strict=strict).authenticate(text)

    assert caught.value.failure.code == code
