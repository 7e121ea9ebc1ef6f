"""What `doctor` finds: each diagnosis by a table of what was seen, and the command against a running emulator."""

import io
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.server import FAKED_TIME, Command, Site

from emulator.cli import run
from emulator.commands import trust_bundle
from emulator.commands.client_libraries import LIBRARIES
from emulator.commands.doctor import Diagnostics, Severity, diagnose, render
from emulator.commands.probes import EmulatorInfo

OURS = "-----BEGIN CERTIFICATE-----\nT3Vycw==\n-----END CERTIFICATE-----\n"
THEIRS = "-----BEGIN CERTIFICATE-----\nVGhlaXJz\n-----END CERTIFICATE-----\n"
WHOLE = EmulatorInfo(
    url="http://127.0.0.1:2010",
    version="1",
    tls="https://127.0.0.1:2011",
    proxy="http://127.0.0.1:2012",
    ca=OURS,
)
PLAIN = EmulatorInfo(url="http://127.0.0.1:2010", version="1")
ALIAS = EmulatorInfo(url="http://emulator:2010", version="1", tls="https://emulator:443", ca=OURS)
PROXY = "http://127.0.0.1:2012"
FILES = {
    "/ours": THEIRS + trust_bundle.OURS + "\n" + OURS,
    "/stale": THEIRS + trust_bundle.OURS + "\n" + OURS.replace("T3Vycw==", "RWFybGllcg=="),
    "/theirs": THEIRS,
    "/missing": None,
}
PYTHON = {"HTTPS_PROXY": PROXY, "REQUESTS_CA_BUNDLE": "/ours"}
NODE = {"HTTP_PROXY": PROXY, "NODE_EXTRA_CA_CERTS": "/ours", "NO_PROXY": "localhost,127.0.0.1"}
JAVA = (
    "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=2012 "
    "-Djavax.net.ssl.trustStore='/a b/truststore.jks' -Djavax.net.ssl.trustStoreType=JKS"
)
PHP = {"HTTPS_PROXY": PROXY, "PHP_INI_SCAN_DIR": ":/made/php"}
CREDENTIALS = {"TWILIO_ACCOUNT_SID": "AC" + "a" * 32, "TWILIO_AUTH_TOKEN": "0" * 32}


def case(
    environ: dict[str, str],
    emulator: EmulatorInfo = WHOLE,
    library: str | None = None,
    *,
    base_url: bool = False,
    **seen: str,
) -> Diagnostics:
    return Diagnostics(
        environ=environ,
        emulator=emulator,
        library=LIBRARIES[library] if library else None,
        base_url=base_url,
        files=FILES,
        **seen,
    )


def wrong(seen: Diagnostics) -> list[tuple[str, str]]:
    return [(finding.what, finding.change) for finding in diagnose(seen) if finding.weight is Severity.WRONG]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(case({}, PLAIN, base_url=True), id="a base URL, no proxy"),
        pytest.param(case({}, base_url=True), id="a base URL"),
        pytest.param(case(CREDENTIALS, PLAIN, base_url=True), id="credentials"),
        pytest.param(case(PYTHON | CREDENTIALS), id="python"),
        pytest.param(case(PYTHON, library="python"), id="python, named"),
        pytest.param(case(PYTHON | {"SSL_CERT_FILE": "/theirs"}), id="python, and what python does not need"),
        pytest.param(case(PYTHON | {"NODE_EXTRA_CA_CERTS": "/theirs"}), id="python, and what node needs"),
        pytest.param(
            case({"HTTPS_PROXY": "127.0.0.1:2012", "CURL_CA_BUNDLE": "/ours"}), id="python, written otherwise"
        ),
        pytest.param(case({"https_proxy": "http://localhost:2012", "SSL_CERT_FILE": "/ours"}), id="localhost, go"),
        pytest.param(case(NODE), id="node"),
        pytest.param(case(NODE | {"TWILIO_CA_BUNDLE": "/ours"}, library="node"), id="node, named"),
        pytest.param(case(PYTHON | {"TWILIO_EDGE": "sydney"}), id="an edge through the proxy"),
        pytest.param(case(PYTHON | {"TWILIO_AUTH_TOKEN": "a-b"}, library="python"), id="a token that only go refuses"),
        pytest.param(
            case({"HTTPS_PROXY": "http://corp:3128"}, PLAIN, base_url=True), id="a company's proxy, and a base URL"
        ),
        pytest.param(
            case({"HTTP_PROXY": "http://corp:3128", "no_proxy": "*"}, PLAIN, base_url=True), id="all is direct"
        ),
        pytest.param(case({"SSL_CERT_FILE": "/theirs"}, base_url=True), id="a company's roots, and a base URL"),
        pytest.param(
            case(PYTHON | {"HTTP_PROXY": "http://corp:3128"}, library="python"),
            id="a proxy of plain http, which is not used",
        ),
        pytest.param(case({"REQUESTS_CA_BUNDLE": "/ours"}, ALIAS), id="a network alias"),
        pytest.param(case({"SSL_CERT_FILE": "/ours"}, ALIAS, library="go"), id="a network alias, go"),
        pytest.param(case({"JAVA_TOOL_OPTIONS": f"-Xmx1g {JAVA}"}, library="java"), id="java"),
        pytest.param(case(PHP, library="php"), id="php"),
    ],
)
def test_no_problems(seen: Diagnostics) -> None:
    assert wrong(seen) == []


