import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire.connection_overrides import CallbackFailure, CallbackTimeouts, read_fragment


def test_defaults_are_twilios() -> None:
    limits = CallbackTimeouts()

    assert (limits.connect, limits.read, limits.total) == (5, 15, 15)
    assert (limits.retries, limits.retry_on) == (1, {"ct"})


def test_fragment_overrides_what_it_names() -> None:
    limits = read_fragment("ct=2000&rt=100&tt=9000&rc=5&rp=4xx,rt", CallbackTimeouts())

    assert limits == CallbackTimeouts(
        connect=2, read=0.1, total=9, retries=5, retry_on=frozenset({CallbackFailure.CLIENT, CallbackFailure.READ})
    )
    assert read_fragment("rc=0", CallbackTimeouts(read=3)) == CallbackTimeouts(read=3, retries=0)


@pytest.mark.parametrize("fragment", ["", "&", "e=ashburn", "sni=y", "e=ashburn,dublin&sni=y"])
def test_edge_and_sni_are_ignored(fragment: str) -> None:
    assert read_fragment(fragment, CallbackTimeouts()) == CallbackTimeouts()


@pytest.mark.parametrize("policy", ["all", "all,ct", "ct,rt,4xx,5xx"])
def test_a_policy_can_name_every_failure(policy: str) -> None:
    assert read_fragment(f"rp={policy}", CallbackTimeouts()).retry_on == set(CallbackFailure)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("ct=99", "the override ct is '99'; expected an integer from 100 to 10000"),
        ("ct=10001", "from 100 to 10000"),
        ("rt=15001", "from 100 to 15000"),
        ("tt=", "from 100 to 15000"),
        ("rc=6", "from 0 to 5"),
        ("rc=-1", "from 0 to 5"),
        ("rc=\u0661", "from 0 to 5"),
        ("rp=3xx", "expected all, or some of ct, rt, 4xx, 5xx, separated by commas"),
        ("rp=", "expected all, or some of"),
        ("e=", "expected a value"),
        ("section", "'section' is not a connection override; expected one of ct, rt, tt, rc, rp, e, sni"),
        ("CT=200", "not a connection override"),
    ],
)
def test_invalid_override_is_an_error(fragment: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        read_fragment(fragment, CallbackTimeouts())


@given(st.text())
def test_any_text_is_read_or_refused(fragment: str) -> None:
    try:
        limits = read_fragment(fragment, CallbackTimeouts())
    except ValueError:
        return
    assert 0.1 <= limits.connect <= 10
    assert 0.1 <= limits.read <= 15
    assert 0 <= limits.retries <= 5
