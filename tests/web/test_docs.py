"""`/docs` in a browser: without internet, and with everything filled in."""

import json

from playwright.sync_api import BrowserContext, expect
from support.server import Site


def test_twilio_operation_can_be_executed(context: BrowserContext, site: Site) -> None:
    hosts: set[str] = set()
    context.on("request", lambda request: hosts.add(request.url.partition("//")[2].partition("/")[0]))
    page = context.new_page()
    page.goto(f"{site.url}/docs")
    page.locator("#operations-Twilio-CreateUserDefinedMessage .opblock-summary-control").click()
    page.locator("[data-property-name=Content] input").fill('{"from":"docs"}')
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("201")
    assert [one["content"] for one in json.loads(site.get("/_emulator/messages").body)["messages"]] == [
        '{"from":"docs"}'
    ]
    assert hosts == {site.url.removeprefix("http://")}
