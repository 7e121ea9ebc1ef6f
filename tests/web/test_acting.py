"""What a person does here, with mouse and with keys only, in any light and on any screen."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.browser import AXE, Open, missing, violations
from support.server import Caller, Site

CHOSEN = "[role=option][aria-selected=true]"
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def held(context: BrowserContext) -> BrowserContext:
    """Time in the browser stands still until it is told to go on."""
    context.clock.install()
    return context


def test_message_is_sent_from_the_page(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    page.get_by_role("button", name="Send a test message").click()
    dialog = page.get_by_role("dialog", name="Send a message")
    dialog.get_by_label("AccountSid").fill(caller.account)
    dialog.get_by_label("CallSid").fill(caller.call)
    dialog.get_by_label("Content").fill('{"by":"hand"}')
    dialog.get_by_role("button", name="New").click()
    dialog.get_by_role("button", name="Send").click()

    expect(dialog.get_by_label("Response body")).to_contain_text("KX")
    expect(page.locator("[role=option]")).to_have_count(1)
    dialog.get_by_label("AuthToken").fill("wrong")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_label("Response body")).to_contain_text("20003")
    assert caller.messages()[0]["content"] == '{"by":"hand"}'
    assert caller.messages()[0]["idempotency_key"]


def test_call_life_cycle(opened: Open, caller: Caller) -> None:
    """A call is registered, ended and deleted."""
    caller.send()
    page = opened(caller.site)
    page.locator("[role=option]").click()
    page.get_by_role("button", name="Call…").click()
    dialog = page.get_by_role("dialog", name="Calls")
    expect(dialog.get_by_label("CallSid")).to_have_value(caller.call)
    dialog.get_by_role("button", name="End call").click()
    expect(dialog.locator("#registered")).to_contain_text("completed")
    assert caller.send().json()["code"] == 21220

    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.locator("#registered")).to_contain_text("No calls are registered")
    assert caller.send().status == 201


def test_reset_can_be_undone(held: BrowserContext, opened: Open, caller: Caller) -> None:
    caller.send('{"stays":1}')
    other = Caller(caller.site)
    other.send('{"goes":1}')
    page = opened(caller.site)
    page.locator("[role=option]", has_text="goes").click()

    def reset() -> None:
        page.get_by_role("button", name="Reset", exact=True).first.click()
        page.get_by_role("radio").first.check()
        page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()

    reset()
    held.clock.run_for(3000)
    page.get_by_role("button", name="Undo").click()
    held.clock.run_for(4000)
    assert len(other.messages()) == 1
    reset()
    held.clock.run_for(5000)
    expect(page.locator(".toast", has_text="1 request deleted")).to_be_visible()
    held.clock.run_for(1000)
    expect(page.locator("[role=option]")).to_have_count(1)
    assert (len(other.messages()), len(caller.messages())) == (0, 1)


def test_the_clock_is_frozen_and_advanced(opened: Open, site: Site) -> None:
    page = opened(site)
    page.get_by_role("button", name="Clock").click()
    dialog = page.get_by_role("dialog", name="Clock")
    dialog.get_by_label("Freeze at").fill("2026-01-02T03:04:05Z")
    dialog.get_by_role("button", name="Freeze").click()
    expect(page.locator("#frozen")).to_have_text("Clock frozen at 03:04:05 UTC")
    dialog.get_by_role("button", name="Advance").click()
    expect(page.locator("#frozen")).to_have_text("Clock frozen at 04:04:05 UTC")
    assert site.get("/_emulator/clock").json()["now"] == "2026-01-02T04:04:05.000Z"
    dialog.get_by_role("button", name="Real time").click()
    expect(page.locator("#frozen")).to_be_hidden()


def test_the_theme_is_kept(opened: Open, site: Site) -> None:
    page = opened(site)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(ground) != light
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate(ground) != light


def focused(page: Page) -> str:
    name: str = page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
    return name


def test_keyboard_alone_is_enough(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    press = page.keyboard.press
    caller.send('{"first":1}')
    caller.send("no json")
    expect(page.locator("[role=option]")).to_have_count(2)
    press("j")
    expect(page.locator(CHOSEN)).to_contain_text("no json")
    press("j")
    expect(page.locator(CHOSEN)).to_contain_text("first")
    press("k")
    press("Enter")
    expect(page.locator("#detail h2")).to_be_focused()
    assert focused(page) == "Invalid Content"
    for _ in range(3):
        press("Tab")
    assert focused(page) == "copy-as"
    press("Enter")
    for _ in range(4):
        press("Tab")
    press("Enter")
    page.locator(".toast", has_text="Copied pytest assertion").wait_for()
    assert "32702" in page.evaluate("navigator.clipboard.readText()")
    press("Escape")
    assert focused(page) == "list"
    press("Escape")
    expect(page.locator(CHOSEN)).to_have_count(0)
    press("/")
    page.keyboard.type("first")
    expect(page.locator("[role=option]")).to_have_count(1)
    press("Escape")
    expect(page.locator("[role=option]")).to_have_count(2)
    press("Enter")
    assert focused(page) == "list"
    press("p")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    press("p")
    press("?")
    expect(page.get_by_role("dialog", name="Shortcuts and search")).to_be_visible()
    press("Escape")
    press("s")
    expect(page.get_by_role("dialog", name="Send a message")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys_can_be_switched_off(opened: Open, site: Site) -> None:
    page = opened(site)
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_phone_shows_one_thing_at_a_time(opened: Open, caller: Caller) -> None:
    caller.send(json.dumps({"long": "x" * 500}), key="k" * 60)
    page = opened(caller.site)
    page.set_viewport_size(PHONE)
    page.locator("[role=option]").click()
    expect(page.get_by_role("heading", name="Message created")).to_be_visible()
    expect(page.locator("#list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("#detail").evaluate("box => box.scrollWidth - box.clientWidth") == 0
    page.go_back()
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("#detail")).to_be_hidden()


def test_reduced_motion_is_respected(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    page.emulate_media(reduced_motion="reduce")
    caller.send()
    expect(page.locator("[role=option]")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing(context: BrowserContext, opened: Open, caller: Caller, scheme: str, width: int) -> None:
    if not AXE.exists():
        missing("axe-core; `npm ci` in tests/conformance/node brings it")
    context.add_init_script(path=AXE)
    page = opened(caller.site)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = {"welcome": violations(page)}
    caller.send(key="k")
    caller.send(key="k")
    caller.send('{"b":[1,true,null,{"c":"d"}]}', key="k")
    caller.send("no json")
    for at, name in enumerate(("refused", "mismatch", "replayed", "created")):
        page.locator(f"[aria-posinset='{at + 1}']").wait_for()
        page.locator("#list").press("Home" if at == 0 else "ArrowDown")
        page.locator("#list").press("Enter")
        page.locator(f"#detail .badge.{name}").first.wait_for()
        found[name] = violations(page)
        page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light", reduced_motion="reduce")
    found["the other light"] = violations(page)
    for name in ("send", "calls", "users", "faults", "clock", "reset", "help"):
        page.locator(f"#open-{name}").click()
        found[f"dialog {name}"] = violations(page)
        page.keyboard.press("Escape")
    page.get_by_label("Search requests").fill("nothing-like-this")
    page.locator("#no-match").wait_for()
    found["no match"] = violations(page)

    assert {name: what for name, what in found.items() if what} == {}
