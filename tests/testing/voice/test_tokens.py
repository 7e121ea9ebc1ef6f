"""Tokens for end users, read and verified by the emulator and by the library that Twilio's is made with."""

import jwt

from emulator.testing.voice.tokens import LIFE, voice_token
from emulator.wire import access_tokens
from emulator.wire.credentials import ApiKey

AC, SK, SECRET = "AC" + "a" * 32, "SK" + "b" * 32, "s" * 32


def test_a_signed_token_is_genuine() -> None:
    token = voice_token("bob", AC, (SK, SECRET), 1000.5)

    access = access_tokens.verify(token, {SK: ApiKey(SECRET, AC)}, 1000.0)

    assert (access.identity, access.account_sid, access.expires_at) == ("bob", AC, 1000 + LIFE)
    assert (
        jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})["sub"] == AC
    )


def test_unsigned_token_has_the_identity() -> None:
    named, nobodys = (access_tokens.read(voice_token("zoë", account, None, 0)) for account in (AC, None))

    assert named is not None
    assert (named.identity, named.account_sid, named.voice) == ("zoë", AC, True)
    assert nobodys is not None
    assert nobodys.account_sid is None
