"""Official libraries, unmodified, by environment variables alone: through the proxy, certificates verified."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.node import program as node
from support.server import Caller, Running, Site

from emulator.settings import Settings

HERE = Path(__file__).parent / "node"
SENDS = """
import sys
from twilio.rest import Client
client = Client()
print(client.calls(sys.argv[1]).user_defined_messages.create(content='{"key":"value"}').sid)
"""
SENDS_LATER = """
import asyncio, sys
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client
async def main():
    async with AsyncTwilioHttpClient() as http:
        client = Client(http_client=http)
        if len(sys.argv) > 2:
            client.api.base_url = sys.argv[2]
        else:
            http.session._trust_env = True  # what aiohttp.ClientSession(trust_env=True) sets
        sent = await client.calls(sys.argv[1]).user_defined_messages.create_async(content='{"key":"value"}')
        print(sent.sid)
asyncio.run(main())
"""
SENDS_BY_NODE = """
require("twilio")().calls(process.argv[1]).userDefinedMessages.create({ content: '{"key":"value"}' })
  .then((message) => console.log(message.sid), (error) => { console.error(String(error)); process.exit(1); });
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An emulator that listens in every way."""
    with Running(Settings(port=0, tls_port=0, proxy_port=0)) as running:
        yield running.site


@pytest.fixture
def trust(site: Site, tmp_path: Path) -> str:
    """The file with the authority's certificate."""
    path = tmp_path / "ca.pem"
    path.write_bytes(site.get("/_emulator/ca.pem").body)
    return str(path)


def environment(caller: Caller, **variables: str) -> dict[str, str]:
    """What is set for a program, and nothing of ours that could get in between."""
    between = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
    inherited = {name: value for name, value in os.environ.items() if not name.upper().endswith(between)}
    account = {"TWILIO_ACCOUNT_SID": caller.account, "TWILIO_AUTH_TOKEN": caller.token}
    return {**inherited, **account, **variables}


def ran(command: list[str], environ: dict[str, str]) -> tuple[str, str]:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip(), done.stderr


def assert_it_arrived(caller: Caller, told: tuple[str, str]) -> None:
    sid, err = told
    assert [message["sid"] for message in caller.messages()] == [sid], err


@pytest.mark.parametrize("trusted", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_twilio_python(caller: Caller, trust: str, trusted: str) -> None:
    environ = environment(caller, HTTPS_PROXY=caller.site.proxy, **{trusted: trust})

    assert_it_arrived(caller, ran([sys.executable, "-c", SENDS, caller.call], environ))


@pytest.mark.parametrize(("region", "edge"), [("local", ""), ("", "sydney"), ("au1", "sydney")])
def test_twilio_python_with_region_and_edge(caller: Caller, trust: str, region: str, edge: str) -> None:
    where = {"TWILIO_REGION": region, "TWILIO_EDGE": edge}
    chosen = {name: value for name, value in where.items() if value}
    environ = environment(caller, HTTPS_PROXY=caller.site.proxy, REQUESTS_CA_BUNDLE=trust, **chosen)

    assert_it_arrived(caller, ran([sys.executable, "-c", SENDS, caller.call], environ))


def test_twilio_python_verifies_certificates(caller: Caller) -> None:
    sid, err = ran([sys.executable, "-c", SENDS, caller.call], environment(caller, HTTPS_PROXY=caller.site.proxy))

    assert sid == ""
    assert "CERTIFICATE_VERIFY_FAILED" in err


def test_async_client_with_https_url(caller: Caller, trust: str) -> None:
    environ = environment(caller, SSL_CERT_FILE=trust)

    command = [sys.executable, "-W", "ignore", "-c", SENDS_LATER, caller.call, caller.site.https]
    assert_it_arrived(caller, ran(command, environ))


def test_async_client_with_trust_env(caller: Caller, trust: str) -> None:
    """The async client needs only environment variables once its session reads them."""
    # The library keeps its proxy_url to itself, and aiohttp reads HTTPS_PROXY only when told to.
    environ = environment(caller, HTTPS_PROXY=caller.site.proxy, SSL_CERT_FILE=trust)

    assert_it_arrived(caller, ran([sys.executable, "-W", "ignore", "-c", SENDS_LATER, caller.call], environ))


def test_twilio_node(caller: Caller, trust: str) -> None:
    # Not by TWILIO_CA_BUNDLE: the library's proxy agent does not look at it.
    environ = environment(
        caller, HTTP_PROXY=caller.site.proxy, NODE_PATH=str(HERE / "node_modules"), NODE_EXTRA_CA_CERTS=trust
    )

    assert_it_arrived(caller, ran([node(), "-e", SENDS_BY_NODE, caller.call], environ))


def test_twilio_node_verifies_certificates(caller: Caller) -> None:
    environ = environment(caller, HTTP_PROXY=caller.site.proxy, NODE_PATH=str(HERE / "node_modules"))
    sid, err = ran([node(), "-e", SENDS_BY_NODE, caller.call], environ)

    assert sid == ""
    assert "certificate" in err


@pytest.mark.parametrize("name", ["api.twilio.com", "api.sydney.us1.twilio.com", "localhost"])
def test_curl_by_https(caller: Caller, trust: str, name: str) -> None:
    port = caller.site.https.rpartition(":")[2]
    told, err = ran(
        [
            *("curl", "-sS", "--cacert", trust, "--connect-to", f"{name}:443:127.0.0.1:{port}"),
            *("-u", f"{caller.account}:{caller.token}", "-d", "Content={}", f"https://{name}{caller.path}"),
        ],
        environment(caller),
    )

    assert_it_arrived(caller, (json.loads(told or "{}").get("sid", ""), err))


def test_curl_by_proxy(caller: Caller, trust: str) -> None:
    told, err = ran(
        [
            *("curl", "-sS", "-u", f"{caller.account}:{caller.token}", "-d", "Content={}"),
            f"https://api.twilio.com{caller.path}",
        ],
        environment(caller, HTTPS_PROXY=caller.site.proxy, CURL_CA_BUNDLE=trust),
    )

    assert_it_arrived(caller, (json.loads(told or "{}").get("sid", ""), err))