@pytest.mark.parametrize(
    ("seen", "what", "change"),
    [
        pytest.param(
            case({"TWILIO_REGION": "us1"}),
            "TWILIO_REGION set: libraries change the host of a base URL from 127.0.0.1:2010 to 127.us1.0.1:2010",
            "unset TWILIO_REGION",
            id="region",
        ),
        pytest.param(
            case({"TWILIO_EDGE": "sydney"}, PLAIN), " to 127.sydney.0.0.1:2010", "unset TWILIO_EDGE", id="edge"
        ),
        pytest.param(
            case({"TWILIO_REGION": "ie1", "TWILIO_EDGE": "dublin"}, EmulatorInfo(url="http://localhost:2010")),
            " to localhost:2010.dublin.ie1.localhost:2010",
            "unset TWILIO_REGION TWILIO_EDGE",
            id="both",
        ),
        pytest.param(
            case({"TWILIO_EDGE": "dublin"}, EmulatorInfo(url="http://emulator:2010")),
            " to emulator:2010.dublin.us1.emulator:2010",
            "unset TWILIO_EDGE",
            id="an edge has a region",
        ),
        pytest.param(
            case({"TWILIO_ACCOUNT_SID": "AC123"}),
            "TWILIO_ACCOUNT_SID=AC123 is not an AccountSid",
            "export TWILIO_ACCOUNT_SID=ACaaaa",
            id="account",
        ),
        pytest.param(
            case({"TWILIO_AUTH_TOKEN": "test_token"}),
            "twilio-go rejects it (21222)",
            "use a token of letters and digits for the emulator (--auth-token)",
            id="token",
        ),
        pytest.param(
            case(CREDENTIALS, refusal="401 Authenticate"),
            "rejects TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN: 401 Authenticate",
            "export TWILIO_AUTH_TOKEN=0000",
            id="credentials",
        ),
        pytest.param(
            case({"HTTPS_PROXY": "http://me:secret@corp:3128"}),
            "HTTPS_PROXY is http://…@corp:3128, not the emulator's proxy: without a base URL the program calls",
            f"export HTTPS_PROXY={PROXY}",
            id="another proxy",
        ),
        pytest.param(
            case(PYTHON | {"https_proxy": "http://127.0.0.1:2013"}),
            "https_proxy is http://127.0.0.1:2013",
            f"export https_proxy={PROXY}",
            id="another port, in the name that wins",
        ),
        pytest.param(
            case({"HTTP_PROXY": "http://corp:3128"}, PLAIN),
            "NO_PROXY does not include 127.0.0.1",
            "export NO_PROXY=localhost,127.0.0.1,::1 no_proxy=localhost,127.0.0.1,::1",
            id="plain http through a proxy",
        ),
        pytest.param(
            case({"ALL_PROXY": "http://corp:3128", "NO_PROXY": "localhost"}, EmulatorInfo(url="http://emulator:2010")),
            "NO_PROXY does not include emulator",
            "export NO_PROXY=localhost,127.0.0.1,::1,emulator",
            id="a service through a proxy",
        ),
        *(
            pytest.param(
                case(PYTHON | {"NO_PROXY": f"a, {entry}"}), f"NO_PROXY includes {entry!r}", 'eval "$(', id=entry
            )
            for entry in ("*", "twilio.com", ".twilio.com", "*.twilio.com", "api.twilio.com:443")
        ),
        pytest.param(
            case({}),
            "no proxy variable is set to its proxy: without a base URL the program calls the real",
            'eval "$(',
            id="nothing set",
        ),
        pytest.param(case({}, library="python"), "calls the real Twilio", 'eval "$(', id="nothing set for python"),
        pytest.param(
            case({"JAVA_TOOL_OPTIONS": "-Xmx1g"}, library="java"),
            "calls the real Twilio",
            'eval "$(',
            id="nothing set for java",
        ),
        pytest.param(
            case({}, PLAIN),
            "has no proxy, so a program without a base URL calls the real",
            "serve --tls-port",
            id="no proxy",
        ),
        pytest.param(case({"REQUESTS_CA_BUNDLE": "/ours"}), "no proxy variable", 'eval "$(', id="a CA, no proxy"),
        pytest.param(case({"REQUESTS_CA_BUNDLE": "/theirs"}, ALIAS), "has no proxy", "serve", id="an alias, no CA"),
        pytest.param(
            case({"HTTP_PROXY": "http://corp:3128"}, base_url=True),
            "NO_PROXY does not include 127.0.0.1",
            "export NO_PROXY=",
            id="a base URL through a proxy",
        ),
        pytest.param(
            case(PYTHON | {"TWILIO_EDGE": "sydney"}, base_url=True),
            " to 127.sydney",
            "unset",
            id="a base URL with an edge",
        ),
        pytest.param(
            case({"HTTPS_PROXY": PROXY}),
            "not set: a CA variable (NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE)",
            'eval "$(twilio-udm-emulator env --url http://127.0.0.1:2010)"',
            id="no CA",
        ),
        pytest.param(
            case({"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": "/ours"}),
            "no library reads both",
            'eval "$(',
            id="proxy of one library, CA of another",
        ),
        pytest.param(
            case({"HTTPS_PROXY": PROXY}, library="go"),
            "not set: SSL_CERT_FILE",
            'eval "$(twilio-udm-emulator env go --url http://127.0.0.1:2010)"',
            id="no CA for go",
        ),
        pytest.param(
            case({"HTTPS_PROXY": PROXY}, library="php"),
            "not set: PHP_INI_SCAN_DIR",
            'eval "$(twilio-udm-emulator env php',
            id="no setting for php",
        ),
        *(
            pytest.param(
                case({"JAVA_TOOL_OPTIONS": value}, library="java"),
                "JAVA_TOOL_OPTIONS does not contain the values that attach java",
                'eval "$(twilio-udm-emulator env java',
                id=f"java, {value[:40]}",
            )
            for value in (
                "-Dhttps.proxyHost=127.0.0.1",
                JAVA.replace("2012", "20120"),
                JAVA.replace("127.0.0.1", "corp"),
            )
        ),
        *(
            pytest.param(
                case(PHP | {"PHP_INI_SCAN_DIR": value}, library="php"),
                "PHP_INI_SCAN_DIR does not contain the values that attach php",
                'eval "$(twilio-udm-emulator env php',
                id=f"php, {value}",
            )
            for value in ("/etc/more", ":/etc/php/8.2/conf.d")
        ),
        pytest.param(
            case(PYTHON | {"REQUESTS_CA_BUNDLE": "/stale"}),
            "REQUESTS_CA_BUNDLE=/stale contains the CA of an earlier start",
            'eval "$(twilio-udm-emulator env ',
            id="stale CA",
        ),
        pytest.param(
            case(NODE | {"NODE_EXTRA_CA_CERTS": "/theirs"}, library="node"),
            "NODE_EXTRA_CA_CERTS=/theirs does not contain the emulator's CA",
            'eval "$(twilio-udm-emulator env node ',
            id="another CA",
        ),
        pytest.param(
            case(PYTHON | {"REQUESTS_CA_BUNDLE": "/missing"}, library="python"),
            "REQUESTS_CA_BUNDLE=/missing cannot be read",
            'eval "$(twilio-udm-emulator env python ',
            id="no file",
        ),
        pytest.param(
            case({"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1", "TWILIO_CA_BUNDLE": "/ours"}),
            "twilio-node ignores TWILIO_CA_BUNDLE when HTTP_PROXY is set",
            'eval "$(twilio-udm-emulator env node ',
            id="node's own CA variable",
        ),
        pytest.param(case({}, tls_failure="no TLS"), "as api.twilio.com: no TLS", "restart the emulator", id="TLS"),
        pytest.param(
            case({}, proxy_failure="HTTP/1.1 403 Forbidden"), "to api.twilio.com: HTTP/1.1 403", "restart", id="proxy"
        ),
    ],
)
def test_each_problem_has_one_fix(seen: Diagnostics, what: str, change: str) -> None:
    found = wrong(seen)

    assert any(what in one and change in other for one, other in found), found


