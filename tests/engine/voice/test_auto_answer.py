import pytest
from support.builders import ACCOUNT, account

from emulator.engine.capacity import CapacityError
from emulator.engine.scope import Scope
from emulator.engine.voice.auto_answer import AutoAnswer, AutoAnswers, Reaction

BUSY = AutoAnswer(Reaction.BUSY)
REJECT = AutoAnswer(Reaction.REJECT)


def test_a_call_is_answered_at_once_unless_something_was_set() -> None:
    assert AutoAnswers(account()).for_call("bob", "alice") == AutoAnswer(Reaction.ANSWER, 0)


def test_the_called_comes_before_the_caller() -> None:
    known = AutoAnswers(account())
    known.put("alice", BUSY)
    assert known.for_call("bob", "alice") == BUSY

    known.put("bob", REJECT)

    assert known.for_call("bob", "alice") == REJECT
    assert list(known.items()) == [("alice", BUSY), ("bob", REJECT)]


def test_what_was_set_can_be_taken_back() -> None:
    known = AutoAnswers(account())
    known.put("alice", BUSY)
    known.put("bob", BUSY)

    assert (known.remove("alice"), known.remove("alice")) == (BUSY, None)
    assert (known.reset(Scope(ACCOUNT)), len(known)) == (0, 1)  # an identity has no account
    known.reset(Scope())
    assert list(known.items()) == []


def test_there_is_an_end_to_them_but_not_for_a_change() -> None:
    known = AutoAnswers(account(behaviours=1))
    known.put("alice", BUSY)
    known.put("alice", REJECT)

    with pytest.raises(CapacityError, match="behaviours"):
        known.put("bob", BUSY)
