"""Faults and verdicts as a test's author uses them: the clients, and the plugin's fixture."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
from support.server import Caller, Running, Site, fresh

from emulator.endpoints.inspection.fault_models import PROFILES
from emulator.settings import Settings
from emulator.testing import EmulatorClient, EmulatorError, Faults
from emulator.testing import faults as testing_faults
from emulator.testing.isolation import TwilioEmulator

pytest_plugins = ["pytester"]


@pytest.fixture
def faults(client: EmulatorClient) -> Iterator[Faults]:
    """For the caller's account and call."""
    with Faults(client) as faults:
        yield faults


def attempt(caller: Caller, content: str = "{}", key: str | None = None) -> int | None:
    """The status of one attempt; None when no answer came."""
    try:
        return caller.send(content, key).status
    except (OSError, AssertionError):
        return None


# --- verdicts


def test_a_recovery_is_waited_for(client: EmulatorClient, caller: Caller, faults: Faults) -> None:
    with faults.lost_answer(times=1), ThreadPoolExecutor() as pool:
        attempt(caller, key="k")
        waiting = pool.submit(client.expect_recovered, timeout=30.0)
        attempt(caller, key="k")
        (sequence,) = waiting.result()

    assert sequence.findings == ("retried_same_key", "recovered")


def test_failed_recovery_lists_the_attempts(client: EmulatorClient, caller: Caller, faults: Faults) -> None:
    with faults.bad_gateway():
        attempt(caller, key="k")

    with pytest.raises(AssertionError) as failure:
        client.expect_recovered(timeout=0)

    first, second, third = str(failure.value).splitlines()
    assert "with the finding recovered" in first
    assert second.startswith(f"1 attempt for {caller.call}, content {{}}, 0 messages created")
    assert re.fullmatch(r"  number \d+: faulted 502, reply by fault-\d+, key k", third)


@pytest.mark.parametrize("key", [None, "other"])
def test_a_duplicate_fails_with_the_attempts(
    client: EmulatorClient, caller: Caller, faults: Faults, key: str | None
) -> None:
    attempt(caller, '"one"')
    with faults.lost_answer(times=1):
        attempt(caller, '"two"', "k")
        attempt(caller, '"two"', key)

    with pytest.raises(AssertionError) as failure:
        client.assert_no_duplicates()

    first, second, *rest = str(failure.value).splitlines()
    assert first == "1 of 2 retry sequences created more than one message"
    assert 'content "two", 2 messages created: ' in second
    assert ("retried_new_key" if key else "retried_without_key") in second
    assert len(rest) == 2
    client.assert_no_duplicates(contains="one")


def test_assert_no_duplicates_passes(client: EmulatorClient, caller: Caller, faults: Faults) -> None:
    with faults.lost_answer(times=1):
        for key in ("k", "k", "l", None):
            attempt(caller, key=key)

    client.assert_no_duplicates()


def test_requests_show_their_fault(client: EmulatorClient, caller: Caller, faults: Faults) -> None:
    with faults.lost_answer(times=1), faults.add({"close": True}, times=1):
        for _ in range(3):
            attempt(caller)
    with faults.rate_limited():
        attempt(caller)

    lost, closed, fine, limited = client.requests()
    assert [one.lost for one in (lost, closed, fine, limited)] == [True, True, False, False]
    assert closed.status is None
    assert re.search(r": 201 created \(drop-after by fault-\d+, response lost\), Content", str(lost))
    assert re.search(r": faulted \(close by fault-\d+, response lost\), Content", str(closed))
    assert re.search(r": 429 faulted \(reply by fault-\d+\), Content", str(limited))
    assert client.requests(outcome="faulted") == [closed, limited]


# --- rules


def test_a_fault_is_added_listed_and_removed(client: EmulatorClient, caller: Caller) -> None:
    added = client.add_fault(
        {"reply": {"status": 503}}, idempotency_key="k", content=None, times=2, skip_first=1, ttl=60
    )
    before = client.faults()
    client.delete_fault(added.id)

    assert [replace(one, seconds_left=added.seconds_left) for one in before] == [added]
    expected = {"account_sid": caller.account, "call_sid": caller.call, "idempotency_key": "k", "content": None}
    assert (added.match, added.then) == (expected, {"reply": {"status": 503}})
    assert (added.times, added.skip_first, added.ttl, added.profile, added.active) == (2, 1, 60, None, True)
    assert client.faults() == []


