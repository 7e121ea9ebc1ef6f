"""End users on the page: who is connected, their calls, what is said both ways, and answering in their name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from support.browser import AXE, Open, missing, violations
from support.callback_receiver import nobody
from support.server import Caller, Servers, Site, path_of

from emulator.testing.end_user import EndUser
from emulator.testing.end_user_factory import EndUsers

WILD = "<img src=x onerror=alert(1)>"


@contextmanager
def talking(site: Site, name: str = "alice") -> Iterator[tuple[EndUser, Caller]]:
    """A user who is connected and in a call, and the application's server at the other end."""
    account = Caller(site).account
    with EndUsers(site.url, account_sid=account) as users:
        user = users(name)
        yield user, Caller(site, account, user.call().sid)


def subscribe(caller: Caller, callback: str, method: str | None = None) -> str:
    """Subscribe to what the end user says; the subscription's path."""
    form = {"Callback": callback} | ({} if method is None else {"Method": method})
    path = path_of(caller.account, caller.call, resource="UserDefinedMessageSubscriptions")
    reply = caller.ask(urlencode(form).encode(), path=path)
    assert reply.status == 201, reply.text
    return path.replace(".json", f"/{reply.json()['sid']}.json")


def panel(page: Page) -> Locator:
    page.locator("#open-users").click()
    return page.get_by_role("dialog", name="Users")


def said(dialog: Locator) -> Locator:
    return dialog.get_by_role("log", name="Messages").locator("ol > li")


def test_both_directions_appear_live(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site) as (alice, server), nobody() as port:
        subscribe(server, f"{site.url}/", "GET")
        dialog = panel(page)
        expect(dialog.get_by_role("list", name="Connected users")).to_contain_text("alice")
        expect(dialog.get_by_role("heading", name="Conversation of CA")).to_be_visible()
        expect(dialog).to_contain_text("No messages yet.")
        server.send('{"question":"when?"}')
        expect(said(dialog).nth(0)).to_contain_text("Server")
        expect(said(dialog).nth(0)).to_contain_text("Delivered to alice after ")
        alice.send_message({"answer": "noon"})
        expect(said(dialog).nth(1)).to_contain_text("1 subscription notified")
        expect(said(dialog).nth(1).locator(".badge")).to_have_text("delivered")
        expect(said(dialog).nth(1)).to_contain_text(f"GET {site.url}/ 200 ")
        subscribe(server, f"http://127.0.0.1:{port}/")
        alice.send_message("again")

        expect(said(dialog).nth(2)).to_contain_text("2 subscriptions notified")
        expect(said(dialog).nth(2).locator(".badge")).to_have_text(["delivered", "failed"])
        expect(said(dialog).nth(2)).to_contain_text("32711: 2 attempts: ")
        expect(said(dialog)).to_have_count(3)
        assert said(dialog).locator(".words").all_text_contents() == [
            '{"question":"when?"}',
            '{"answer": "noon"}',
            '"again"',
        ]


def test_message_is_sent_by_keyboard(opened: Open, site: Site) -> None:
    page = opened(site)
    press = page.keyboard.press
    with talking(site) as (_, server):
        subscribe(server, f"{site.url}/", "GET")
        press("u")
        dialog = page.get_by_role("dialog", name="Users")
        expect(dialog.get_by_role("heading", name="Users")).to_be_focused()
        box = dialog.get_by_label("Message from alice, as JSON")
        expect(box).to_be_visible()
        for _ in range(6):  # Close, the user, the call, Hang up, what was said, the box
            press("Tab")
        expect(box).to_be_focused()
        page.keyboard.type('{"answer":1}')
        press("Tab")
        press("Enter")
        expect(said(dialog)).to_contain_text("1 subscription notified")
        expect(said(dialog).locator(".badge")).to_have_text("delivered")
        expect(box).to_be_focused()
        expect(box).to_have_value("")
        press("Escape")

        expect(dialog).to_be_hidden()
        (delivery,) = site.get(f"/_emulator/deliveries?call_sid={server.call}").json()["deliveries"]
        assert delivery["content"] == '{"answer":1}'


