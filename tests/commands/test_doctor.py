"""What `doctor` finds: each diagnosis by a table of what was seen, and the command against a running emulator."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Command, Site

from emulator.cli import run
from emulator.commands import trust
from emulator.commands.doctor import Case, Weight, diagnose, render
from emulator.commands.libraries import LIBRARIES
from emulator.commands.probes import Emulator

OURS = "-----BEGIN CERTIFICATE-----\nT3Vycw==\n-----END CERTIFICATE-----\n"
THEIRS = "-----BEGIN CERTIFICATE-----\nVGhlaXJz\n-----END CERTIFICATE-----\n"
WHOLE = Emulator(
    url="http://127.0.0.1:2010",
    version="1",
    tls="https://127.0.0.1:2011",
    proxy="http://127.0.0.1:2012",
    ca=OURS,
)
PLAIN = Emulator(url="http://127.0.0.1:2010", version="1")
PROXY = "http://127.0.0.1:2012"
FILES = {
    "/ours": THEIRS + trust.OURS + "\n" + OURS,
    "/stale": THEIRS + trust.OURS + "\n" + OURS.replace("T3Vycw==", "RWFybGllcg=="),
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


def case(environ: dict[str, str], emulator: Emulator = WHOLE, library: str | None = None, **seen: str) -> Case:
    return Case(
        environ=environ, emulator=emulator, library=LIBRARIES[library] if library else None, files=FILES, **seen
    )


def wrong(seen: Case) -> list[tuple[str, str]]:
    return [(finding.what, finding.change) for finding in diagnose(seen) if finding.weight is Weight.WRONG]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(case({}, PLAIN), id="nothing set, no proxy"),
        pytest.param(case({}), id="nothing set"),
        pytest.param(case(CREDENTIALS, PLAIN), id="credentials"),
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
        pytest.param(case({"TWILIO_AUTH_TOKEN": "a-b"}, library="python"), id="a token that only go refuses"),
        pytest.param(case({"HTTPS_PROXY": "http://corp:3128"}, PLAIN), id="a company's proxy, and a base URL"),
        pytest.param(case({"HTTP_PROXY": "http://corp:3128", "no_proxy": "*"}, PLAIN), id="all is direct"),
        pytest.param(case({"SSL_CERT_FILE": "/theirs"}), id="a company's roots, and a base URL"),
        pytest.param(case({"JAVA_TOOL_OPTIONS": f"-Xmx1g {JAVA}"}, library="java"), id="java"),
        pytest.param(case({"JAVA_TOOL_OPTIONS": "-Xmx1g"}, library="java"), id="java, nothing of ours"),
        pytest.param(case(PHP, library="php"), id="php"),
    ],
)
def test_all_is_well(seen: Case) -> None:
    assert wrong(seen) == []


@pytest.mark.parametrize(
    ("seen", "what", "change"),
    [
        pytest.param(
            case({"TWILIO_REGION": "us1"}),
            "TWILIO_REGION set: the host of a base URL, 127.0.0.1:2010, becomes 127.us1.0.1:2010",
            "unset TWILIO_REGION",
            id="region",
        ),
        pytest.param(
            case({"TWILIO_EDGE": "sydney"}, PLAIN), "becomes 127.sydney.0.0.1:2010", "unset TWILIO_EDGE", id="edge"
        ),
        pytest.param(
            case({"TWILIO_REGION": "ie1", "TWILIO_EDGE": "dublin"}, Emulator(url="http://localhost:2010")),
            "becomes localhost:2010.dublin.ie1.localhost:2010",
            "unset TWILIO_REGION TWILIO_EDGE",
            id="both",
        ),
        pytest.param(
            case({"TWILIO_EDGE": "dublin"}, Emulator(url="http://emulator:2010")),
            "becomes emulator:2010.dublin.us1.emulator:2010",
            "unset TWILIO_EDGE",
            id="an edge has a region",
        ),
        pytest.param(
            case({"TWILIO_ACCOUNT_SID": "AC123"}),
            "TWILIO_ACCOUNT_SID=AC123 is no AccountSid",
            "export TWILIO_ACCOUNT_SID=ACaaaa",
            id="account",
        ),
        pytest.param(
            case({"TWILIO_AUTH_TOKEN": "test_token"}),
            "twilio-go refuses it (21222)",
            "letters and digits (--auth-token)",
            id="token",
        ),
        pytest.param(
            case(CREDENTIALS, refusal="401 Authenticate"),
            "refuses TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN: 401 Authenticate",
            "export TWILIO_AUTH_TOKEN=0000",
            id="credentials",
        ),
        pytest.param(
            case({"HTTPS_PROXY": "http://me:secret@corp:3128"}),
            "HTTPS_PROXY leads to http://…@corp:3128, not to the emulator",
            f"export HTTPS_PROXY={PROXY}",
            id="another proxy",
        ),
        pytest.param(
            case(PYTHON | {"https_proxy": "http://127.0.0.1:2013"}),
            "https_proxy leads to http://127.0.0.1:2013",
            f"export https_proxy={PROXY}",
            id="another port, in the name that wins",
        ),
        pytest.param(
            case({"HTTP_PROXY": "http://corp:3128"}, PLAIN),
            "NO_PROXY does not name 127.0.0.1",
            "export NO_PROXY=localhost,127.0.0.1,::1 no_proxy=localhost,127.0.0.1,::1",
            id="plain http through a proxy",
        ),
        pytest.param(
            case({"ALL_PROXY": "http://corp:3128", "NO_PROXY": "localhost"}, Emulator(url="http://emulator:2010")),
            "NO_PROXY does not name emulator",
            "export NO_PROXY=localhost,127.0.0.1,::1,emulator",
            id="a service through a proxy",
        ),
        *(
            pytest.param(case(PYTHON | {"NO_PROXY": f"a, {entry}"}), f"NO_PROXY has {entry!r}", "take ", id=entry)
            for entry in ("*", "twilio.com", ".twilio.com", "*.twilio.com", "api.twilio.com:443")
        ),
        pytest.param(
            case({"HTTPS_PROXY": PROXY}),
            "not set: a CA variable (NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE)",
            'eval "$(twilio-udm-emulator env --url http://127.0.0.1:2010)"',
            id="no CA",
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
                "JAVA_TOOL_OPTIONS does not hold what attaches java",
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
                "PHP_INI_SCAN_DIR does not hold what attaches php",
                'eval "$(twilio-udm-emulator env php',
                id=f"php, {value}",
            )
            for value in ("/etc/more", ":/etc/php/8.2/conf.d")
        ),
        pytest.param(
            case(PYTHON | {"REQUESTS_CA_BUNDLE": "/stale"}),
            "REQUESTS_CA_BUNDLE=/stale holds the CA of an earlier start",
            'eval "$(twilio-udm-emulator env ',
            id="stale CA",
        ),
        pytest.param(
            case(NODE | {"NODE_EXTRA_CA_CERTS": "/theirs"}, library="node"),
            "NODE_EXTRA_CA_CERTS=/theirs does not hold the emulator's CA",
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
            "set NODE_EXTRA_CA_CERTS instead",
            id="node's own CA variable",
        ),
        pytest.param(case({}, tls_failure="no TLS"), "as api.twilio.com: no TLS", "restart the emulator", id="TLS"),
        pytest.param(
            case({}, proxy_failure="HTTP/1.1 403 Forbidden"), "to api.twilio.com: HTTP/1.1 403", "restart", id="proxy"
        ),
    ],
)
def test_what_would_go_wrong_has_one_thing_to_change(seen: Case, what: str, change: str) -> None:
    found = wrong(seen)

    assert any(what in one and change in other for one, other in found), found


def test_a_finding_is_a_line_and_a_line_to_change_it() -> None:
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


def test_what_env_prints_is_well(url: str, tmp_path: Path) -> None:
    code, text = doctor("--url", url, **variables(url, tmp_path))

    assert code == 0, text
    assert "wrong" not in text
    assert "ok    no change in code for: python, node, ruby, go, csharp, cli\n" in text
    assert text.count("api.twilio.com") == 2


def test_the_ca_of_another_emulator_is_stale(url: str, tmp_path: Path) -> None:
    mine = variables(url, tmp_path)
    with Command("--port", "0", "--proxy-port", "0") as other:
        variables(other.site().url, tmp_path)
    code, text = doctor("--url", url, "python", **mine)

    assert code == 1
    assert "wrong REQUESTS_CA_BUNDLE=" in text
    assert "holds the CA of an earlier start" in text


def test_a_wrong_token_is_told_by_the_emulator_and_not_journalled(url: str) -> None:
    code, text = doctor("--url", url, TWILIO_ACCOUNT_SID="AC" + "e" * 32, TWILIO_AUTH_TOKEN="real")

    assert code == 1
    assert "401 Authenticate" in text


@pytest.mark.parametrize("host", ["127.us1.0.1", "127.dublin.ie1.0.1:2010"])
def test_a_host_made_by_a_region_is_told_by_the_server_too(url: str, host: str) -> None:
    with Site(url).connect() as connection:
        connection.send(f"GET /_emulator/messages HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        reply = connection.reply("GET")

    assert reply.status == 403
    assert "unset TWILIO_REGION and TWILIO_EDGE" in reply.text


def test_a_server_that_is_no_emulator_is_told(capsys: pytest.CaptureFixture[str], url: str) -> None:
    host = url.removeprefix("http://")
    proxy = next(line for line in doctor("--url", url)[1].splitlines() if "leads api.twilio.com" in line).split()[1]
    code, _ = doctor("--url", proxy)

    assert host not in proxy
    assert code == 2
    assert capsys.readouterr().err.startswith(f"twilio-udm-emulator: {proxy}: ")


def test_with_a_control_token_the_ca_is_asked_for_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Command("--port", "0", "--proxy-port", "0", "--control-token", "secret") as running:
        site = running.site().url
        without, _ = doctor("--url", site)
        code, text = doctor("--url", site, EMULATOR_CONTROL_TOKEN="secret")

    assert without == 2
    assert "set EMULATOR_CONTROL_TOKEN" in capsys.readouterr().err
    assert code == 0, text


def test_what_a_control_token_hides_is_not_called_well() -> None:
    with Command("--port", "0", "--control-token", "secret") as running:
        site = running.site().url
        _, without = doctor("--url", site, **CREDENTIALS)
        _, text = doctor("--url", site, EMULATOR_CONTROL_TOKEN="secret", **CREDENTIALS)

    assert "the emulator takes AC" not in without.replace("whether the emulator takes AC", "")
    assert "is not known: it asks for its control token; set EMULATOR_CONTROL_TOKEN\n" in without
    assert "ok    the emulator takes AC" in text


def test_docker_is_no_choice_of_the_doctor(capsys: pytest.CaptureFixture[str], url: str) -> None:
    code, text = doctor("docker", "--url", url)

    assert (code, text) == (2, "")
    assert "the doctor does not see into containers" in capsys.readouterr().err
