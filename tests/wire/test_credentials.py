import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, API_KEY, OTHER_ACCOUNT, TOKEN, basic

from emulator.wire import errors
from emulator.wire.credentials import Account, ApiKey, Basic, Directory, read_basic
from emulator.wire.errors import TwilioError

PARENT, CHILD, STRANGER = ("AC" + digit * 32 for digit in "123")
ANYBODY = Directory(auth_token=TOKEN, api_keys={API_KEY: ApiKey(secret="key's", account_sid=OTHER_ACCOUNT)})
FAMILY = Directory(
    auth_token=TOKEN,
    accounts={PARENT: Account("parent's"), CHILD: Account("child's", PARENT), STRANGER: Account("stranger's")},
    api_keys={API_KEY: ApiKey(secret="key's", account_sid=PARENT)},
)


def refusal(directory: Directory, authorization: bytes | None) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        directory.caller(authorization)
    return caught.value


@given(st.binary() | st.binary().map(lambda rest: b"Basic " + rest))
def test_reading_credentials_never_fails(authorization: bytes) -> None:
    read = read_basic(authorization)

    assert read is None or isinstance(read, Basic)


@given(st.binary().map(base64.b64encode))
def test_reading_any_base64_never_fails(encoded: bytes) -> None:
    read = read_basic(b"Basic " + encoded)

    assert read is None or ":".join(read).encode() == base64.b64decode(encoded)


@given(st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])), st.text())
def test_credentials_round_trip(username: str, secret: str) -> None:
    assert read_basic(basic(username, secret)) == (username, secret)


def test_secret_may_contain_colons() -> None:
    assert read_basic(basic("user", "a:b:")) == Basic("user", "a:b:")


@pytest.mark.parametrize("scheme", [b"Basic ", b"basic ", b"BASIC ", b"Basic   "])
def test_scheme_is_case_insensitive(scheme: bytes) -> None:
    assert read_basic(scheme + base64.b64encode(b"u:s")) == Basic("u", "s")


NO_CREDENTIALS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"Basic", id="the scheme alone"),
    pytest.param(b"Basic ", id="nothing encoded"),
    pytest.param(b"Bearer " + base64.b64encode(b"u:s"), id="another scheme"),
    pytest.param(b"Basic" + base64.b64encode(b"u:s"), id="no space"),
    pytest.param(b"Basic " + base64.b64encode(b"us"), id="no colon"),
    pytest.param(b"Basic u:s", id="not encoded"),
    pytest.param(b"Basic dTpz!", id="not the alphabet"),
    pytest.param(b"Basic dT pz", id="a space inside"),
    pytest.param(b"Basic dTpzeA", id="no padding"),
    pytest.param(b"Basic dTpzeA=", id="half the padding"),
    pytest.param(b"Basic " + base64.b64encode(b"\xff:\xff"), id="not UTF-8"),
    pytest.param(b"\xff\x00", id="bytes"),
]


@pytest.mark.parametrize("authorization", [None, *NO_CREDENTIALS])
def test_unreadable_credentials_are_none(authorization: bytes | None) -> None:
    assert refusal(ANYBODY, authorization).problem is errors.CREDENTIALS_MISSING


@pytest.mark.parametrize("account_sid", [ACCOUNT, OTHER_ACCOUNT, "AC" + "Ff" * 16])
def test_all_accounts_exist_by_default(account_sid: str) -> None:
    assert ANYBODY.caller(basic(account_sid)) == account_sid


@pytest.mark.parametrize(
    ("directory", "username"),
    [
        pytest.param(ANYBODY, "", id="nobody"),
        pytest.param(ANYBODY, "AC123", id="malformed"),
        pytest.param(ANYBODY, " " + ACCOUNT, id="a stray space"),
        pytest.param(ANYBODY, "SK" + "0" * 32, id="an API key that nobody made"),
        pytest.param(ANYBODY, "CA" + "a" * 32, id="no account's SID"),
        pytest.param(FAMILY, ACCOUNT, id="an account that is not listed"),
    ],
)
def test_unknown_username_is_refused(directory: Directory, username: str) -> None:
    error = refusal(directory, basic(username))

    assert error.problem is errors.USERNAME_UNKNOWN
    assert repr(username) in (error.reason or "")


@pytest.mark.parametrize(
    ("directory", "username"),
    [
        pytest.param(ANYBODY, ACCOUNT, id="any account"),
        pytest.param(ANYBODY, API_KEY, id="an API key"),
        pytest.param(FAMILY, PARENT, id="a listed account"),
    ],
)
@pytest.mark.parametrize("secret", ["", "wrong", "0" * 31, "0" * 33, "child's", "tökén"])
def test_wrong_token_is_never_logged(directory: Directory, username: str, secret: str) -> None:
    error = refusal(directory, basic(username, secret))

    assert error.problem is errors.TOKEN_WRONG
    assert error.reason == f"wrong token for {username}"


def test_token_may_contain_any_character() -> None:
    directory = Directory(auth_token="tökén ✓")

    assert directory.caller(basic(ACCOUNT, "tökén ✓")) == ACCOUNT


def test_configured_accounts_have_own_tokens() -> None:
    assert FAMILY.caller(basic(CHILD, "child's")) == CHILD
    assert refusal(FAMILY, basic(CHILD, TOKEN)).problem is errors.TOKEN_WRONG


@pytest.mark.parametrize(("directory", "account_sid"), [(ANYBODY, OTHER_ACCOUNT), (FAMILY, PARENT)])
def test_an_api_key_acts_for_its_account(directory: Directory, account_sid: str) -> None:
    assert directory.caller(basic(API_KEY, "key's")) == account_sid


@pytest.mark.parametrize(
    ("directory", "caller", "account_sid", "may"),
    [
        pytest.param(ANYBODY, ACCOUNT, ACCOUNT, True, id="its own"),
        pytest.param(ANYBODY, ACCOUNT, OTHER_ACCOUNT, False, id="another's"),
        pytest.param(FAMILY, PARENT, PARENT, True, id="its own, listed"),
        pytest.param(FAMILY, PARENT, CHILD, True, id="a parent on its subaccount"),
        pytest.param(FAMILY, CHILD, PARENT, False, id="a subaccount on its parent"),
        pytest.param(FAMILY, STRANGER, CHILD, False, id="a stranger on a subaccount"),
        pytest.param(FAMILY, PARENT, STRANGER, False, id="a parent on a stranger"),
        pytest.param(FAMILY, PARENT, ACCOUNT, False, id="one that does not exist"),
    ],
)
def test_parent_account_may_use_subaccount(directory: Directory, caller: str, account_sid: str, *, may: bool) -> None:
    assert directory.may_use(caller, account_sid) is may


def test_callback_token_is_the_accounts() -> None:
    own = Directory(auth_token="everybody's", accounts={ACCOUNT: Account("its own")})

    assert own.token(ACCOUNT) == "its own"
    assert ANYBODY.token(OTHER_ACCOUNT) == TOKEN
