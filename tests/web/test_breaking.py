"""Faults on purpose: added, seen at work and removed on the page, and what the client made of them."""

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from support.browser import AXE, Open, faulty, missing, violations
from support.server import Caller, Site

CHOSEN = "[role=option][aria-selected=true]"


def lost(caller: Caller, content: str = '{"a":1}', key: str | None = None) -> None:
    """Send, and get no answer."""
    with pytest.raises(ConnectionResetError):
        caller.send(content, key)


def panel(page: Page) -> Locator:
    """The panel, opened, with the profiles in it."""
    page.locator("#open-faults").click()
    dialog = page.get_by_role("dialog", name="Faults")
    expect(dialog.get_by_role("option", name="lost-answer")).to_be_attached()
    return dialog


def banner(page: Page) -> Locator:
    return page.get_by_role("region", name="Active faults")


def test_profile_life_cycle_by_keyboard(opened: Open, caller: Caller) -> None:
    """A profile is added, fires and is removed with the keyboard alone."""
    caller.send()
    page = opened(caller.site)
    press = page.keyboard.press
    press("j")
    expect(page.locator(CHOSEN)).to_have_count(1)
    press("f")
    dialog = page.get_by_role("dialog", name="Faults")
    fault = dialog.get_by_role("combobox", name="Fault")
    expect(fault).to_be_focused()
    expect(fault).to_have_value("rate-limited")
    page.keyboard.type("lost")
    expect(fault).to_have_value("lost-answer")
    expect(dialog.get_by_role("radio", name=f"Call {caller.call}")).to_be_checked()
    for _ in range(3):
        press("Tab")
    expect(dialog.get_by_label("Times")).to_be_focused()
    page.keyboard.type("2")
    press("Enter")
    expect(dialog.get_by_role("listitem")).to_contain_text(f"lost-answer for call CA0000…{caller.call[-4:]}")
    expect(dialog.get_by_role("listitem")).to_contain_text("0 matched · 0 of 2 fired · ")
    press("Escape")
    expect(banner(page).get_by_role("status")).to_contain_text("1 fault is active: lost-answer for call")

    lost(caller, key="k")

    expect(banner(page)).to_contain_text(re.compile(r"1 fired · [45]:\d\d left"))
    expect(page.locator("[role=option] .badge", has_text="created · response lost")).to_have_count(1)
    banner(page).get_by_role("button", name="Remove").focus()
    press("Enter")
    expect(banner(page).get_by_role("status")).to_have_text("")
    expect(page.get_by_role("button", name="Faults")).to_be_focused()
    expect(banner(page).get_by_role("button")).to_be_hidden()
    assert caller.send(key="k").status == 201


def test_invalid_rule_is_shown_in_the_form(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    dialog = panel(page)
    dialog.get_by_role("combobox", name="Fault").select_option(label="reply")
    rule = dialog.get_by_label("Rule, as JSON")
    said = dialog.get_by_role("status")
    assert json.loads(rule.input_value())["then"]["reply"]["status"] == 429
    for text, words in (
        ('{"then": {"reply": {"status": 42}}}', "/then/reply/status: 42 is not allowed"),
        ('{"then": ', "JSON"),
        ('{"then": {"drop": "after", "close": true}}', "exclude each other"),
    ):
        rule.fill(text)
        dialog.get_by_role("button", name="Add").click()
        expect(said).to_contain_text(words)
        expect(rule).to_be_focused()
        expect(rule).to_have_attribute("aria-invalid", "true")
    assert caller.site.get("/_emulator/faults").json()["count"] == 0

    rule.fill('{"then": {"reply": {"code": 20503}}, "match": {"idempotency_key": "k"}}')
    dialog.get_by_label("Expires after").fill("")
    dialog.get_by_role("button", name="Add").click()

    expect(said).to_contain_text("Added fault-")
    expect(rule).to_have_attribute("aria-invalid", "false")
    expect(dialog.get_by_role("listitem")).to_contain_text('for everything with {"idempotency_key":"k"}')
    assert caller.send(key="k").json()["code"] == 20503
    assert caller.send(key="other").status == 201


def test_rules_are_removed_one_by_one(opened: Open, caller: Caller) -> None:
    ids = [faulty(caller, profile=name) for name in ("outage", "slow", "flaky")]
    page = opened(caller.site)
    expect(banner(page)).to_contain_text("3 faults are active: outage for call")
    dialog = panel(page)
    expect(dialog.get_by_role("heading", name="3 rules")).to_be_visible()
    dialog.get_by_role("button", name=f"Remove {ids[1]}").click()
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog.get_by_role("button", name=f"Remove {ids[0]}")).to_be_focused()
    dialog.get_by_role("button", name="Remove all").click()

    expect(dialog.get_by_role("listitem")).to_have_count(0)
    expect(dialog.get_by_role("combobox", name="Fault")).to_be_focused()
    assert caller.site.get("/_emulator/faults").json()["count"] == 0