def test_faults_are_removed_by_scope(client: EmulatorClient) -> None:
    client.add_fault(profile="outage")
    client.add_fault(profile="slow", call_sid=None)
    other = client.add_fault(profile="flaky", account_sid=fresh("AC"), call_sid=None)

    assert [fault.profile for fault in client.faults()] == ["outage", "slow"]
    assert (client.delete_faults(), client.delete_faults(call_sid=None)) == (1, 1)
    assert client.fault(other.id).profile == "flaky"
    client.delete_fault(other.id)


@pytest.mark.parametrize("more", [{}, {"profile": "outage"}, {"then": {"nope": 1}}])
def test_invalid_fault_is_an_error(client: EmulatorClient, more: dict[str, Any]) -> None:
    with pytest.raises(EmulatorError, match="POST /_emulator/faults"):
        client.add_fault(**{"then": {}, **more})


# --- faults that end


def test_each_profile_has_a_method(faults: Faults) -> None:
    methods = {one.name: name for name, one in vars(Faults).items() if isinstance(one, testing_faults._Profile)}

    assert list(methods) == [profile.name for profile in PROFILES]
    assert list(methods.values()) == [name.replace("-", "_") for name in methods]
    for name, method in methods.items():
        made = getattr(faults, method)(times=3)
        assert (made.rule.profile, made.rule.times) == (name, 3)
        assert getattr(faults, method).__doc__


def test_a_fault_lasts_as_long_as_its_block(client: EmulatorClient, caller: Caller, faults: Faults) -> None:
    with faults.outage() as outage:
        inside = attempt(caller)

    assert (inside, attempt(caller)) == (503, 201)
    assert client.faults() == []
    assert (outage.fired, outage.matched, outage.rule.id) == (1, 1, outage.id)


def test_failing_block_ends_its_fault(client: EmulatorClient, faults: Faults) -> None:
    with pytest.raises(ZeroDivisionError), faults.outage():
        _ = 1 / 0

    assert client.faults() == []


def test_counters_are_refreshed(caller: Caller, faults: Faults) -> None:
    outage = faults.outage(times=1)
    counted = []
    for _ in range(2):
        counted.append((outage.fired, outage.rule.active))
        attempt(caller)

    assert counted == [(0, True), (1, False)]


def test_all_options_go_along(faults: Faults) -> None:
    call = fresh("CA")
    rule = faults.add(
        {"delay": 0.5},
        times=2,
        skip_first=1,
        probability=0.5,
        seed=7,
        ttl=60,
        call_sid=call,
        idempotency_key="k",
        content={"a": 1},
    ).rule
    faults.clear()

    assert (rule.times, rule.skip_first, rule.probability, rule.seed, rule.ttl) == (2, 1, 0.5, 7, 60)
    assert rule.match["call_sid"] == call
    assert (rule.match["idempotency_key"], rule.match["content"]) == ("k", {"a": 1})


def test_faults_can_be_removed_in_any_order(client: EmulatorClient, faults: Faults) -> None:
    with faults:
        first, second = faults.outage(), faults.slow()
        first.remove()
        first.remove()
        client.reset()
        still_known = second.rule.profile

    assert (still_known, client.faults()) == ("slow", [])


def test_faults_of_a_stopped_emulator() -> None:
    """Removing them is not an error."""
    running = Running(Settings(port=0))
    with Faults(EmulatorClient(running.site.url)) as faults:
        with running:
            fault = faults.outage()
        gone = fault.fired

    assert (gone, fault.fired) == (0, 0)


