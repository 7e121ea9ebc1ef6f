"""`/docs` and `/openapi.json`: complete, and without a word to another host."""

import re
from typing import Any

import pytest
from serving import Site

OPERATION = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/UserDefinedMessages.json"
URL = re.compile(r"(?:https?:)?//[\w.-]+\.\w+")


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = site.get("/openapi.json").json()
    return document


def references(html: str) -> list[str]:
    return re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)["']""", html)


def test_the_page_and_its_own_files_name_no_other_host(site: Site) -> None:
    page = site.get("/docs")
    own = [site.get(path).text for path in references(page.text) if "swagger" not in path and not path.endswith(".svg")]

    assert page.status == 200
    assert [URL.findall(text) for text in (page.text, *own)] == [[]] * (1 + len(own))


def test_every_file_that_the_page_asks_for_is_served_from_here(site: Site) -> None:
    page = site.get("/docs")
    replies = {path: site.get(path) for path in references(page.text)}

    assert replies
    assert all(path.startswith("/docs/") for path in replies)
    assert {path: reply.status for path, reply in replies.items()} == dict.fromkeys(replies, 200)
    assert all(reply.body for reply in replies.values())


def test_a_browser_is_told_to_load_nothing_from_elsewhere(site: Site) -> None:
    policy = site.get("/docs").header("content-security-policy") or ""

    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path", ["/docs/nothing", "/docs/../cli.py", "/docs/..%2f__init__.py", "/docs/pages.py", "/redoc"]
)
def test_nothing_else_is_served(site: Site, path: str) -> None:
    assert site.get(path).status == 404


def test_browsers_find_an_icon(site: Site) -> None:
    reply = site.get("/favicon.ico")

    assert (reply.status, reply.header("content-type")) == (200, "image/svg+xml")


def test_twilios_operation_stands_in_the_document(document: dict[str, Any]) -> None:
    operation = document["paths"][OPERATION]["post"]

    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert operation["operationId"] == "CreateUserDefinedMessage"
    assert set(operation["responses"]) >= {"201", "400", "401", "404", "405", "409", "413", "429", "500"}
    assert form["required"] == ["Content"]
    assert set(form["properties"]) == {"Content", "IdempotencyKey"}
    assert operation["security"] == [{"accountSid_authToken": []}]


def test_every_operation_of_the_inspection_api_stands_in_the_document(document: dict[str, Any]) -> None:
    operations = {(method, path) for path, item in document["paths"].items() for method in item}

    assert operations >= {
        ("get", "/_emulator/messages"),
        ("delete", "/_emulator/messages"),
        ("get", "/_emulator/messages/{sid}"),
        ("get", "/_emulator/calls"),
        ("get", "/_emulator/calls/{call_sid}"),
        ("put", "/_emulator/calls/{call_sid}"),
        ("delete", "/_emulator/calls/{call_sid}"),
        ("get", "/livez"),
        ("get", "/readyz"),
    }


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]

    assert len(set(ids)) == len(ids)


def test_what_the_document_refers_to_is_in_it(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert names <= set(document["components"]["schemas"])
    assert "UserDefinedMessage" in names