REACHES = ("works without code changes: ", "network alias")
VALUES = {
    "HTTPS_PROXY": ("", PROXY, "http://corp:3128"),
    "HTTP_PROXY": ("", PROXY, "http://corp:3128"),
    "NO_PROXY": ("", "127.0.0.1", "*"),
    "REQUESTS_CA_BUNDLE": ("", "/ours", "/stale", "/theirs", "/missing"),
    "NODE_EXTRA_CA_CERTS": ("", "/ours", "/theirs"),
    "SSL_CERT_FILE": ("", "/ours"),
    "JAVA_TOOL_OPTIONS": ("", JAVA),
}


@pytest.mark.parametrize("emulator", [WHOLE, PLAIN, ALIAS], ids=["proxy", "no proxy", "alias"])
@pytest.mark.parametrize("library", [None, *(name for name in LIBRARIES if name != "docker")])
def test_exit_code_0_if_emulator_is_reached(emulator: EmulatorInfo, library: str | None) -> None:
    """Over all combinations of variables: nothing is wrong only where some library needs no change in code."""
    for values in itertools.product(*VALUES.values()):
        seen = case(dict(zip(VALUES, values, strict=True)), emulator, library)
        findings = diagnose(seen)
        reached = any(finding.weight is not Severity.WRONG and REACHES[0] in finding.what for finding in findings)

        assert wrong(seen) or reached or any(REACHES[1] in finding.what for finding in findings), seen.environ