def test_rules_of_other_clients_are_shown(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    expect(banner(page).get_by_role("button")).to_be_hidden()
    faulty(caller, profile="outage")
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(banner(page)).to_contain_text("outage")
    caller.site.ask("POST", f"/_emulator/reset?call_sid={caller.call}")
    expect(banner(page).get_by_role("status")).to_have_text("")

    faulty(caller, profile="outage", times=1)
    assert caller.send().status == 503
    dialog = panel(page)
    expect(dialog.get_by_role("listitem")).to_contain_text("1 of 1 fired · expired")
    expect(banner(page).get_by_role("status", include_hidden=True)).to_have_text("")


def test_remaining_time_is_counted_locally(context: BrowserContext, opened: Open, caller: Caller) -> None:
    faulty(caller, profile="outage", ttl=3600)
    context.clock.install()
    page = opened(caller.site)
    count = page.locator("#broken-count")
    expect(count).to_contain_text("left")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "faults" in request.url else None)
    before = count.inner_text()
    context.clock.run_for(3000)

    expect(count).not_to_have_text(before)
    assert len(asked) <= 1


def open_row(page: Page, text: str) -> Locator:
    page.locator("[role=option]", has_text=text).click()
    detail = page.locator("#detail")
    expect(detail).to_contain_text(text)
    return detail


def test_retry_of_lost_response_is_grouped(opened: Open, caller: Caller) -> None:
    rule = faulty(caller, profile="lost-answer", times=1)
    lost(caller, key="once")
    page = opened(caller.site)
    detail = open_row(page, "response lost")
    expect(detail.get_by_role("heading", name="Message created, response lost")).to_be_visible()
    expect(detail).to_contain_text("then the connection was reset")
    expect(detail).to_contain_text(f"by {rule}")
    expect(detail).to_contain_text("The client did not receive this response.")

    caller.send('{"a":1}', key="once")

    thread = detail.locator(".retries li")
    expect(thread).to_have_count(2)
    expect(detail).to_contain_text("Attempts: 2, messages created: 1")
    expect(detail).to_contain_text("Retried with the same key: no duplicate was created.")
    expect(detail).to_contain_text("Recovered: a later attempt got a response.")
    expect(thread.nth(0)).to_contain_text("created · response lost")
    expect(thread.nth(0).get_by_role("button")).to_have_attribute("aria-current", "true")
    expect(thread.nth(1)).to_contain_text(re.compile(r"after \d+(\.\d+)? s"))
    thread.nth(1).get_by_role("button").click()
    expect(detail.get_by_role("heading", name="Message replayed")).to_be_visible()
    expect(thread.nth(1).get_by_role("button")).to_have_attribute("aria-current", "true")


def test_duplicate_without_key_is_shown(opened: Open, caller: Caller) -> None:
    faulty(caller, profile="lost-answer", times=1)
    lost(caller)
    caller.send('{"a":1}')
    page = opened(caller.site)
    detail = open_row(page, "response lost")

    expect(detail).to_contain_text("Attempts: 2, messages created: 2")
    expect(detail).to_contain_text("Retried without a key")