def test_invalid_message_is_explained(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site) as (alice, server):
        dialog = panel(page)
        box = dialog.get_by_label("Message from alice, as JSON")
        wrong = dialog.locator("#talk-wrong")
        box.fill("no json")
        dialog.get_by_role("button", name="Send").click()
        expect(wrong).to_contain_text("give JSON as a text")
        expect(box).to_be_focused()
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(box).to_have_value("no json")
        alice.hangup()
        dialog.get_by_label("Message from the end user").fill("{}")
        dialog.get_by_role("button", name="Send").click()

        expect(wrong).to_contain_text(f"call {server.call}")
        assert site.get(f"/_emulator/calls/{server.call}/end-user").json()["said"] == []


def test_a_user_is_called_and_hung_up(opened: Open, site: Site) -> None:
    page = opened(site)
    with EndUsers(site.url, account_sid=Caller(site).account) as users:
        alice = users("alice")
        dialog = panel(page)
        dialog.get_by_role("button", name="Call alice").click()
        call = alice.wait_for_call()
        one = dialog.get_by_role("button", name=f"{call.sid[:6]}…{call.sid[-4:]}")
        expect(one).to_contain_text("incoming, ringing")
        expect(one).to_have_attribute("aria-pressed", "true")
        call.accept()
        expect(one).not_to_contain_text("ringing")
        dialog.get_by_role("button", name=f"Hang up {call.sid}").click()
        call.wait_for_hangup()

        expect(one).to_have_count(0)
        expect(dialog.get_by_role("heading", name="Users")).to_be_focused()
        assert site.get(f"/_emulator/calls/{call.sid}").json()["status"] == "completed"


def test_one_of_several_calls_is_chosen(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site) as (_, first), talking(site, "bob") as (_, second):
        first.send('{"to":"alice"}')
        second.send('{"to":"bob"}')
        dialog = panel(page)
        expect(said(dialog).locator(".words")).to_have_text(['{"to":"alice"}'])
        dialog.get_by_role("button", name=second.call[-4:]).filter(has_text="outgoing").click()

        expect(said(dialog).locator(".words")).to_have_text(['{"to":"bob"}'])
        expect(dialog.get_by_label("Message from bob, as JSON")).to_be_visible()


def test_disconnected_user_cannot_be_called(opened: Open, site: Site) -> None:
    page = opened(site)
    with EndUsers(site.url, account_sid=Caller(site).account) as users:
        users("alice")
        dialog = panel(page)
        button = dialog.get_by_role("button", name="Call alice")
        expect(button).to_be_visible()
        stale = site.get("/_emulator/users").json()
        page.route("**/_emulator/users", lambda route: route.fulfill(json=stale))
    button.click()

    expect(dialog.get_by_role("status").first).to_contain_text("no user 'alice' is registered")


def test_cancelled_token_is_not_asked_again(context: BrowserContext, opened: Open, serve: Servers) -> None:
    context.clock.install()
    page = opened(serve(control_token="s3cret-token"), live=False)
    page.get_by_label("Token", exact=True).fill("s3cret-token")
    page.get_by_role("button", name="Unlock").click()
    page.locator("#state.live").wait_for()
    page.evaluate("sessionStorage.clear()")
    refused: list[int] = []
    page.on("response", lambda reply: refused.append(reply.status) if "/_emulator/users" in reply.url else None)
    dialog = panel(page)
    token = page.get_by_role("dialog", name="Control token")
    expect(token).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("status").first).to_contain_text("token")
    context.clock.run_for(10_000)

    assert refused == [401]


