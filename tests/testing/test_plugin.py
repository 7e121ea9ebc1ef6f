"""The pytest plugin, as pytest runs it: found by its entry point, in test suites of their own."""

import re
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent
from xml.etree import ElementTree as ET

import pytest

import emulator.server.listeners  # noqa: F401  cryptography cannot be imported again, and pytester removes what a run imported
from emulator.testing import Emulator
from emulator.wire.errors import CONTENT_NOT_JSON

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

CONFTEST = """
    import base64
    import urllib.error
    import urllib.parse
    import urllib.request

    import pytest

    @pytest.fixture
    def send(twilio_emulator):
        def send(content, *, account=twilio_emulator.account_sid, call=twilio_emulator.call_sid):
            url = f"{twilio_emulator.url}/2010-04-01/Accounts/{account}/Calls/{call}/UserDefinedMessages.json"
            secret = base64.b64encode(f"{account}:{twilio_emulator.auth_token}".encode()).decode()
            data = urllib.parse.urlencode({"Content": content}).encode()
            request = urllib.request.Request(url, data, {"Authorization": "Basic " + secret})
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
            except urllib.error.HTTPError as refusal:
                refusal.close()
        return send
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test file with this plugin and those named, warnings being errors."""
    for name in ("EMULATOR_URL", "EMULATOR_AUTH_TOKEN", "EMULATOR_CONTROL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the others of this machine take seconds

    def run(tests: str, *arguments: str, conftest: str = "", process: bool = False) -> pytest.RunResult:
        pytester.makeconftest(dedent(CONFTEST) + dedent(conftest))
        pytester.makepyfile(tests)
        start = pytester.runpytest_subprocess if process else pytester.runpytest_inprocess
        return start("-p", "twilio_emulator", "-W", "error", *arguments)

    return run


@pytest.fixture(scope="module")
def external() -> Iterator[Emulator]:
    """An emulator that other tests started."""
    with Emulator(auth_token="1" * 32, control_token="secret") as emulator:
        yield emulator


def text_of(result: pytest.RunResult) -> str:
    return "\n".join([*result.outlines, *result.errlines])


def test_library_sends_and_test_waits(run: Run) -> None:
    result = run("""
        def test_send(twilio_emulator, twilio_client):
            call = twilio_client.calls(twilio_emulator.call_sid)

            sent = call.user_defined_messages.create(content='{"key": "value"}')

            (message,) = twilio_emulator.wait_for(at_least=1)
            assert message.sid == sent.sid
            assert message.json == {"key": "value"}
    """)

    result.assert_outcomes(passed=1)


def test_library_ignores_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Region, proxy and account variables do not affect it."""
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "9" * 32)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    result = run("""
        def test_send(twilio_emulator, twilio_client):
            twilio_client.calls(twilio_emulator.call_sid).user_defined_messages.create(content="{}")
            assert twilio_emulator.last().account_sid == twilio_client.username
    """)

    result.assert_outcomes(passed=1)


def test_missing_library_is_explained(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "twilio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "twilio", None)

    result = run("def test_send(twilio_client): pass")

    result.assert_outcomes(errors=1)
    assert "pip install twilio" in text_of(result)
    assert "Traceback" not in text_of(result)


def test_each_test_has_its_own_scope(run: Run) -> None:
    result = run("""
        import re
        seen = set()

        def look(emulator, send):
            assert re.fullmatch("AC[0-9a-f]{32}", emulator.account_sid)
            assert re.fullmatch("CA[0-9a-f]{32}", emulator.call_sid)
            seen.update([emulator.account_sid, emulator.call_sid, emulator.url])
            send("1")
            assert len(emulator.messages()) == 1

        def test_one(twilio_emulator, send): look(twilio_emulator, send)
        def test_other(twilio_emulator, send): look(twilio_emulator, send)
        def test_together(): assert len(seen) == 5
    """)

    result.assert_outcomes(passed=3)


def test_it_can_be_awaited(run: Run) -> None:
    result = run("""
        import asyncio

        def test_send(twilio_emulator, send):
            async def wait():
                waiting = asyncio.ensure_future(twilio_emulator.aio.wait_for())
                await asyncio.to_thread(send, "1")
                return await waiting
            assert len(asyncio.run(wait())) == 1
    """)

    result.assert_outcomes(passed=1)


def test_workers_of_xdist_run_side_by_side(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(40))
        def test_send(twilio_emulator, send, number):
            send(str(number))
            assert [one.json for one in twilio_emulator.wait_for()] == [number]

        def test_bad(twilio_emulator, send):
            send("no")
            twilio_emulator.wait_for(timeout=0)
        """,
        *("-p", "xdist", "-n", "4"),
        process=True,
    )

    result.assert_outcomes(passed=40, failed=1)
    assert "refused with 400/32702" in section(result)[1]


