"""What one exchange shows, how it is found again, and how it leaves as code."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from support.browser import Open, faulty, rows, sdk
from support.server import Caller, Site, basic

from emulator.wire.errors import CONTENT_NOT_JSON

NESTED = '{"order":{"id":12345678901234567890,"lines":[{"sku":"A"},{"sku":"B"}]},"note":null}'


def choose(page: Page, text: str) -> None:
    page.locator("[role=option]", has_text=text).click()
    page.locator("#detail h2").wait_for()


def test_refusal_is_explained(opened: Open, caller: Caller) -> None:
    caller.send("no json")
    page = opened(caller.site)
    choose(page, "no json")

    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name="Invalid Content")).to_be_visible()
    for text in (
        "400 · 32702",
        "Expecting value",
        "json.dumps",
        CONTENT_NOT_JSON.advice,
        "assumed",
        "content-not-json",
    ):
        expect(detail).to_contain_text(text)
    expect(detail.get_by_role("link")).to_have_attribute("href", "https://www.twilio.com/docs/api/errors/32702")


def test_content_tree_folds_and_searches(opened: Open, caller: Caller) -> None:
    caller.send(NESTED)
    page = opened(caller.site)
    choose(page, "order")
    tree = page.locator(".tree")
    expect(tree).to_contain_text("id: 12345678901234567890")
    expect(tree).to_contain_text('sku: "B"')
    tree.locator("summary", has_text="lines").click()
    expect(tree.get_by_text('"B"')).to_be_hidden()

    page.get_by_label("Find in content").fill("sku")
    expect(page.locator("#detail output")).to_have_text("2 found")
    expect(tree.locator("mark")).to_have_count(2)
    page.get_by_role("button", name="Raw").click()
    expect(page.get_by_label("Raw content")).to_have_text(NESTED)


def test_deep_and_wide_content_is_shown(opened: Open, caller: Caller) -> None:
    caller.send("[" * 120 + "]" * 120)
    caller.send(json.dumps(list(range(2000))))
    page = opened(caller.site)
    choose(page, "[[[")
    expect(page.locator(".tree summary").first).to_be_visible()
    choose(page, "[0, 1")
    page.locator(".tree summary").first.click()
    page.get_by_role("button", name="1800 more").click()
    expect(page.get_by_role("button", name="1600 more")).to_be_visible()


def test_request_and_response_without_secret(opened: Open, caller: Caller) -> None:
    """They are shown side by side, with secrets masked."""
    caller.send()
    page = opened(caller.site)
    choose(page, "key")
    asked, answered = (
        page.locator(".pair section", has=page.get_by_role("heading", name=name)) for name in ("Request", "Response")
    )
    for section in (asked, answered):
        section.locator("summary").click()

    expect(asked).to_contain_text("POST " + caller.path)
    expect(asked).to_contain_text(f"Basic {caller.account}:********")
    expect(asked.get_by_label("Request body")).to_contain_text("Content=%7B")
    expect(answered).to_contain_text("201")
    expect(answered).to_contain_text("twilio-request-id")
    expect(answered.get_by_label("Response body")).to_contain_text('"sid": "KX')


def test_the_idempotency_thread_is_one_group(opened: Open, caller: Caller) -> None:
    for content in ('{"n":1}', '{"n":1}', '{"n":2}'):
        caller.send(content, key="retry")
    caller.send('{"n":3}', key="another")
    page = opened(caller.site)
    choose(page, '{"n":2}')
    thread = page.locator(".retries li")

    expect(thread).to_have_count(3)
    expect(thread.nth(0)).to_contain_text("original")
    expect(thread.nth(1)).to_contain_text("replayed")
    expect(thread.nth(2)).to_contain_text("mismatch")
    expect(page.locator("#detail")).to_contain_text("with different content")
    thread.nth(0).get_by_role("button").click()
    expect(page.get_by_role("heading", name="Message created")).to_be_visible()


SEARCHES = {
    "call:{call}": ["alpha", "beta", "broken"],
    "account:{account}": ["alpha", "beta", "broken"],
    "code:32702": ["broken"],
    "outcome:created call:{call}": ["alpha", "beta"],
    "key:one": ["alpha"],
    "content.user.name=Ada": ["alpha"],
    "content.list.1=2": ["beta"],
    "-content.list.1=2 call:{call}": ["alpha", "broken"],
    '"beta words"': ["beta"],
    "rule:content-not-json": ["broken"],
    "status:400": ["broken"],
}


def test_what_is_searched_for_is_found(opened: Open, caller: Caller) -> None:
    caller.send('{"alpha":0,"user":{"name":"Ada"}}', key="one")
    caller.send('{"text":"beta words","list":[1,2]}')
    caller.send("broken {")
    Caller(caller.site).send('{"somebody":"else"}')
    page = opened(caller.site)
    found = page.locator("[role=option]")
    for search, names in SEARCHES.items():
        page.get_by_label("Search requests").fill(search.format(call=caller.call, account=caller.account))
        page.get_by_label("Search requests").press("Enter")
        for name in names:
            expect(found.filter(has_text=name), search).to_have_count(1)
        expect(found, search).to_have_count(len(names))


def test_url_has_search_and_selection(opened: Open, caller: Caller) -> None:
    caller.send('{"mine":1}')
    Caller(caller.site).send('{"other":1}')
    page = opened(caller.site)
    page.get_by_label("Search requests").fill("mine")
    expect(page.locator("[role=option]")).to_have_count(1)
    choose(page, "mine")
    page.wait_for_url("**/?q=mine&request=RQ*")

    again = opened(caller.site, page.url.partition("/?")[2].join(["?", ""]))
    expect(again.get_by_label("Search requests")).to_have_value("mine")
    expect(again.locator("[role=option][aria-selected=true]")).to_have_count(1)
    expect(again.get_by_role("heading", name="Message created")).to_be_visible()


def test_chips_and_only_narrow_the_list(opened: Open, caller: Caller) -> None:
    caller.send('{"mine":1}')
    Caller(caller.site).send('{"other":1}')
    page = opened(caller.site)
    chip = page.get_by_title(caller.call).and_(page.locator(".chip"))
    chip.click()
    expect(page.locator("[role=option]")).to_have_count(1)
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(page.locator("[role=option]")).to_have_count(2)

    choose(page, "mine")
    page.get_by_role("button", name="Only this account").click()
    expect(page.locator("[role=option]")).to_have_count(1)
    Caller(caller.site).send('{"other":2}')
    caller.send('{"mine":2}')
    expect(page.locator("[role=option]")).to_have_count(2)
    assert rows(page) == ['{"mine":2}', '{"mine":1}']


def test_empty_result_is_explained(opened: Open, caller: Caller) -> None:
    caller.send()
    page = opened(caller.site, "?q=nothing-like-this")
    expect(page.get_by_role("heading", name="No matching requests")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(page.locator("[role=option]")).to_have_count(1)


def copied(page: Page, name: str) -> str:
    page.locator("#toasts").evaluate(
        "toasts => toasts.replaceChildren()"
    )  # the last copy's must not speak for this one
    page.get_by_role("button", name="Copy as").click()
    page.locator("#copy-menu").get_by_role("button", name=name, exact=True).click()
    page.locator(".toast", has_text=f"Copied {name}").wait_for()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


AWKWARD = '{"it\'s":"$(id) `x` \\"q\\" é\\u2028","n":[1.50,true,null,{}]}'


def test_copied_code_repeats_the_request(opened: Open, caller: Caller, tmp_path: Path) -> None:
    refused = Caller(caller.site)
    refused.send("no json")
    broken = Caller(caller.site)
    faulty(broken, then={"drop": "before"})
    with pytest.raises(ConnectionResetError):
        broken.send('{"broken":1}')
    caller.send(AWKWARD)
    page = opened(caller.site)
    choose(page, "no json")
    (tmp_path / "test_refused.py").write_text(copied(page, "pytest assertion"))
    choose(page, "broken")
    (tmp_path / "test_faulted.py").write_text(copied(page, "pytest assertion"))
    choose(page, "it's")
    (tmp_path / "test_arrived.py").write_text(copied(page, "pytest assertion"))
    subprocess.run(["/bin/bash", "-c", copied(page, "curl")], check=True, capture_output=True, timeout=20)
    subprocess.run([sys.executable, "-c", copied(page, "Python")], check=True, capture_output=True, timeout=20)
    tried = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(tried, check=False, capture_output=True, text=True, timeout=30)

    assert (done.returncode, "3 passed" in done.stdout) == (0, True), done.stdout
    assert [message["content"] for message in caller.messages()] == [AWKWARD] * 3
    assert json.loads(copied(page, "JSON"))["content"] == AWKWARD
    assert "userDefinedMessages" in copied(page, "Node")


def test_a_selection_can_be_downloaded(opened: Open, caller: Caller) -> None:
    caller.send('{"mine":1}')
    Caller(caller.site).send()
    page = opened(caller.site, f"?q=call:{caller.call}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()

    assert [one["content"] for one in json.loads(download.value.path().read_bytes())] == ['{"mine":1}']


# What would run if anything that is shown were read as HTML, as a URL, or as code.
CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "</textarea><iframe srcdoc='<script>parent.alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}",
    "\u202e\u2066txet\u0000\u001b[31m",
    '{"__proto__":{"polluted":1},"<b>k</b>":"<i>v</i>"}',
]


def test_scripts_in_content_do_not_run(opened: Open, site: Site) -> None:
    for number, text in enumerate(CORPUS):
        caller = Caller(site)
        caller.send(json.dumps({text: text}), key=text)
        caller.send(text, key=f"{number}{text}")
        wild = quote(text, safe="<>\"'(){}=:;")
        headers = [
            basic(caller.account),
            ("X-Wild", text.encode("ascii", "ignore").decode().replace("\0", "").replace("\x1b", "")),
        ]
        site.ask(
            "POST",
            f"/2010-04-01/Accounts/{wild}/Calls/{wild}/UserDefinedMessages.json".replace(" ", "%20"),
            headers,
            b"",
        )
    page = opened(site)
    page.locator("[role=option]").first.wait_for()
    ids = [one["request_id"] for one in site.get("/_emulator/requests?limit=1000").json()["requests"]]
    assert len(ids) == 3 * len(CORPUS)
    for request_id in reversed(ids):
        page.keyboard.press("j")
        page.get_by_title(f"Copy {request_id}").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()

    made = page.evaluate(
        "document.querySelectorAll('iframe, svg, main img, main script, b:not(.first b), [onerror], [onload]').length"
    )
    assert made == 0
    assert page.evaluate("({}).polluted === undefined && Object.polluted === undefined")


def test_csp_allows_own_files_only(site: Site) -> None:
    reply = site.get("/")
    policy = dict(part.split(" ", 1) for part in (reply.header("content-security-policy") or "").split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert reply.header("referrer-policy") == "no-referrer"
    assert reply.header("x-content-type-options") == "nosniff"
    assert "http" not in reply.text.replace("http-equiv", "")


def test_the_page_is_small(site: Site) -> None:
    names = ["", *re.findall(r'"(/web/[\w.]+)"', site.get("/").text)]
    replies = [site.ask("GET", name or "/", [("Accept-Encoding", "gzip")]) for name in names]

    assert {reply.status for reply in replies} == {200}
    assert gzip.decompress(replies[0].body) == site.get("/").body
    assert sum(len(reply.body) for reply in replies) < 60_000


def test_library_and_page_agree(opened: Open, caller: Caller) -> None:
    message = sdk(caller).calls(caller.call).user_defined_messages.create(content="{}", idempotency_key="k-1")
    page = opened(caller.site)
    choose(page, "{}")

    expect(page.locator("#detail")).to_contain_text(message.sid or "no sid")
    expect(page.locator("#detail dl").first).to_contain_text("k-1")
