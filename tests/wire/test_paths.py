import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, path

from emulator.wire import paths

SUBSCRIPTIONS = "UserDefinedMessageSubscriptions"
DIGITS = st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)


@pytest.mark.parametrize("suffix", ["", ".json", ".xml"])
@given(account=DIGITS, call=DIGITS)
def test_path_has_account_call_and_resource(suffix: str, account: str, call: str) -> None:
    target = paths.parse(path(f"AC{account}", f"CA{call}", "UserDefinedMessages" + suffix))

    assert target == (f"AC{account}", f"CA{call}", "UserDefinedMessages", None)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param("", id="nothing"),
        pytest.param("/", id="the root"),
        pytest.param("/2010-04-01", id="the version alone"),
        pytest.param("/2010-04-01/Accounts.json", id="accounts"),
        pytest.param(f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json", id="the call itself"),
        pytest.param(path(resource=""), id="no resource"),
        pytest.param(path(resource=".json"), id="a suffix alone"),
        pytest.param(path(resource="UserDefinedMessages.csv"), id="another suffix"),
        pytest.param(path(resource="UserDefinedMessages.JSON"), id="the suffix in upper case"),
        pytest.param(path(resource="UserDefinedMessages.json.json"), id="two suffixes"),
        pytest.param(path(resource="UserDefinedMessages.json/"), id="a slash behind"),
        pytest.param(path(resource="UserDefinedMessages.json\n"), id="a newline behind"),
        pytest.param(path(resource="UserDefinedMessages.json?a=b"), id="a query"),
        pytest.param(path(resource="UserDefinedMessages/KX1.json"), id="a resource below"),
        pytest.param(path(resource=f"{SUBSCRIPTIONS}/ZY1.json"), id="a short subscription"),
        pytest.param(path(resource=f"{SUBSCRIPTIONS}/ZY{'0' * 33}.json"), id="a long subscription"),
        pytest.param(path(resource=f"{SUBSCRIPTIONS}/ZY{'g' * 32}.json"), id="a subscription that is not hex"),
        pytest.param(path(resource=f"{SUBSCRIPTIONS}/zy{'0' * 32}.json"), id="a subscription in lower case"),
        pytest.param(path(resource=f"{SUBSCRIPTIONS}/KX{'0' * 32}.json"), id="a message for a subscription"),
        pytest.param(path(resource="User%44efinedMessages.json"), id="an escape in the resource"),
        pytest.param("/" + path(), id="a slash before"),
        pytest.param(path().replace("2010-04-01", "2010-04-02"), id="another version"),
        pytest.param(path().replace("Accounts", "accounts"), id="accounts in lower case"),
        pytest.param(path().replace("Calls", "calls"), id="calls in lower case"),
        pytest.param(path().replace("Calls", "Call%73"), id="an escape in the template"),
        pytest.param(path().replace("/Calls", "//Calls"), id="a slash doubled"),
        pytest.param(path(account_sid=""), id="no account"),
        pytest.param(path(account_sid="AC123"), id="a short account"),
        pytest.param(path(account_sid="SK" + "a" * 32), id="an API key for an account"),
        pytest.param(path(account_sid=ACCOUNT[:-1] + "%61"), id="an escape in the account"),
        pytest.param(path(account_sid=ACCOUNT + "a"), id="a long account"),
        pytest.param(path(call_sid=""), id="no call"),
        pytest.param(path(call_sid="CA123"), id="a short call"),
        pytest.param(path(call_sid="ca" + "d" * 32), id="a call in lower case"),
        pytest.param(path(call_sid=ACCOUNT), id="an account for a call"),
        pytest.param(path(call_sid=CALL[:-1] + "g"), id="a call that is not hex"),
        pytest.param(path(call_sid=CALL[:-1] + "\u0661"), id="a digit beyond ASCII"),
    ],
)
def test_any_difference_is_no_match(of: str) -> None:
    assert paths.parse(of) is None


@given(st.text() | st.lists(st.sampled_from(["/", "2010-04-01", "Accounts", ACCOUNT, CALL, ".json"])).map("".join))
def test_other_text_does_not_match(of: str) -> None:
    assert paths.parse(of) is None


@pytest.mark.parametrize(
    ("of", "owners"),
    [
        pytest.param(path(), (ACCOUNT, CALL), id="the template"),
        pytest.param(path(resource="Nonsense/x"), (ACCOUNT, CALL), id="an unknown resource"),
        pytest.param(path(account_sid="a", call_sid="CA123"), ("a", "CA123"), id="malformed ones as raw text"),
        pytest.param(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", (ACCOUNT, None), id="no call"),
        pytest.param(path(call_sid=""), (ACCOUNT, None), id="an empty call"),
        pytest.param(path(account_sid=""), (None, None), id="an empty account"),
        pytest.param("/2010-04-01/Nonsense.json", (None, None), id="neither"),
        pytest.param("/x" + path(), (None, None), id="another surface"),
        pytest.param("", (None, None), id="nothing"),
    ],
)
def test_unknown_path_still_has_owners(of: str, owners: tuple[str | None, str | None]) -> None:
    assert paths.owners(of) == owners


@pytest.mark.parametrize("suffix", [".json", ".xml"])
@pytest.mark.parametrize(
    ("of", "owners"),
    [
        pytest.param(f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}", (ACCOUNT, CALL), id="the call itself"),
        pytest.param(f"/2010-04-01/Accounts/{ACCOUNT}", (ACCOUNT, None), id="the account itself"),
    ],
)
def test_suffix_is_not_part_of_a_sid(of: str, owners: tuple[str | None, str | None], suffix: str) -> None:
    assert paths.owners(of + suffix) == owners


@given(st.text())
def test_any_text_has_owners_or_none(of: str) -> None:
    account_sid, call_sid = paths.owners("/2010-04-01/Accounts/" + of)

    assert (account_sid or "") in of
    assert (call_sid or "") in of