def test_xdist_workers_share_an_emulator(run: Run, external: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATOR_AUTH_TOKEN", "1" * 32)
    monkeypatch.setenv("EMULATOR_CONTROL_TOKEN", "secret")
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_send(twilio_emulator, send, number):
            send(str(number))
            assert [one.json for one in twilio_emulator.messages()] == [number]
        """,
        *("-p", "xdist", "-n", "2", f"--twilio-emulator-url={external.url}"),
        process=True,
    )

    result.assert_outcomes(passed=20)


IN_THREADS = """
    from concurrent.futures import ThreadPoolExecutor

    def pytest_pyfunc_call(pyfuncitem):
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        with ThreadPoolExecutor(8) as pool:
            runs = [pool.submit(pyfuncitem.obj, **arguments) for _ in range(8)]
        return all(run.result() is None for run in runs)
"""


def test_threads_share_the_tests_scope(run: Run) -> None:
    """Plugins that run a test in threads give all of them the same fixtures."""
    result = run(
        """
        import secrets

        def test_send(twilio_emulator, send):
            call = "CA" + secrets.token_hex(16)
            send("1", call=call)
            assert len(twilio_emulator.wait_for(call_sid=call)) == 1
            assert len(twilio_emulator.wait_for(8, call_sid=None)) == 8
        """,
        conftest=IN_THREADS,
    )

    result.assert_outcomes(passed=1)


FAILING = """
    def test_bad(twilio_emulator, send):
        send('{"n": 1}')
        send("hello")
        send("2", call="CA123")
        twilio_emulator.wait_for(at_least=3, timeout=0)
"""


def section(result: pytest.RunResult) -> list[str]:
    """The lines of the plugin's section of the report."""
    text = text_of(result)
    match = re.search(r"^-+ Twilio emulator -+\n(.*?)\n[=_]", text, re.DOTALL | re.MULTILINE)
    assert match is not None, text
    return match[1].splitlines()


def test_failing_test_shows_its_requests(run: Run) -> None:
    result = run(FAILING)

    result.assert_outcomes(failed=1)
    whose, created, refused, lost = section(result)
    found = re.fullmatch(r"account (AC\w{32}), call (CA\w{32}), at http://127\.0\.0\.1:\d+", whose)
    assert found is not None
    path = f"/2010-04-01/Accounts/{found[1]}/Calls/{found[2]}/UserDefinedMessages.json"
    assert re.fullmatch(
        rf"""number 1: POST {path}: 201 created KX\w{{32}}, Content '{{"n": 1}}'""",
        created,
    )
    assert refused == (
        f"number 2: POST {path}: refused with 400/32702 Invalid Content (rule content-not-json, assumed; "
        "Expecting value: line 1 column 1 (char 0) in 'hello'; was it a dict? twilio-python sends only its keys: "
        f"pass json.dumps(…) as content), Content 'hello'. Advice: {CONTENT_NOT_JSON.advice}"
    )
    assert lost.startswith(f"number 3: POST {path.replace(found[2], 'CA123')}: refused with 404/20404")


XDIST = ("-p", "xdist", "-n", "2")


@pytest.mark.parametrize("arguments", [(), XDIST], ids=["one process", "xdist"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("assert False", id="assert"),
        pytest.param("import pytest; pytest.fail('no', pytrace=False)", id="fail without traceback"),
        pytest.param("raise ExceptionGroup('all', [ValueError()])", id="exception group"),
    ],
)
def test_junit_xml_has_the_section(run: Run, pytester: pytest.Pytester, arguments: tuple[str, ...], body: str) -> None:
    """By default JUnit XML holds no sections of a report, only its failure."""
    result = run(
        f"""
        def test_bad(twilio_emulator, send):
            send("hello\\x00")
            {body}
        """,
        *("--junitxml=junit.xml", *arguments),
        process=True,
    )

    result.assert_outcomes(failed=1)
    (failure,) = ET.parse(pytester.path / "junit.xml").iter("failure")
    heading, whose, refused = (failure.text or "").splitlines()[-3:]
    assert heading.strip("-") == " Twilio emulator "
    assert whose.startswith("account AC")
    assert "refused with 400/32702 Invalid Content" in refused
    assert text_of(result).count(refused) == 1


def test_junit_xml_has_the_section_of_errors(run: Run, pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.fixture
        def order(twilio_emulator): assert False

        def test_any(order): pass
    """

    run(tests, "--junitxml=junit.xml").assert_outcomes(errors=1)

    (error,) = ET.parse(pytester.path / "junit.xml").iter("error")
    assert "nothing arrived (account AC" in (error.text or "")


OWN_ITEMS = """
    class Item(pytest.Item):
        def runtest(self):
            self.stash[plugin._OWN] = Own()
            raise ValueError

        def repr_failure(self, excinfo):
            return Text() if "terminal" in self.name else "a text"

    class Text(TerminalRepr):
        def toterminal(self, tw):
            tw.line("a text")

    class Own:
        def report(self):
            return "what it sent"

    class File(pytest.File):
        def collect(self):
            return [Item.from_parent(self, name=name) for name in ("text", "terminal text")]

    def pytest_collect_file(file_path, parent):
        return File.from_parent(parent, path=file_path) if file_path.suffix == ".own" else None
"""


def test_items_of_other_plugins_have_it(run: Run, pytester: pytest.Pytester) -> None:
    """Not every failure is a traceback to which sections can be added."""
    pytester.makefile(".own", "")
    imports = """
    from _pytest._code.code import TerminalRepr
    from emulator.testing import plugin
    """

    result = run("", "--junitxml=junit.xml", conftest=imports + OWN_ITEMS)

    result.assert_outcomes(failed=2)
    pattern = re.compile(r"^a text\n+-+ Twilio emulator -+\nwhat it sent$", re.MULTILINE)
    failures = [one.text or "" for one in ET.parse(pytester.path / "junit.xml").iter("failure")]
    assert [len(pattern.findall(text)) for text in (text_of(result), *failures)] == [2, 1, 1]


def test_failing_wait_points_at_the_test(run: Run) -> None:
    text = text_of(run(FAILING))

    assert ">       twilio_emulator.wait_for(at_least=3, timeout=0)" in text
    assert re.search(r"E +AssertionError: wanted at least 3 messages \(.*\), 1 arrived", text)
    assert "api.py" not in text
    assert "client.py" not in text


def test_failing_test_without_requests(run: Run) -> None:
    """The section says that no request arrived."""
    (line,) = section(run("def test_bad(twilio_emulator): assert False"))

    assert line.startswith("nothing arrived (account AC")
    assert line.endswith("does the application use this url, account and call?")


PROXY_HINT = (
    "HTTP_PROXY is set and NO_PROXY does not include 127.0.0.1: clients send requests for it to that proxy; "
    "set NO_PROXY=localhost,127.0.0.1,::1"
)


def test_the_section_names_a_proxy_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when requests arrived: those of another client may have gone to the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    some = run("""
        def test_bad(twilio_emulator, send):
            send("1")
            assert False
    """)
    none = run("def test_bad(twilio_emulator): assert False")

    assert section(some)[2:] == [PROXY_HINT]
    assert section(none)[1:] == [PROXY_HINT]
    assert "secret" not in text_of(some)


@pytest.mark.parametrize(
    "wait",
    [
        "twilio_emulator.wait_for(timeout=0)",
        "twilio_emulator.last()",
        "twilio_emulator.expect_recovered(timeout=0)",
        "asyncio.run(twilio_emulator.aio.wait_for(timeout=0))",
        "twilio_emulator_server.client.last()",
    ],
)
@pytest.mark.parametrize("direct", ["", "localhost,127.0.0.1"])
def test_failed_wait_names_a_proxy_variable(run: Run, wait: str, direct: str) -> None:
    result = run(f"""
        import asyncio
        import pytest

        def test_bad(twilio_emulator, twilio_emulator_server, monkeypatch):
            for name in ("no_proxy", "http_proxy"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            monkeypatch.setenv("NO_PROXY", "{direct}")
            with pytest.raises(AssertionError) as error:
                {wait}
            assert (str(error.value).splitlines()[-1] == "{PROXY_HINT}") is {not direct}
    """)

    result.assert_outcomes(passed=1)


def test_failing_test_after_emulator_exit(run: Run) -> None:
    """The section says that the emulator does not respond."""
    (line,) = section(
        run("""
        def test_bad(twilio_emulator, twilio_emulator_server):
            url = twilio_emulator_server.url
            twilio_emulator_server.stop()
            assert False
        """)
    )

    assert line.startswith("cannot reach an emulator at http://127.0.0.1:")


@pytest.mark.parametrize(
    "tests", ["def test_good(twilio_emulator): pass", "def test_bad(): assert False"], ids=["passing", "without it"]
)
def test_other_tests_have_no_section(run: Run, tests: str) -> None:
    assert "Twilio emulator" not in text_of(run(tests))


FIXED_ACCOUNT = """
    @pytest.fixture(scope="session")
    def twilio_account_sid():
        return "AC" + "f" * 32
"""


def test_fixed_account_isolates_by_call(run: Run) -> None:
    """With a fixed account, the CallSid alone separates tests."""
    result = run(
        """
        def test_one(twilio_emulator, send):
            send("1")
            assert [one.account_sid for one in twilio_emulator.messages()] == ["AC" + "f" * 32]

        def test_other(twilio_emulator, send):
            send("2")
            assert [one.json for one in twilio_emulator.messages()] == [2]
            send("3", account="AC" + "e" * 32)
            assert len(twilio_emulator.messages()) == 2
            assert False
        """,
        conftest=FIXED_ACCOUNT,
    )

    result.assert_outcomes(passed=1, failed=1)
    assert [line.partition(":")[0] for line in section(result)[1:]] == ["number 2", "number 3"]


def settings(text: str) -> str:
    return f"""
    @pytest.fixture(scope="session")
    def twilio_emulator_settings():
        {text}
"""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param('return {"calls": "registered", "auth_token": "abc"}', id="by name"),
        pytest.param(
            'from emulator.settings import Settings; return Settings(calls="registered", auth_token="abc")',
            id="as Settings",
        ),
    ],
)
def test_the_emulator_starts_with_options(run: Run, options: str) -> None:
    result = run(
        """
        def test_send(twilio_emulator, send):
            send("1", call="CA" + "9" * 32)
            assert twilio_emulator.messages(call_sid=None) == []
            send("2")
            assert twilio_emulator.auth_token == "abc"
            assert twilio_emulator.last().json == 2
        """,
        conftest=settings(options),
    )

    result.assert_outcomes(passed=1)


REGISTERED = """
    @pytest.fixture(scope="session")
    def twilio_emulator_settings():
        return {"calls": "registered", "control_token": "secret"}
"""


@pytest.mark.parametrize("fixed", ["", FIXED_ACCOUNT], ids=["own account", "fixed account"])
def test_tests_call_is_registered(run: Run, fixed: str) -> None:
    result = run(
        """
        import pytest

        seen = []

        def test_own(twilio_emulator, twilio_client, twilio_emulator_server):
            (call,) = twilio_emulator_server.client.calls.all()
            assert (call.account_sid, call.call_sid) == (twilio_emulator.account_sid, twilio_emulator.call_sid)
            twilio_client.calls(call.call_sid).user_defined_messages.create(content="1")
            assert twilio_emulator.last().json == 1
            seen.append(call.call_sid)

        def test_foreign(twilio_emulator, send):
            send("1", account="AC" + "9" * 32)
            assert twilio_emulator.messages(account_sid=None) == []

        def test_deleted(twilio_emulator, send):
            twilio_emulator.calls.forget()
            send("1")
            assert twilio_emulator.messages() == []

        def test_end_user(twilio_emulator, twilio_client, twilio_end_user):
            call = twilio_end_user.call()
            for sid in (call.sid, twilio_emulator.call_sid):
                twilio_client.calls(sid).user_defined_messages.create(content="1")
            assert call.wait_for()[0].content == 1

        def test_the_call_is_gone(twilio_emulator_server):
            (own,) = seen
            assert own not in [call.call_sid for call in twilio_emulator_server.client.calls.all()]

        def test_stopped(twilio_emulator, twilio_emulator_server):
            twilio_emulator_server.stop()
        """,
        conftest=REGISTERED + fixed,
    )

    result.assert_outcomes(passed=6)


def test_with_any_calls_none_is_registered(run: Run) -> None:
    run("def test_own(twilio_emulator): assert twilio_emulator.calls.all() == []").assert_outcomes(passed=1)


def test_configured_accounts_are_used(run: Run) -> None:
    accounts = f"AC{'a' * 32}:alpha,AC{'b' * 32}:beta"
    tests = """
        def test_send(twilio_emulator, send):
            send("1")
            message = twilio_emulator.last()
            assert (message.account_sid, twilio_emulator.auth_token) == ("AC" + "{0}" * 32, "{1}")
    """
    options = settings(f'return {{"accounts": "{accounts}"}}')

    first = run(tests.format("a", "alpha"), conftest=options)
    second = run(tests.format("b", "beta"), conftest=options + FIXED_ACCOUNT.replace('"f"', '"b"'))

    first.assert_outcomes(passed=1)
    second.assert_outcomes(passed=1)


def test_options_start_https_and_proxy(run: Run) -> None:
    result = run(
        """
        from emulator.testing import EmulatorClient

        def test_ask(twilio_emulator_server, tmp_path):
            ca = tmp_path / "ca.pem"
            ca.write_bytes(twilio_emulator_server.ca_pem)
            assert EmulatorClient(twilio_emulator_server.https_url, ca=ca).messages() == []
            assert twilio_emulator_server.proxy
        """,
        conftest=settings('return {"tls_port": 0, "proxy_port": 0}'),
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ('{"calls": "none"}', "twilio_emulator_settings: --calls: 'none' is not allowed; expected one of"),
        ('{"call": "any"}', "twilio_emulator_settings: unknown option call; did you mean calls?"),
        ('{"host": "192.0.2.1"}', "twilio_emulator_settings: cannot listen on 192.0.2.1"),
        ('{"tls_port": 0, "tls_dir": "/dev/null/x"}', "twilio_emulator_settings: tls_dir: cannot use /dev/null/x"),
    ],
)
def test_bad_options_are_one_line(run: Run, options: str, line: str) -> None:
    result = run("def test_any(twilio_emulator): pass", "--tb=line", conftest=settings(f"return {options}"))

    result.assert_outcomes(errors=1)
    assert line in text_of(result)
    assert "Traceback" not in text_of(result)


def test_https_without_its_extra_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emulator.server.listeners", None)

    result = run("def test_any(twilio_emulator): pass", conftest=settings('return {"tls_port": 0}'))

    result.assert_outcomes(errors=1)
    assert "twilio_emulator_settings: tls_port and proxy_port require the extra tls" in text_of(result)
    assert "Traceback" not in text_of(result)


@pytest.mark.parametrize("way", ["option", "variable"])
def test_given_emulator_is_used(run: Run, external: Emulator, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("EMULATOR_AUTH_TOKEN", "1" * 32)
    monkeypatch.setenv("EMULATOR_CONTROL_TOKEN", "secret")
    monkeypatch.setenv("EMULATOR_URL", external.url if way == "variable" else "http://127.0.0.1:1")
    arguments = [f"--twilio-emulator-url={external.url}/"] if way == "option" else []
    before = len(external.client.messages())

    result = run(
        f"""
        def test_send(twilio_emulator, twilio_emulator_server, send):
            send("1")
            assert twilio_emulator.wait_for()
            assert (twilio_emulator.url, twilio_emulator_server) == ({external.url!r}, None)
        """,
        *arguments,
    )

    result.assert_outcomes(passed=1)
    assert len(external.client.messages()) == before + 1


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://127.0.0.1:1", "ERROR: cannot reach an emulator at http://127.0.0.1:1 (Connection refused); start one"),
        ("127.0.0.1:1", "ERROR: '127.0.0.1:1' is not the address of an emulator; expected a URL like"),
    ],
)
@pytest.mark.parametrize("way", ["option", "variable"])
def test_unreachable_emulator_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, way: str, url: str, line: str
) -> None:
    if way == "variable":
        monkeypatch.setenv("EMULATOR_URL", url)
    arguments = [f"--twilio-emulator-url={url}"] if way == "option" else []

    result = run("def test_any(twilio_emulator): pass", *arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (shown,) = [one for one in result.errlines if one]
    assert shown.startswith(line)
    assert shown.endswith("without --twilio-emulator-url and EMULATOR_URL the tests start their own")


def test_xdist_worker_reports_per_test(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATOR_URL", "http://127.0.0.1:1")

    result = run("def test_any(twilio_emulator): pass", *("-p", "xdist", "-n", "1"), process=True)

    result.assert_outcomes(errors=1)
    assert "cannot reach an emulator at http://127.0.0.1:1 (Connection refused)" in text_of(result)
    assert "Traceback" not in text_of(result)


def test_variable_is_unused_without_fixtures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATOR_URL", "http://127.0.0.1:1")

    run("def test_any(): pass").assert_outcomes(passed=1)
    assert run("def test_any(twilio_emulator): pass", "--collect-only").ret == 0


def test_the_plugin_imports_next_to_nothing(run: Run) -> None:
    """pytest loads it in every run, of people who do not use it too."""
    result = run(
        """
        import sys

        def test_imports():
            own = {name for name in sys.modules if name.startswith("emulator")}
            assert own == {"emulator", "emulator.testing", "emulator.testing.plugin"}
            assert not {"fastapi", "uvicorn", "http.client", "twilio", "ssl"} & set(sys.modules)
        """,
        "--noconftest",
        process=True,
    )

    result.assert_outcomes(passed=1)
