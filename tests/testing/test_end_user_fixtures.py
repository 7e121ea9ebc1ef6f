"""The fixtures `twilio_end_user` and `twilio_end_users`, as pytest runs them: in test suites of their own."""

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test file with the plugin alone, warnings being errors."""
    for name in ("EMULATOR_URL", "EMULATOR_AUTH_TOKEN", "EMULATOR_CONTROL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(tests: str, conftest: str = "") -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makepyfile(tests)
        return pytester.runpytest_inprocess("-p", "twilio_emulator", "-W", "error")

    return run


LOOP = """
    def test_loop(twilio_client, twilio_end_user):
        call = twilio_end_user.call()
        message = twilio_client.calls(call.sid).user_defined_messages.create(content='{"a": 1}')
        (received,) = call.wait_for()

        assert (received.content, received.sid) == ({"a": 1}, message.sid)
        assert call.send_message({"b": 2}).startswith("KX")
"""


def test_end_user_gets_the_librarys_message(run: Run) -> None:
    run(LOOP).assert_outcomes(passed=1)


def test_environments_proxy_is_not_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    run(LOOP).assert_outcomes(passed=1)


def test_strict_mode_gets_signed_tokens(run: Run) -> None:
    conftest = """
        import pytest

        ACCOUNT, OTHER, TOKEN = "AC" + "d" * 32, "AC" + "e" * 32, "0" * 32
        KEYS = f"SK{'e' * 32}:other:{OTHER},SK{'d' * 32}:secret:{ACCOUNT}"

        @pytest.fixture(scope="session")
        def twilio_emulator_settings():
            accounts = f"{ACCOUNT}:{TOKEN},{OTHER}:{TOKEN}"
            return {"accounts": accounts, "voice_token": "strict", "api_keys": KEYS}
    """

    run(LOOP, conftest).assert_outcomes(passed=1)


def test_each_end_user_has_its_own_identity(run: Run) -> None:
    result = run("""
        import asyncio
        users = []

        def test_two(twilio_end_user, twilio_end_users):
            bob = twilio_end_users("bob")
            users.extend([twilio_end_user, bob])
            call = twilio_end_user.dial("bob")
            incoming = bob.wait_for_call()
            incoming.accept()
            call.wait_for_answer()
            assert incoming.from_ == f"client:{twilio_end_user.identity}"

        def test_awaited(twilio_end_users):
            async def talk():
                async with twilio_end_users.aio("bob") as bob, twilio_end_users.aio() as other:
                    await other.dial("bob")
                    return await bob.wait_for_call()
            assert asyncio.run(talk()).to == "client:bob"

        def test_after(twilio_end_user):
            assert [user.current.status for user in users] == ["closed", "closed"]
            assert len({twilio_end_user.identity, *[user.identity for user in users]}) == 3
    """)

    result.assert_outcomes(passed=3)


def test_accounts_of_tests_are_isolated(run: Run) -> None:
    result = run("""
        from emulator.testing import EndUser

        def test_stranger(twilio_emulator, twilio_end_users):
            bob = twilio_end_users("bob")
            with EndUser(twilio_emulator.url, "mallory", account_sid="AC" + "9" * 32) as mallory:
                assert mallory.call("bob").status == "open"  # answered by nobody in particular
            try:
                bob.wait_for_call(timeout=0)
            except AssertionError:
                return
            raise RuntimeError("it rang")
    """)

    result.assert_outcomes(passed=1)