@pytest.mark.parametrize("emulator", [WHOLE, PLAIN, ALIAS], ids=["proxy", "no proxy", "alias"])
def test_base_url_avoids_real_twilio_errors(emulator: EmulatorInfo) -> None:
    for values in itertools.product(*VALUES.values()):
        environ = dict(zip(VALUES, values, strict=True))
        findings = diagnose(case(environ, emulator))
        with_base_url = diagnose(case(environ, emulator, base_url=True))

        assert all(finding.weight is Severity.WRONG for finding in findings if "real Twilio" in finding.what)
        assert not any("real Twilio" in finding.what for finding in with_base_url)


def test_finding_format() -> None:
    """A line for the finding, and a line for its fix."""
    text = render(diagnose(case({"TWILIO_REGION": "ie1"}, PLAIN)))

    assert "wrong TWILIO_REGION set: " in text
    assert "      → unset TWILIO_REGION\n" in text


# --- against a running emulator


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Command("--port", "0", "--tls-port", "0", "--proxy-port", "0") as running:
        yield running.site().url


def doctor(*argv: str, **environ: str) -> tuple[int, str]:
    out = io.StringIO()
    return run(["doctor", *argv], environ, out), out.getvalue()


def variables(url: str, folder: Path) -> dict[str, str]:
    out = io.StringIO()
    assert run(["env", "--url", url, "--dir", str(folder), "--format", "dotenv"], {}, out) == 0
    return dict(line.split("=", 1) for line in out.getvalue().splitlines() if not line.startswith("#"))


