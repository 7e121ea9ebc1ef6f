"""One browser for all; each test has a profile of its own, and nothing may go wrong unseen in any of its tabs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from support.browser import PATIENCE, Launch, Open, launched
from support.server import Caller, Servers, Site, serving


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Launches a Chromium with further flags."""
    with sync_playwright() as playwright:
        yield lambda *flags: launched(playwright, *flags)


@pytest.fixture(scope="session")
def browser(launch: Launch) -> Iterator[Browser]:
    """A Chromium."""
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def opened(context: BrowserContext) -> Iterator[Open]:
    """Opens the page and waits until it listens; at the end, nothing may have gone wrong in any tab."""
    wrong: list[str] = []

    def opened(site: Site, query: str = "", *, live: bool = True) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))  # type: ignore[call-overload]
        page.goto(f"{site.url}/{query}")
        if live:
            page.locator("#state.live").wait_for()
        return page

    yield opened
    assert wrong == []


@pytest.fixture(scope="session")
def serve() -> Iterator[Servers]:
    """Serves with the options given."""
    with serving() as serve:
        yield serve


@pytest.fixture
def site(serve: Servers) -> Site:
    """An emulator with default options that nobody else uses at the time: the journal is empty."""
    site = serve()
    assert site.ask("POST", "/_emulator/reset").status == 200
    return site


@pytest.fixture
def caller(site: Site) -> Caller:
    """An account in a call that no other test knows."""
    return Caller(site)
