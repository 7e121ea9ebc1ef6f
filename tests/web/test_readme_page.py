"""The page of the README: the real Voice SDK on a machine without a microphone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.server import Caller, Site
from support.softphone import sealed, served_page

README = (Path(__file__).parents[2] / "README.md").read_text()
(PAGE,) = re.findall(r"^```html\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
SILENCE = "{ getUserMedia }"


@pytest.fixture
def opened(context: BrowserContext, site: Site, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, with or without the option; nothing may leave this machine, and nothing may be thrown."""
    strangers, wrong = sealed(context), list[str]()
    with served_page(request.param.replace("http://127.0.0.1:2010", site.url)) as url:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url)
        yield page
    assert (strangers, wrong) == ([], [])


@pytest.mark.parametrize("opened", [PAGE], indirect=True, ids=["unchanged"])
def test_page_answers_without_a_microphone(opened: Page, site: Site) -> None:
    body = opened.locator("body")
    expect(body).to_contain_text(re.compile("in call CA[0-9a-f]{32}"))
    call = re.findall("CA[0-9a-f]{32}", body.inner_text())[0]
    Caller(site, call=call).send('{"order": 7}')

    expect(body).to_contain_text('{"order":7}')
    expect(body).to_contain_text("answered")
    answers = site.get(f"/_emulator/calls/{call}/end-user").json()["said"]
    assert [answer["json"] for answer in answers] == [{"seen": {"order": 7}}]


@pytest.mark.parametrize("opened", [PAGE.replace(f", {SILENCE}", "")], indirect=True, ids=["without the option"])
def test_the_page_shows_why_it_has_no_call(opened: Page) -> None:
    assert SILENCE in PAGE
    expect(opened.locator("body")).to_contain_text("31402: ")
