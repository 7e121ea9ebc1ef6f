"""A Chromium, however it came to this machine, and what tests ask of a page."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright
from support.server import Caller
from twilio.rest import Client

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 5000
HERE = Path(__file__).parent
AXE = HERE.parent / "conformance" / "node" / "node_modules" / "axe-core" / "axe.min.js"

Open = Callable[..., Page]
Launch = Callable[..., Browser]


def missing(what: str) -> None:
    """Skip, loudly; in CI nothing is skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"there is no {what}")
    pytest.skip(f"there is no {what}")


def executable() -> str | None:
    """Debian's Chromium, or another that is here; None = Playwright's own."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path is not None), None)


def launched(playwright: Playwright, *flags: str) -> Browser:
    """A Chromium; without one the test is skipped."""
    try:
        return playwright.chromium.launch(executable_path=executable(), args=[*FLAGS, *flags])
    except Error:
        missing("Chromium; `apt-get install chromium` or `playwright install chromium` brings it")
        raise


def sdk(caller: Caller) -> Client:
    """The official library, pointed here."""
    client = Client(caller.account, caller.token)
    client.api.base_url = caller.site.url
    return client


def faulty(caller: Caller, **rule: object) -> str:
    """Add a rule for the caller's call; its id."""
    body = json.dumps({"match": {"call_sid": caller.call}, **rule}).encode()
    reply = caller.site.ask("POST", "/_emulator/faults", [("Content-Type", "application/json")], body)
    assert reply.status == 201, reply.text
    return str(reply.json()["id"])


def violations(page: Page) -> list[str]:
    """What axe finds; the context must load it."""
    found: list[str] = page.evaluate(
        "async () => (await axe.run()).violations.flatMap("
        "one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 150)} ${node.failureSummary}`))"
    )
    return found


def rows(page: Page) -> list[str]:
    """The contents shown, from the top."""
    return page.locator("[role=option]").evaluate_all(
        "rows => rows.sort((one, other) => one.ariaPosInSet - other.ariaPosInSet)"
        ".map(row => row.querySelector('.line').textContent)"
    )
