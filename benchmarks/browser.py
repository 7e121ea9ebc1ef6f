"""The web page in headless Chromium: first paint, size, and frame times while messages arrive."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import message
from connection import Connection
from rows import Effort, Fact, Reading
from servers import EMULATOR, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
    "--enable-precise-memory-info",
)
PER_SECOND = 200
CALLS = 7
LOADED = """() => {
  const files = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const own = files.filter((file) => !file.name.includes("/_emulator/"));
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [paint.startTime, own.reduce((sum, file) => sum + file.encodedBodySize, 0)];
}"""
WATCH = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = (now) => (window.frames_.push(now - last), (last = now), requestAnimationFrame(next));
  requestAnimationFrame(next);
}"""
HEAP = "() => (gc(), performance.memory.usedJSHeapSize)"


def first_paint(effort: Effort) -> Reading:
    """Milliseconds from navigation to the first contentful paint."""
    loads = list(_loads(effort.starts))
    return Reading(value=median(paint for paint, _ in loads), details=f"{effort.starts} loads, each without a cache")


def weight(_effort: Effort) -> Reading:
    """Kilobytes of all files of the page as sent."""
    ((_, size),) = _loads(1)
    return Reading(value=size / 1000, details="all files of the page, as sent (gzip)")


def frames(effort: Effort) -> Reading:
    """The longest frame in milliseconds while messages arrive, and the growth of the heap."""
    seconds = effort.seconds * 10
    with _page() as (port, page):
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("#state.live").wait_for()
        _pour(port, PER_SECOND)  # warm-up: the first rows are the slowest
        before = page.evaluate(HEAP)
        page.evaluate(WATCH)
        _pour(port, PER_SECOND * seconds)
        page.locator("#count", has_text=f"{PER_SECOND * (seconds + 1):,}").wait_for()
        took = sorted(page.evaluate("window.frames_"))
        grown = page.evaluate(HEAP) - before
    p99 = took[len(took) * 99 // 100]
    return Reading(
        value=took[-1],
        details=f"{PER_SECOND}/s for {seconds} s, {len(took)} frames, p99 {p99:.0f} ms",
        facts=(Fact(EMULATOR.name, "page: heap per message", f"{grown / PER_SECOND / seconds:.0f} B"),),
    )


def _loads(times: int) -> Iterator[tuple[float, float]]:
    with _page() as (port, page):
        for _ in range(times):
            fresh = page.context.browser.new_page()  # type: ignore[union-attr]  launched here
            fresh.goto(f"http://127.0.0.1:{port}/")
            fresh.locator("#state.live").wait_for()
            paint, size = fresh.evaluate(LOADED)
            yield paint, size
            fresh.close()


@contextmanager
def _page() -> "Iterator[tuple[int, Page]]":
    """Run an emulator and a browser; yield the port and a tab."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  no other row needs a browser

    with running(EMULATOR) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield server.port, browser.new_page()
        browser.close()


def _pour(port: int, count: int) -> None:
    """Send `count` messages at a rate of `PER_SECOND`."""
    with Connection(port) as connection:
        start = time.perf_counter()
        for number in range(count):
            connection.ask(message.create(port, call=message.call_sid(number % CALLS)), status=201)
            time.sleep(max(0.0, start + (number + 1) / PER_SECOND - time.perf_counter()))
