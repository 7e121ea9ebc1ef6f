"""Exchanges appear as they happen, in every tab, whatever happens to the connection."""

import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from playwright.sync_api import BrowserContext, expect
from support.browser import Open, rows, sdk
from support.server import Caller, Running, Servers, Site


def test_empty_page_shows_url_and_examples(opened: Open, site: Site) -> None:
    page = opened(site)

    welcome = page.get_by_role("region", name="Waiting for the first message")
    expect(welcome).to_contain_text(site.url)
    expect(welcome).to_contain_text("0" * 32)
    for name, line in (
        ("curl", "--data-urlencode"),
        ("Python", "twilio.rest"),
        ("Node", "require"),
        ("pytest", "def test_"),
    ):
        welcome.get_by_role("tab", name=name).click()
        expect(welcome.get_by_role("tabpanel")).to_contain_text(line)


def test_new_message_appears_on_top(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    calls = sdk(caller).calls(caller.call)
    calls.user_defined_messages.create(content='{"first":1}')
    expect(page.locator("[role=option]")).to_have_count(1)
    calls.user_defined_messages.create(content='{"second":2}')

    expect(page.locator("[role=option]")).to_have_count(2)
    assert rows(page) == ['{"second":2}', '{"first":1}']
    expect(page.locator(".badge.created")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 requests")
    expect(page.locator("#spoken")).to_contain_text("new request")


def test_every_outcome_has_its_badge(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    caller.send(key="k")
    caller.send(key="k")
    caller.send('{"other":1}', key="k")
    caller.send("no json")

    for text in ("created", "replayed", "mismatch", "400 · 32702"):
        expect(page.locator("[role=option] .badge", has_text=text)).to_have_count(1)


def test_scroll_position_is_kept(opened: Open, caller: Caller) -> None:
    for number in range(60):
        caller.send(json.dumps({"number": number}))
    page = opened(caller.site)
    page.locator("#list").evaluate("list => list.scrollTop = 1000")
    read = page.locator("[role=option]", has_text='{"number": 40}')
    before = read.bounding_box()
    for _ in range(3):
        caller.send('{"new":true}')

    expect(page.locator("#to-top")).to_have_text("↑ 3 new")
    assert read.bounding_box() == before
    page.locator("#to-top").click()
    expect(page.locator("#to-top")).to_be_hidden()
    assert rows(page)[0] == '{"new":true}'


def test_pause_holds_back_new_requests(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    caller.send('{"shown":1}')
    expect(page.locator("[role=option]")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    caller.send('{"held":1}')

    resume = page.get_by_role("button", name="Resume · 1 waiting")
    expect(resume).to_be_visible()
    assert rows(page) == ['{"shown":1}']
    resume.click()
    expect(page.locator("[role=option]")).to_have_count(2)


def test_hidden_tab_counts_in_its_title(opened: Open, caller: Caller) -> None:
    page = opened(caller.site)
    look = (
        "() => {Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'));}"
    )
    page.evaluate(look % "true")
    caller.send()

    expect(page).to_have_title(re.compile(r"^\(1\) "))
    page.evaluate(look % "false")
    expect(page).to_have_title(re.compile("^UserDefined"))


def test_tabs_share_one_stream(opened: Open, context: BrowserContext, caller: Caller) -> None:
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if "/_emulator/events" in request.url else None)
    first, second, third = (opened(caller.site) for _ in range(3))
    caller.send('{"to":"all"}')
    for page in (first, second, third):
        expect(page.locator("[role=option]")).to_have_count(1)
    assert len(streams) == 1

    # A closing tab can still hand on one message, so wait for the next reader before sending.
    with second.expect_request("**/_emulator/events"):
        first.close()
    caller.send('{"to":"the rest"}')

    for page in (second, third):
        expect(page.locator("[role=option]")).to_have_count(2)
    assert len(streams) == 2


def test_a_reset_elsewhere_empties_the_list(opened: Open, caller: Caller) -> None:
    other = Caller(caller.site)
    page = opened(caller.site)
    caller.send()
    other.send()
    expect(page.locator("[role=option]")).to_have_count(2)
    caller.site.ask("POST", f"/_emulator/reset?call_sid={caller.call}")

    expect(page.locator("[role=option]")).to_have_count(1)


class Cable:
    """A way to the emulator that can be cut."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ends: list[socket.socket] = []
        self._cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.site = Site(f"http://127.0.0.1:{self._listener.getsockname()[1]}")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._cut:
                    near.close()
                    continue
                far = socket.create_connection(self._site.address)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()


def test_lost_connection_is_resumed(opened: Open, caller: Caller) -> None:
    cable = Cable(caller.site)
    try:
        page = opened(cable.site)
        caller.send('{"before":1}')
        expect(page.locator("[role=option]")).to_have_count(1)
        cable.cut()
        expect(page.locator("#state")).to_contain_text("Connection lost")
        for number in range(5):
            caller.send(json.dumps({"meanwhile": number}))
        cable.mend()

        expect(page.locator("[role=option]")).to_have_count(6)
        expect(page.locator("#state")).to_have_text("Live")
        assert rows(page)[0] == '{"meanwhile": 4}'
    finally:
        cable.close()


def test_large_journal_loads_in_pages(opened: Open, context: BrowserContext, caller: Caller) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: caller.send(json.dumps({"number": number})), range(600)))
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if "/_emulator/requests?" in request.url else None)
    page = opened(caller.site)

    expect(page.locator("#count")).to_have_text("600 requests")
    assert page.locator("[role=option]").count() < 40
    assert page.locator("#list > div").evaluate("canvas => canvas.clientHeight") < 201 * 58 + 1
    page.locator("#list").evaluate("list => list.scrollTop = 1e9")
    expect(page.locator("[aria-setsize='600']").first).to_be_attached()
    page.locator("#list").evaluate("list => list.scrollTop = 1e9")
    expect(page.locator("[aria-posinset='600']")).to_be_attached()


FLOOD = """async () => {
  const { Journal } = await import("/web/journal.js");
  const journal = new Journal();
  const add = (count, content) => {
    for (let at = 0; at < count; at++) journal.add([{ seq: journal.newest + 1, content }]);
    return [journal.items.length, journal.items.at(-1).seq, journal.more];
  };
  return [add(25000, "{}"), add(3000, "x".repeat(10000))];
}"""


def test_list_is_limited_in_number_and_size(opened: Open, site: Site) -> None:
    many, large = opened(site).evaluate(FLOOD)

    assert 10_000 <= many[0] <= 10_500
    assert large[0] * 10_000 <= 17_000_000
    assert [many[1:], large[1:]] == [[25_000, True], [28_000, True]]


def test_control_token_is_asked_for_once(opened: Open, context: BrowserContext, serve: Servers) -> None:
    caller = Caller(serve(control_token="s3cret-token"))
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    page = opened(caller.site, live=False)
    dialog = page.get_by_role("dialog", name="Control token")
    dialog.get_by_label("Token").fill("wrong")
    dialog.get_by_role("button", name="Unlock").click()
    expect(dialog).to_contain_text("Invalid control token.")
    dialog.get_by_label("Token").fill("s3cret-token")
    dialog.get_by_role("button", name="Unlock").click()
    caller.send()

    expect(page.locator("[role=option]")).to_have_count(1)
    page.reload()
    expect(page.locator("[role=option]")).to_have_count(1)
    expect(dialog).to_be_hidden()
    assert not [url for url in urls if "s3cret" in url]


def test_unrenderable_record_is_skipped(opened: Open, running: Running) -> None:
    caller = Caller(running.site)
    caller.send("[1]")
    (exchange,) = running.engine.journal.newest(1)
    exchange.idempotency_key = object()  # type: ignore[assignment]
    page = opened(running.site)
    caller.send("[2]")

    expect(page.locator("[role=option]")).to_have_count(1)
    assert rows(page) == ["[2]"]
