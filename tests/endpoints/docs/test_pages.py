"""`/docs` and `/openapi.json`: complete, and without a word to another host."""

import re
from typing import Any

import pytest
from support.server import Site

OPERATION = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/UserDefinedMessages.json"
URL = re.compile(r"(?:https?:)?//[\w.-]+\.\w+")


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = site.get("/openapi.json").json()
    return document


def references(html: str) -> list[str]:
    return re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)["']""", html)


def test_page_references_no_other_host(site: Site) -> None:
    page = site.get("/docs")
    own = [site.get(path).text for path in references(page.text) if "swagger" not in path and not path.endswith(".svg")]

    assert page.status == 200
    assert [URL.findall(text) for text in (page.text, *own)] == [[]] * (1 + len(own))


def test_page_files_are_served(site: Site) -> None:
    page = site.get("/docs")
    replies = {path: site.get(path) for path in references(page.text)}

    assert replies
    assert all(path.startswith("/docs/") for path in replies)
    assert {path: reply.status for path, reply in replies.items()} == dict.fromkeys(replies, 200)
    assert all(reply.body for reply in replies.values())


def test_csp_forbids_other_hosts(site: Site) -> None:
    """The Content-Security-Policy lets a browser load nothing from other hosts."""
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


def test_twilio_operation_is_documented(document: dict[str, Any]) -> None:
    operation = document["paths"][OPERATION]["post"]

    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert operation["operationId"] == "CreateUserDefinedMessage"
    assert set(operation["responses"]) >= {"201", "400", "401", "404", "405", "409", "413", "429", "500"}
    assert form["required"] == ["Content"]
    assert set(form["properties"]) == {"Content", "IdempotencyKey"}
    assert operation["security"] == [{"accountSid_authToken": []}]


def test_inspection_api_is_documented(document: dict[str, Any]) -> None:
    operations = {(method, path) for path, item in document["paths"].items() for method in item}

    assert operations >= {
        ("get", "/_emulator/messages"),
        ("delete", "/_emulator/messages"),
        ("get", "/_emulator/messages/{sid}"),
        ("get", "/_emulator/calls"),
        ("get", "/_emulator/calls/{call_sid}"),
        ("put", "/_emulator/calls/{call_sid}"),
        ("delete", "/_emulator/calls/{call_sid}"),
        ("get", "/_emulator/requests"),
        ("get", "/_emulator/requests/{request_id}"),
        ("get", "/_emulator/events"),
        ("get", "/_emulator/faults"),
        ("post", "/_emulator/faults"),
        ("delete", "/_emulator/faults"),
        ("get", "/_emulator/faults/{fault_id}"),
        ("delete", "/_emulator/faults/{fault_id}"),
        ("post", "/_emulator/reset"),
        ("get", "/_emulator/clock"),
        ("put", "/_emulator/clock"),
        ("get", "/_emulator/seed"),
        ("put", "/_emulator/seed"),
        ("post", "/_emulator/check"),
        ("get", "/_emulator/rules"),
        ("get", "/_emulator/schemas"),
        ("get", "/_emulator/schemas/{name}"),
        ("put", "/_emulator/schemas/{name}"),
        ("delete", "/_emulator/schemas/{name}"),
        ("get", "/livez"),
        ("get", "/readyz"),
    }


def test_inputs_have_examples(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    lacking = [
        (method, path, name)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for name, schema in inputs(operation, schemas)
        if not {"examples", "enum", "const", "default"}
        & names_in([schema, *(schemas[other] for other in references_of(schema))])
    ]

    assert lacking == []


def inputs(operation: dict[str, Any], schemas: dict[str, Any]) -> list[tuple[str, Any]]:
    """Parameters, and members of the body, each with its schema."""
    found = [(parameter["name"], parameter) for parameter in operation.get("parameters", [])]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        # More than one where the body is one of several.
        for body in [schemas[name] for name in references_of(media["schema"])] or [media["schema"]]:
            found += body["properties"].items()
    return found


def references_of(schema: object) -> list[str]:
    return re.findall(r"#/components/schemas/(\w+)", str(schema))


def names_in(value: object) -> set[str]:
    """All names of members in a value."""
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]

    assert len(set(ids)) == len(ids)


def test_references_are_resolved(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert names <= set(document["components"]["schemas"])
    assert "UserDefinedMessage" in names


@pytest.mark.parametrize("path", ["/docs/swagger-ui-bundle.js", "/docs", "/"])
def test_cached_file_is_not_sent_again(site: Site, path: str) -> None:
    first = site.ask("GET", path, (("Accept-Encoding", "gzip"),))
    tag = first.header("etag") or ""
    strong = tag.removeprefix("W/")
    again = [
        site.ask("GET", path, (("If-None-Match", tags),))
        for tags in (tag, strong, f'"other", {tag}', f'"x",{strong}', "*")
    ]

    assert (first.status, first.header("content-encoding")) == (200, "gzip")
    assert tag.startswith('W/"')
    assert {(reply.status, reply.body) for reply in again} == {(304, b"")}
    for name in ("etag", "cache-control", "vary", "content-security-policy"):
        assert {reply.header(name) for reply in again} == {first.header(name)}
    assert site.ask("GET", path, (("If-None-Match", f'"other", {strong}x'),)).status == 200


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/favicon.svg", "image/svg+xml"),
    ],
)
def test_media_types_are_fixed(site: Site, path: str, media_type: str) -> None:
    assert site.get(path).header("content-type") == media_type