def test_fault_without_response_is_explained(opened: Open, caller: Caller) -> None:
    rule = faulty(caller, then={"drop": "before"}, times=1)
    lost(caller, '{"gone":1}')
    faulty(caller, then={"reply": {"code": 20429, "retry_after": 9}}, times=1)
    assert caller.send('{"limited":1}').status == 429
    caller.send('{"fine":1}')
    page = opened(caller.site)
    detail = open_row(page, "gone")
    expect(detail.get_by_role("heading", name="Injected fault")).to_be_visible()
    expect(detail).to_contain_text("reset before the request was processed")
    expect(detail).to_contain_text("No response: the connection was reset")
    open_row(page, "limited")
    expect(detail).to_contain_text("Response: 429/20429")
    expect(detail.locator("header .badge")).to_have_text("faulted · 429")

    search = page.get_by_label("Search requests")
    for text, names in {
        "outcome:faulted": ["limited", "gone"],
        "fault:drop-before": ["gone"],
        f"fault:{rule}": ["gone"],
        "-outcome:faulted": ["fine"],
    }.items():
        search.fill(text)
        search.press("Enter")
        for name in names:
            expect(page.locator("[role=option]", has_text=name), text).to_have_count(1)
        expect(page.locator("[role=option]"), text).to_have_count(len(names))


def test_lost_response_of_the_pages_request(opened: Open, caller: Caller) -> None:
    """The dialog reports it."""
    faulty(caller, profile="lost-answer")
    page = opened(caller.site)
    page.get_by_role("button", name="Send a test message").click()
    dialog = page.get_by_role("dialog", name="Send a message")
    dialog.get_by_label("AccountSid").fill(caller.account)
    dialog.get_by_label("CallSid").fill(caller.call)
    dialog.get_by_role("button", name="Send").click()

    expect(dialog.get_by_role("heading", name="No response")).to_be_visible()


def test_scripts_in_rules_do_not_run(opened: Open, caller: Caller) -> None:
    wild = "<img src=x onerror=alert(1)>"
    rule = {
        "match": {"content": {wild: wild}, "idempotency_key": wild},
        "then": {"reply": {"status": 400, "message": wild}},
    }
    faulty(caller, **rule)
    page = opened(caller.site)
    expect(banner(page)).to_contain_text(wild)
    expect(panel(page)).to_contain_text(wild)
    assert page.locator("#faults img, #broken img").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_panel_fits_and_axe_finds_nothing(
    context: BrowserContext, opened: Open, caller: Caller, scheme: str, width: int
) -> None:
    if not AXE.exists():
        missing("axe-core; `npm ci` in tests/conformance/node brings it")
    context.add_init_script(path=AXE)
    faulty(caller, profile="lost-answer", times=1)
    lost(caller, key="k" * 60)
    caller.send('{"a":1}', key="k" * 60)
    faulty(caller, then={"reply": {"status": 503, "message": "m" * 200}}, ttl=900)
    page = opened(caller.site)
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    expect(banner(page)).to_contain_text("1 fault is active")
    found = {"list": violations(page)}
    detail = open_row(page, "response lost")
    expect(detail.locator(".retries li")).to_have_count(2)
    found["thread"] = violations(page)
    assert detail.evaluate("box => box.scrollWidth - box.clientWidth") == 0
    dialog = panel(page)
    dialog.get_by_role("combobox", name="Fault").select_option(label="quota")
    dialog.get_by_label("Rule, as JSON").fill("{}")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("status")).to_contain_text("/then")
    found["panel"] = violations(page)

    assert {name: what for name, what in found.items() if what} == {}
    assert dialog.evaluate("box => box.scrollWidth - box.clientWidth") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_panel_offers_every_kind(opened: Open, site: Site) -> None:
    """Every profile and kind of the API."""
    page = opened(site)
    names = panel(page).locator("#profiles option").all_text_contents()

    listing = site.get("/_emulator/faults").json()
    assert names == [profile["name"] for profile in listing["profiles"]]
    fault, rule = page.get_by_role("combobox", name="Fault"), page.get_by_label("Rule, as JSON")
    for kind in listing["kinds"]:
        fault.select_option(label=kind["name"])
        assert json.loads(rule.input_value()) == {"then": kind["then"]}
        expect(page.locator("#fault-does")).to_contain_text(kind["does"])
