from collections.abc import Callable

import pytest

from emulator.engine.faults.kinds.reply import ReplyFault, code_reply, gateway_reply, page_reply, status_reply
from emulator.wire import errors

BAD_GATEWAY = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"
)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param(code_reply(code=20503), ReplyFault(errors.SERVICE_UNAVAILABLE), id="code"),
        pytest.param(status_reply(status=429), ReplyFault(errors.TOO_MANY_REQUESTS), id="status"),
        pytest.param(
            status_reply(status=418, code=1, message="tea"), ReplyFault(errors.made_up(418, 1, "tea")), id="made up"
        ),
        pytest.param(
            code_reply(code=20503, retry_after=3),
            ReplyFault(errors.SERVICE_UNAVAILABLE.with_headers(((b"retry-after", b"3"),))),
            id="Retry-After",
        ),
        pytest.param(status_reply(status=502), ReplyFault(errors.made_up(502), BAD_GATEWAY), id="a gateway"),
        pytest.param(
            gateway_reply(status=502, content_type="text/plain"),
            ReplyFault(errors.made_up(502), BAD_GATEWAY, "text/plain"),
            id="another media type",
        ),
        pytest.param(page_reply(status=299, body="x"), ReplyFault(errors.made_up(299), "x"), id="any page"),
        pytest.param(
            page_reply(status=500, body=' {"a": 1}'),
            ReplyFault(errors.made_up(500), ' {"a": 1}', "application/json"),
            id="a page that looks like JSON",
        ),
    ],
)
def test_a_form_becomes_a_reply(reply: ReplyFault, fault: ReplyFault) -> None:
    assert reply == fault


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, "give a status", id="nothing"),
        pytest.param({"body": "x"}, "give a status", id="a body alone"),
        pytest.param({"status": 500, "body": "x", "message": "y"}, "cannot be combined", id="both forms"),
    ],
)
def test_mixed_members_are_rejected(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReplyFault.check_members(given)


def test_members_that_fit_pass() -> None:
    ReplyFault.check_members({"status": 500, "body": "x", "content_type": "text/plain"})
    ReplyFault.check_members({"code": 20429, "message": "x"})


@pytest.mark.parametrize(
    ("form", "name", "bad", "good"),
    [
        pytest.param(code_reply, "code", 1, 20429, id="an unknown code"),
        pytest.param(status_reply, "status", 399, 400, id="no error"),
        pytest.param(page_reply, "status", 204, 200, id="no body"),
    ],
)
def test_a_value_is_checked(form: Callable[..., ReplyFault], name: str, bad: int, good: int) -> None:
    (check,) = (one.check for one in form.__annotations__[name].__metadata__)

    with pytest.raises(ValueError, match=r"."):
        check(bad)
    check(good)