@pytest.mark.parametrize("shared", [False, True])
def test_faults_have_the_tests_scope(site: Site, *, shared: bool) -> None:
    caller, neighbour = Caller(site), Caller(site)
    own = TwilioEmulator(
        site.url, account_sid=caller.account, auth_token="", call_sid=caller.call, shared_account=shared
    )
    other_call = Caller(site, caller.account)
    with own.faulty() as faults:
        faults.outage()
        got = [attempt(one) for one in (caller, other_call, neighbour)]

    assert got == ([503, 201, 201] if shared else [503, 503, 201])
    assert attempt(caller) == 201


# --- the plugin

CONFTEST = """
    import base64
    import http.client
    import urllib.parse

    import pytest

    class Application:
        '''Sends, and tries again when no answer comes.'''

        def __init__(self, emulator):
            self.emulator = emulator

        def post(self, form):
            own = self.emulator
            host = own.url.removeprefix("http://")
            secret = base64.b64encode(f"{own.account_sid}:{own.auth_token}".encode()).decode()
            headers = {"Authorization": "Basic " + secret, "Content-Type": "application/x-www-form-urlencoded"}
            path = f"/2010-04-01/Accounts/{own.account_sid}/Calls/{own.call_sid}/UserDefinedMessages.json"
            connection = http.client.HTTPConnection(host)
            try:
                connection.request("POST", path, urllib.parse.urlencode(form), headers)
                return connection.getresponse().status
            finally:
                connection.close()

        def send(self, content, *keys):
            for key in keys:
                try:
                    status = self.post({"Content": content} | ({"IdempotencyKey": key} if key else {}))
                except (OSError, http.client.HTTPException):
                    continue
                if status == 201:
                    return True
            return False

    @pytest.fixture
    def application(twilio_emulator):
        return Application(twilio_emulator)
"""

Run = Callable[[str], pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test file with the plugin, warnings being errors."""
    for name in ("EMULATOR_URL", "EMULATOR_AUTH_TOKEN", "EMULATOR_CONTROL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(tests: str) -> pytest.RunResult:
        pytester.makeconftest(dedent(CONFTEST))
        pytester.makepyfile(tests)
        return pytester.runpytest_inprocess("-p", "twilio_emulator", "-W", "error")

    return run


def test_duplicate_test_example(run: Run) -> None:
    """A test detects an application that sends twice."""
    result = run("""
        def test_good(twilio_emulator, twilio_faults, application):
            with twilio_faults.lost_answer(times=1) as lost:
                assert application.send("{}", "k", "k")
            assert lost.fired == 1
            (sequence,) = twilio_emulator.expect_recovered()
            assert sequence.findings == ("retried_same_key", "recovered")
            twilio_emulator.assert_no_duplicates()

        def test_bad(twilio_emulator, twilio_faults, application):
            with twilio_faults.lost_answer(times=1):
                assert application.send("{}", "k", "l")
            twilio_emulator.assert_no_duplicates()
    """)

    result.assert_outcomes(passed=1, failed=1)
    text = "\n".join(result.outlines)
    assert ">       twilio_emulator.assert_no_duplicates()" in text
    assert "AssertionError: 1 of 1 retry sequences created more than one message" in text
    assert "(retried_new_key)" in text
    assert "api.py" not in text
    assert re.search(r"number \d+: POST \S+: 201 created \(drop-after by fault-\d+, response lost\)", text)


def test_faults_end_with_the_test(run: Run) -> None:
    result = run("""
        seen = []

        def test_makes(twilio_emulator, twilio_faults, application):
            twilio_faults.outage()
            twilio_faults.add({"close": True}, call_sid="CA" + "1" * 32)
            assert not application.send("{}", "k")
            seen.append(twilio_emulator)
            assert len(twilio_emulator.faults(call_sid=None)) == 2

        def test_meets_none(twilio_faults, application):
            assert application.send("{}", "k")
            assert seen[0].faults(account_sid=None, call_sid=None) == []
    """)

    result.assert_outcomes(passed=2)


def test_failing_test_leaves_no_fault(run: Run) -> None:
    result = run("""
        seen = []

        def test_fails(twilio_emulator, twilio_faults):
            seen.append(twilio_emulator)
            twilio_faults.slow()
            assert False

        def test_looks():
            assert seen[0].faults(call_sid=None) == []
    """)

    result.assert_outcomes(passed=1, failed=1)
