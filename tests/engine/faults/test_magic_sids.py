"""Magic CallSids, which select a fault."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, account

from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.magic_sids import MAGIC_CALLS, MagicCall, MagicSids
from emulator.engine.faults.request_facts import RequestFacts
from emulator.engine.scope import Scope

ONCE = "fa111057"
LOST = InjectedFault(rule="magic-fa111057", action=DropFault(Drop.AFTER))

each_call = pytest.mark.parametrize("call", MAGIC_CALLS, ids=lambda call: call.ending)


def sid(ending: str) -> str:
    return "CA" + "0" * 24 + ending


def choose(
    magic: MagicSids, ending: str = ONCE, identity: str = "k", *, account_sid: str = ACCOUNT
) -> InjectedFault | None:
    return magic.choose(asked(sid(ending), identity, account_sid=account_sid))


def asked(call_sid: str, key: str = "k", *, account_sid: str = ACCOUNT, refused: bool = False) -> RequestFacts:
    return RequestFacts(account_sid, call_sid, "UserDefinedMessages", key, "{}", b"{}", refused)


def test_the_table_is_the_documented_one() -> None:
    assert [call.ending for call in MAGIC_CALLS] == [
        "fa110400",
        "fa110401",
        "fa110404",
        "fa110429",
        "fa110500",
        "fa110503",
        "fa11dead",
        "fa111057",
        "fa115100",
    ]


@each_call
def test_status_in_the_ending_is_returned(call: MagicCall) -> None:
    if isinstance(call.action, ReplyFault):
        assert call.ending == f"fa11{int(call.action.problem.status):04d}"
        assert str(call.action.problem.code) in call.does


@each_call
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title, str.swapcase, lambda text: "fA" + text[2:]])
def test_ending_is_case_insensitive(call: MagicCall, spell: Callable[[str], str]) -> None:
    found = MagicSids(account(), on=True)
    written = spell(call.ending)

    assert found.may_apply(sid(written))
    assert choose(found, written) == InjectedFault(rule=f"magic-{call.ending}", delay=call.delay, action=call.action)


@each_call
def test_switched_off_there_is_none(call: MagicCall) -> None:
    found = MagicSids(account(), on=False)

    assert not found.may_apply(sid(call.ending))
    assert choose(found, call.ending) is None


@pytest.mark.parametrize("ending", ["fa110402", "fa11beef", "fa110000"])
def test_similar_ending_does_nothing(ending: str) -> None:
    found = MagicSids(account(), on=True)

    assert found.may_apply(sid(ending))
    assert choose(found, ending) is None


@pytest.mark.parametrize("call_sid", [CALL, "CA" + "fa110500" + "0" * 24, "", "CA", "fa11"])
def test_other_calls_are_unaffected(call_sid: str) -> None:
    found = MagicSids(account(), on=True)

    assert not found.may_apply(call_sid)
    assert found.choose(asked(call_sid)) is None


def test_refusal_keeps_the_lost_answer() -> None:
    found = MagicSids(account(), on=True)

    assert found.choose(asked(sid(ONCE), refused=True)) is None
    assert found.choose(asked(sid(ONCE))) == LOST


@given(st.lists(st.tuples(st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), st.sampled_from("abc")), max_size=20))
def test_response_is_lost_once_per_key(attempts: list[tuple[str, str]]) -> None:
    found = MagicSids(account(), on=True)
    lost = [choose(found, identity=key, account_sid=account) for account, key in attempts]

    first = [attempt not in attempts[:place] for place, attempt in enumerate(attempts)]
    assert lost == [LOST if is_first else None for is_first in first]


@pytest.mark.parametrize(
    ("scope", "again"),
    [
        pytest.param(Scope(), True, id="everything"),
        pytest.param(Scope(ACCOUNT), True, id="its account"),
        pytest.param(Scope(None, sid(ONCE)), True, id="its call"),
        pytest.param(Scope(OTHER_ACCOUNT), False, id="another account"),
        pytest.param(Scope(ACCOUNT, CALL), False, id="another call"),
    ],
)
def test_reset_repeats_one_time_faults(scope: Scope, *, again: bool) -> None:
    found = MagicSids(account(), on=True)
    choose(found)
    found.reset(scope)

    assert choose(found) == (LOST if again else None)


def test_oldest_record_is_evicted() -> None:
    found = MagicSids(account(magic_sids=2), on=True)

    assert [choose(found, identity=key) for key in "abcac"] == [LOST, LOST, LOST, LOST, None]
