"""Messages in both directions between a page with the real Voice SDK, in Chromium, and the shop."""

import shutil
import socket
import threading

import pytest
import uvicorn
from app import create_app
from playwright.sync_api import expect, sync_playwright


@pytest.fixture
def shop(twilio_client, twilio_emulator):
    """The URL of the shop, which receives callbacks of the emulator."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    shim = f'<script src="{twilio_emulator.url}/_emulator/voice-shim.js"></script>'
    config = uvicorn.Config(create_app(twilio_client, url=url, shim=shim), log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(shop):
    """The shop's page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(shop)
        yield page
        browser.close()


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_question_and_answer(page, answer):
    page.get_by_role("button", name="Call the shop").click()
    page.get_by_role("button", name="Ask me").click()
    expect(page.locator("#question")).to_contain_text("Deliver it today?")
    page.get_by_role("button", name=answer, exact=True).click()

    expect(page.locator("#log")).to_contain_text(f"The server received: {answer.lower()}")
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("#log")).to_contain_text("The call has ended")
