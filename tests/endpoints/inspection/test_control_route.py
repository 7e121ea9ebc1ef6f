"""What no operation of the inspection API lets in: text that is not UTF-8, and JSON that cannot be stored."""

import pytest
from support.server import Headers, Site

from emulator.app import create_app
from emulator.settings import Settings

JSON: Headers = [("Content-Type", "application/json")]
PATHS = create_app(Settings()).openapi()["paths"]
OPERATIONS = [
    (method.upper(), path) for path, item in PATHS.items() if path.startswith("/_emulator/") for method in item
]
SEED = "/_emulator/seed"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("query", ["x=%FF", "%ED%A0%BD=1", "a=1&x=%c3"])
def test_query_that_is_not_utf_8_is_rejected(site: Site, method: str, path: str, query: str) -> None:
    reply = site.ask(method, f"{path.replace('{', '').replace('}', '')}?{query}")

    assert reply.status == 422
    assert "send text in UTF-8" in reply.json()["error"]


def test_a_path_that_is_not_utf_8_is_refused(site: Site) -> None:
    reply = site.ask("PUT", "/_emulator/users/%ED%A0%BD/behaviour", JSON, b'{"reaction": "busy"}')

    assert (reply.status, reply.json()["parameters"][0]["parameter"]) == (422, "path")


@pytest.mark.parametrize(
    ("body", "pointer", "reason"),
    [
        pytest.param(b'{"seed": "\xed\xa0\xbd"}', "body", "UTF-8; byte 10", id="a surrogate in bytes"),
        pytest.param('{"seed": 1}'.encode("utf-16"), "body", "UTF-8; byte 0", id="another encoding"),
        pytest.param(b'{"seed": "\\ud83d"}', "/seed", "lone surrogate", id="a surrogate as an escape"),
        pytest.param(b'{"\\ud83d": 1}', "/\\ud83d", "lone surrogate", id="a surrogate in a name"),
        pytest.param(b'{"seed": NaN}', "/seed", "finite", id="NaN"),
        pytest.param(b'{"seed": 1e400}', "/seed", "finite", id="beyond a double"),
        pytest.param(b'{"seed": ' + b"9" * 4301 + b"}", "/seed", "4300 digits", id="a long integer"),
        pytest.param(b'{"seed": ' + b"[" * 200 + b"]" * 200 + b"}", "body", "nested deeper", id="deep nesting"),
    ],
)
def test_a_body_is_refused_with_a_pointer(site: Site, body: bytes, pointer: str, reason: str) -> None:
    reply = site.ask("PUT", SEED, JSON, body)
    (bad,) = reply.json()["parameters"]

    assert (reply.status, bad["parameter"]) == (422, pointer)
    assert reason in bad["allowed"]


def test_byte_order_mark_is_accepted(site: Site) -> None:
    assert site.ask("PUT", SEED, JSON, b'\xef\xbb\xbf{"seed": null}').status == 200
