import pytest
from support.builders import ACCOUNT, account

from emulator.engine.capacity import CapacityError
from emulator.engine.scope import Scope
from emulator.engine.voice.auto_answer import AutoAnswer, AutoAnswers, Reaction

BUSY = AutoAnswer(Reaction.BUSY)
REJECT = AutoAnswer(Reaction.REJECT)


def test_default_is_an_immediate_answer() -> None:
    assert AutoAnswers(account()).for_call("bob", "alice") == AutoAnswer(Reaction.ANSWER, 0)


def test_callee_precedes_caller() -> None:
    known = AutoAnswers(account())
    known.put("alice", BUSY)
    assert known.for_call("bob", "alice") == BUSY

    known.put("bob", REJECT)

    assert known.for_call("bob", "alice") == REJECT
    assert list(known.items()) == [("alice", BUSY), ("bob", REJECT)]


def test_behaviour_can_be_removed() -> None:
    known = AutoAnswers(account())
    known.put("alice", BUSY)
    known.put("bob", BUSY)

    assert (known.remove("alice"), known.remove("alice")) == (BUSY, None)
    assert (known.reset(Scope(ACCOUNT)), len(known)) == (0, 1)  # an identity has no account
    known.reset(Scope())
    assert list(known.items()) == []


def test_number_is_limited() -> None:
    """At the limit, a behaviour can still be changed."""
    known = AutoAnswers(account(behaviours=1))
    known.put("alice", BUSY)
    known.put("alice", REJECT)

    with pytest.raises(CapacityError, match="behaviours"):
        known.put("bob", BUSY)