def test_panel_without_users_shows_help(opened: Open, site: Site) -> None:
    page = opened(site)
    dialog = panel(page)
    expect(dialog).to_contain_text("No Voice SDK is connected")
    expect(dialog).to_contain_text(f'<script src="{site.url}/_emulator/voice-shim.js"></script>')
    expect(dialog).to_contain_text("twilio_end_user.call()")
    dialog.get_by_role("button", name="Copy").first.click()
    assert "voice-shim.js" in page.evaluate("navigator.clipboard.readText()")
    with EndUsers(site.url, account_sid=Caller(site).account) as users:
        users("alice")

        expect(dialog.get_by_role("button", name="Call alice")).to_be_visible()
        expect(dialog).not_to_contain_text("No Voice SDK is connected", use_inner_text=True)


def test_closed_panel_sends_no_requests(context: BrowserContext, opened: Open, site: Site) -> None:
    context.clock.install()
    page = opened(site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/_emulator/users" in request.url else None)
    context.clock.run_for(10_000)
    assert asked == []
    with page.expect_response("**/_emulator/users"):
        dialog = panel(page)
    with page.expect_response("**/_emulator/users"):
        context.clock.run_for(3000)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    asked.clear()
    context.clock.run_for(10_000)
    Caller(site).send()
    expect(page.locator("[role=option]")).to_have_count(1)

    assert asked == []


def test_exchange_links_to_its_conversation(opened: Open, site: Site) -> None:
    """And the conversation links back."""
    page = opened(site)
    with talking(site) as (_, server):
        server.send('{"first":1}')
        server.send('{"second":2}')
        page.locator("[role=option]", has_text="first").click()
        detail = page.locator("#detail")
        expect(detail).to_contain_text("Delivered to alice after ")
        detail.get_by_role("button", name="Conversation of this call").click()
        dialog = page.get_by_role("dialog", name="Users")
        expect(said(dialog)).to_have_count(2)
        said(dialog).nth(1).get_by_role("button", name="request").click()

        expect(dialog).to_be_hidden()
        expect(detail.locator(".sheet")).to_contain_text("second")


def test_undelivered_message_has_a_reason(opened: Open, caller: Caller) -> None:
    caller.send('{"lost":1}')
    page = opened(caller.site)
    page.locator("[role=option]", has_text="lost").click()
    detail = page.locator("#detail")
    expect(detail).to_contain_text("Not delivered: no Voice SDK is connected to this call")
    detail.get_by_role("button", name="Conversation of this call").click()
    dialog = page.get_by_role("dialog", name="Users")

    expect(said(dialog)).to_contain_text("Not delivered: no Voice SDK is connected to this call")
    expect(dialog).to_contain_text("No Voice SDK is connected")
    box = dialog.get_by_label("Message from the end user")
    box.fill("1")
    dialog.get_by_role("button", name="Send").click()
    expect(said(dialog).nth(1)).to_contain_text("End user")
    expect(said(dialog).nth(1)).to_contain_text("No subscriptions notified")


def test_scroll_position_is_kept(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site) as (alice, server):
        server.send('{"first":1}')
        dialog = panel(page)
        request = said(dialog).nth(0).get_by_role("button", name="request")
        expect(said(dialog)).to_contain_text("Delivered to alice")
        request.focus()
        alice.send_message(1)
        server.send('{"second":2}')

        expect(said(dialog)).to_have_count(3)
        # By text: two of the same millisecond may be in either order.
        expect(said(dialog).filter(has_text="second")).to_contain_text("Delivered to alice")
        expect(request).to_be_focused()


def test_long_conversation_shows_the_newest(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site) as (_, server):
        for number in range(205):
            server.send(json.dumps({"n": number}))
        dialog = panel(page)

        expect(dialog).to_contain_text("Newest 200 of 205")
        expect(said(dialog)).to_have_count(200)
        expect(said(dialog).last).to_be_in_viewport()
        expect(said(dialog).first).to_contain_text('{"n": 5}')


def test_callbacks_are_shown_with_outcomes(opened: Open, caller: Caller) -> None:
    path = subscribe(caller, "http://127.0.0.1:9/told")
    caller.ask(b"", path=path.rpartition("/")[0] + ".json")
    caller.ask(b"", method="DELETE", path=path)
    page = opened(caller.site)
    options = page.locator("[role=option]")
    expect(options.nth(0)).to_be_visible()
    created = options.filter(has_text="Subscribe http://127.0.0.1:9/told")
    expect(created).to_have_count(1)
    deleted = options.filter(has=page.locator(".badge.deleted"))
    expect(deleted).to_contain_text("Unsubscribe ZY")
    created.click()
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name="Subscription created")).to_be_visible()
    for text in ("http://127.0.0.1:9/told", "POST"):
        expect(detail.locator("dl").first).to_contain_text(text)
    sid = path.rpartition("/")[2].removesuffix(".json")
    expect(detail.locator("dl").first).to_contain_text(sid)
    expect(detail.get_by_role("button", name="Send again")).to_have_count(0)
    detail.get_by_role("button", name="Copy as").click()
    assert detail.locator(".menu button").all_text_contents() == ["curl", "JSON", "Download JSON"]
    page.keyboard.press("Escape")
    expect(options.filter(has_text="20001").locator(".line")).to_have_text("Subscribe without Callback")
    options.filter(has_text="20001").click()
    expect(detail).to_contain_text("Send the parameter Callback")
    deleted.click()
    expect(detail.get_by_role("heading", name="Subscription deleted")).to_be_visible()
    expect(detail.locator("dl").first).to_contain_text(sid)
    expect(detail.locator("dl").first).not_to_contain_text("Method")

    page.get_by_label("Search requests").fill("outcome:deleted")
    page.get_by_label("Search requests").press("Enter")
    expect(options).to_have_count(1)


