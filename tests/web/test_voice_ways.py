"""The other ways to bring the Voice SDK here, each as docs/voice.md writes it down."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import playwright
import pytest
from playwright.sync_api import Browser, Page
from support.browser import FLAGS, PATIENCE, Launch, executable
from support.server import Caller, Running, Site
from support.softphone import sealed, served

from emulator.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "voice.md").read_text()
MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


def told(pattern: str) -> str:
    """What the document says, of which this pattern is the group."""
    (found,) = re.findall(pattern, DOCUMENT, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def secure() -> Iterator[Site]:
    """An emulator with a TLS port."""
    with Running(Settings(port=0, tls_port=0)) as running:
        yield running.site


@pytest.fixture(scope="module")
def tls_port(secure: Site) -> int:
    port = urlsplit(secure.https).port
    assert port is not None
    return port


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    """A Chromium with a microphone."""
    browser = launch(*MICROPHONE)
    yield browser
    browser.close()


def talk(page: Page, site: Site, options: str = "{}") -> None:
    """A call, and a message each way."""
    page.evaluate(f"start({options})")
    page.evaluate("dial()")
    caller = Caller(site, call=page.evaluate("next('accept')")["call_sid"])
    sid = caller.send().json()["sid"]
    received = page.evaluate("next('messageReceived')")
    sent = page.evaluate("say({ thanks: true })")

    assert received["voiceEventSid"] == sid
    assert page.evaluate("next('messageSent')")["voiceEventSid"] == sent
    page.evaluate("device.destroy()")


def opened(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    strangers = sealed(context)
    with served("") as url:
        page = context.new_page()
        page.goto(url)
        yield page
        context.close()
    # Without the shim the SDK still asks Twilio for its sounds; here nobody answers.
    assert [url for url in strangers if not url.startswith("https://sdk.twilio.com/js/client/sounds/")] == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    yield from opened(browser)


@pytest.mark.parametrize(
    "option",
    [pytest.param(r"chunderw: \"[^\"]+\"", id="a private one"), pytest.param(r"edge: \"[^\"]+\"", id="an edge")],
)
def test_an_option_is_enough(page: Page, secure: Site, tls_port: int, option: str) -> None:
    talk(page, secure, f"{{ {told(f'({option})').replace('2443', str(tls_port))} }}")


def test_a_flag_is_enough(launch: Launch, secure: Site, tls_port: int) -> None:
    flag = told(r"(--host-resolver-rules=[^\n]+)").replace("2443", str(tls_port))
    browser = launch(*MICROPHONE, flag)
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    with served("") as url:
        page = context.new_page()
        page.goto(url)
        with page.expect_response("https://sdk.twilio.com/**") as sound:
            talk(page, secure)
        media_type = sound.value.header_value("content-type")
        browser.close()

    assert media_type == "audio/wav"


SCRIPT = """
const { chromium } = require(process.argv[1]);
const [executablePath, url, flags] = process.argv.slice(2);
(async () => {
  const browser = await chromium.launch({ executablePath, args: JSON.parse(flags) });
  const page = await browser.newPage();
  %s
  await page.goto(url);
  await page.evaluate("start()");
  await page.evaluate("dial()");
  await page.evaluate("next('accept')");
  const sid = await page.evaluate("say(1)");
  const sent = await page.evaluate("next('messageSent')");
  console.log(sid === sent.voiceEventSid);
  await browser.close();
  process.exit(); // the route's own socket is still open
})().catch((error) => { console.error(error); process.exit(1); });
"""


def test_playwrights_own_route_is_enough(browser: Browser, site: Site) -> None:
    """In Playwright's own Node, which is new enough."""
    driver = Path(playwright.__file__).parent / "driver"
    block = told(r"(await page\.routeWebSocket.*?)```").replace("127.0.0.1:2010", site.url.removeprefix("http://"))
    with served("") as url:
        done = subprocess.run(
            [
                *(str(driver / "node"), "-e", SCRIPT % block, str(driver / "package")),
                *(executable() or browser.browser_type.executable_path, url, json.dumps([*FLAGS, *MICROPHONE])),
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert (done.stdout, done.stderr) == ("true\n", "")


def test_an_init_script_is_enough(page: Page, site: Site) -> None:
    first, second = re.findall(r"context\.add_init_script\((.*)\)", DOCUMENT)
    page.context.add_init_script(first.strip('"').replace("http://127.0.0.1:2010", site.url))
    assert second == 'path="voice-shim.js"'
    page.context.add_init_script(site.get("/_emulator/voice-shim.js").text)
    page.reload()

    talk(page, site)
