import pytest

from emulator.engine import behaviours
from emulator.engine.behaviours import Behaviour, Behaviours, Reaction
from emulator.engine.limits import LimitReachedError

BUSY = Behaviour(Reaction.BUSY)
REJECT = Behaviour(Reaction.REJECT)


def test_a_call_is_answered_at_once_unless_something_was_set() -> None:
    assert Behaviours().of_call("bob", "alice") == Behaviour(Reaction.ANSWER, 0)


def test_the_called_comes_before_the_caller() -> None:
    known = Behaviours()
    known.put("alice", BUSY)
    assert known.of_call("bob", "alice") == BUSY

    known.put("bob", REJECT)

    assert known.of_call("bob", "alice") == REJECT
    assert known.items() == [("alice", BUSY), ("bob", REJECT)]


def test_what_was_set_can_be_taken_back() -> None:
    known = Behaviours()
    known.put("alice", BUSY)
    known.put("bob", BUSY)

    assert (known.remove("alice"), known.remove("alice")) == (True, False)
    known.clear()
    assert known.items() == []


def test_there_is_an_end_to_them_but_not_for_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "MAX_BEHAVIOURS", 1)
    known = Behaviours()
    known.put("alice", BUSY)
    known.put("alice", REJECT)

    with pytest.raises(LimitReachedError, match="behaviours"):
        known.put("bob", BUSY)