def test_scripts_in_messages_do_not_run(opened: Open, site: Site) -> None:
    page = opened(site)
    with talking(site, WILD) as (user, server):
        subscribe(server, f"{site.url}/{'%3Cimg%20src=x%20onerror=alert(1)%3E'}", "GET")
        server.send(json.dumps(WILD))
        user.send_message({WILD: WILD})
        dialog = panel(page)

        expect(said(dialog).nth(1)).to_contain_text(WILD)
        expect(said(dialog).nth(1).locator(".badge")).to_contain_text("failed")
        expect(dialog.get_by_label(f"Message from {WILD}, as JSON")).to_be_visible()
        assert page.locator("#users img, #users [onerror]").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_panel_fits_and_axe_finds_nothing(
    context: BrowserContext, opened: Open, site: Site, scheme: str, width: int
) -> None:
    if not AXE.exists():
        missing("axe-core; `npm ci` in tests/conformance/node brings it")
    context.add_init_script(path=AXE)
    page = opened(site)
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    dialog = panel(page)
    expect(dialog).to_contain_text("No Voice SDK is connected")
    found = {"nobody": violations(page)}
    with talking(site, "alice" * 20) as (user, server), nobody() as port:
        subscribe(server, f"http://127.0.0.1:{port}/{'x' * 100}")
        subscribe(server, f"{site.url}/", "GET")
        server.send(json.dumps({"long": "x" * 500}))
        user.send_message({"long": "x" * 500})
        expect(said(dialog).nth(1).locator(".badge")).to_have_text(["failed", "delivered"])
        dialog.locator("textarea").fill("no json")
        dialog.get_by_role("button", name="Send").click()
        expect(dialog.locator("#talk-wrong")).to_contain_text("JSON")
        found["talk"] = violations(page)
        assert dialog.evaluate("box => box.scrollWidth - box.clientWidth") == 0
        assert page.locator("[role=log]").evaluate("box => box.scrollWidth - box.clientWidth") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("Escape")
        expect(page.locator("[role=option]", has_text="Subscribe http")).to_have_count(2)
        found["list"] = violations(page)
        page.locator("[role=option]", has_text="Subscribe http").first.click()
        expect(page.get_by_role("heading", name="Subscription created")).to_be_visible()
        found["subscription"] = violations(page)
        assert page.locator("#detail").evaluate("box => box.scrollWidth - box.clientWidth") == 0

    assert {name: what for name, what in found.items() if what} == {}