def test_env_output_has_no_problems(url: str, tmp_path: Path) -> None:
    code, text = doctor("--url", url, **variables(url, tmp_path))

    assert code == 0, text
    assert "wrong" not in text
    assert "ok    works without code changes: python, node, ruby, go, csharp, cli\n" in text
    assert text.count("api.twilio.com") == 2


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"TWILIO_ACCOUNT_SID": "AC123", "TWILIO_AUTH_TOKEN": "wrong"},
        {"TWILIO_ACCOUNT_SID": "AC" + "e" * 32, "TWILIO_AUTH_TOKEN": "wrong"},
        {"TWILIO_REGION": "ie1", "TWILIO_EDGE": "dublin"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"},
        {"REQUESTS_CA_BUNDLE": "/missing", "TWILIO_CA_BUNDLE": "/missing"},
    ],
    ids=lambda environ: " ".join(environ) or "nothing set",
)
@pytest.mark.parametrize("library", ["", "node", "java"])
def test_output_can_be_pasted(url: str, tmp_path: Path, library: str, environ: dict[str, str]) -> None:
    """Each line to change is run in a shell, until nothing is wrong; no program needs more than four."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = {**FAKED_TIME, "PATH": path, "XDG_CACHE_HOME": str(tmp_path), "EMULATOR_URL": url, **environ}
    lines: list[str] = []
    for _ in range(5):
        script = "\n".join([*lines, f"twilio-udm-emulator doctor {library}"])
        done = subprocess.run(["bash", "-c", script], env=shell, capture_output=True, text=True, check=False)
        if done.returncode != 1:
            break
        lines.append(re.findall(r"^wrong .*\n      → (.*)", done.stdout, re.MULTILINE)[0])

    assert done.returncode == 0, (lines, done.stdout, done.stderr)
    assert done.stderr == ""


def test_the_ca_of_another_emulator_is_stale(url: str, tmp_path: Path) -> None:
    mine = variables(url, tmp_path)
    with Command("--port", "0", "--proxy-port", "0") as other:
        variables(other.site().url, tmp_path)
    code, text = doctor("--url", url, "python", **mine)

    assert code == 1
    assert "wrong REQUESTS_CA_BUNDLE=" in text
    assert "contains the CA of an earlier start" in text


def test_wrong_token_is_found_by_a_dry_run(url: str) -> None:
    code, text = doctor("--url", url, TWILIO_ACCOUNT_SID="AC" + "e" * 32, TWILIO_AUTH_TOKEN="real")

    assert code == 1
    assert "401 Authenticate" in text


@pytest.mark.parametrize("host", ["127.us1.0.1", "127.dublin.ie1.0.1:2010"])
def test_server_also_explains_host_of_region(url: str, host: str) -> None:
    """The server's error for a host that a library derived from TWILIO_REGION names the cause too."""
    with Site(url).connect() as connection:
        connection.send(f"GET /_emulator/messages HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        reply = connection.reply("GET")

    assert reply.status == 403
    assert "unset TWILIO_REGION and TWILIO_EDGE" in reply.text


def test_server_that_is_not_an_emulator(capsys: pytest.CaptureFixture[str], url: str) -> None:
    host = url.removeprefix("http://")
    proxy = next(line for line in doctor("--url", url)[1].splitlines() if "routes api.twilio.com" in line).split()[1]
    code, _ = doctor("--url", proxy)

    assert host not in proxy
    assert code == 2
    assert capsys.readouterr().err.startswith(f"twilio-udm-emulator: {proxy}: ")


def test_ca_request_uses_the_control_token(capsys: pytest.CaptureFixture[str]) -> None:
    with Command("--port", "0", "--proxy-port", "0", "--control-token", "secret") as running:
        site = running.site().url
        without, _ = doctor("--url", site)
        code, text = doctor("--url", site, "--base-url", EMULATOR_CONTROL_TOKEN="secret")

    assert without == 2
    assert "set EMULATOR_CONTROL_TOKEN" in capsys.readouterr().err
    assert code == 0, text


def test_missing_control_token_is_not_ok() -> None:
    with Command("--port", "0", "--control-token", "secret") as running:
        site = running.site().url
        _, without = doctor("--url", site, **CREDENTIALS)
        _, text = doctor("--url", site, EMULATOR_CONTROL_TOKEN="secret", **CREDENTIALS)

    assert "the emulator accepts AC" not in without.replace("cannot check whether the emulator accepts AC", "")
    assert " and its token: it requires a control token; set EMULATOR_CONTROL_TOKEN\n" in without
    assert "ok    the emulator accepts AC" in text


def test_docker_cannot_be_checked(capsys: pytest.CaptureFixture[str], url: str) -> None:
    code, text = doctor("docker", "--url", url)

    assert (code, text) == (2, "")
    assert "doctor cannot check a container" in capsys.readouterr().err
