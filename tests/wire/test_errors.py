import re

import pytest

from emulator.wire import errors
from emulator.wire.errors import CATALOGUE, ErrorSpec, TwilioError
from emulator.wire.rules import Certainty

NOT_FOUND = "The requested resource {path} was not found"

each_problem = pytest.mark.parametrize("problem", CATALOGUE, ids=lambda problem: problem.name)


@pytest.mark.parametrize(
    ("problem", "status", "code", "message", "certainty"),
    [
        pytest.param(*row, id=row[0].name)
        for row in (
            (errors.CREDENTIALS_MISSING, 401, 20003, "Authentication Error - No credentials provided", "observed"),
            (errors.USERNAME_UNKNOWN, 401, 20003, "Authentication Error - invalid username", "observed"),
            (errors.TOKEN_WRONG, 401, 20003, "Authenticate", "observed"),
            (errors.ACCOUNT_FOREIGN, 401, 20003, "Authenticate", "documented"),
            (errors.PATH_UNKNOWN, 404, 20404, NOT_FOUND, "observed"),
            (errors.METHOD_NOT_ALLOWED, 405, 20004, "Method not allowed", "assumed"),
            (errors.BODY_TOO_LARGE, 413, 20413, "Entity too large", "assumed"),
            (errors.FORM_BROKEN, 400, 20001, "Bad request", "assumed"),
            (errors.CONTENT_REQUIRED, 400, 20001, "Missing required parameter Content in the post body", "assumed"),
            (errors.CONTENT_TOO_LONG, 400, 32703, "Content body exceeded max length", "assumed"),
            (errors.CONTENT_NOT_JSON, 400, 32702, "Invalid Content", "assumed"),
            (errors.CALLBACK_REQUIRED, 400, 20001, "Missing required parameter Callback in the post body", "assumed"),
            (errors.CALLBACK_INVALID, 400, 20001, "Invalid Callback.", "assumed"),
            (errors.METHOD_INVALID, 400, 20001, "Invalid Method.", "assumed"),
            (errors.KEY_CONFLICT, 409, 20409, "Conflict", "assumed"),
            (errors.CALL_UNKNOWN, 404, 20404, NOT_FOUND, "documented"),
            (errors.CALL_FOREIGN, 404, 20404, NOT_FOUND, "assumed"),
            (errors.SUBSCRIPTION_UNKNOWN, 404, 20404, NOT_FOUND, "documented"),
            (errors.CALL_NOT_ACTIVE, 400, 21220, "Call is not in the expected state", "observed"),
            (errors.CALL_IS_PSTN, 400, None, "Client message not supported for PSTN calls", "observed"),
            (errors.TOO_MANY_REQUESTS, 429, 20429, "Too Many Requests", "observed"),
            (errors.INTERNAL_ERROR, 500, 20500, "Internal Server Error", "assumed"),
            (errors.SERVICE_UNAVAILABLE, 503, 20503, "The service is unavailable", "assumed"),
            (errors.REQUEST_MALFORMED, 400, 20001, "Bad request", "assumed"),
            (errors.HEAD_TOO_LARGE, 431, None, "Request Header Fields Too Large", "assumed"),
        )
    ],
)
def test_row_has_text_and_source(
    problem: ErrorSpec, status: int, code: int | None, message: str, certainty: str
) -> None:
    assert (problem.status, problem.code, problem.message, problem.certainty) == (status, code, message, certainty)


def test_catalogue_has_every_row_once() -> None:
    rows = [value for value in vars(errors).values() if isinstance(value, ErrorSpec)]

    assert sorted(problem.name for problem in CATALOGUE) == sorted(problem.name for problem in rows)
    assert len({problem.name for problem in rows}) == len(rows)


@each_problem
def test_every_row_has_source_and_certainty(problem: ErrorSpec) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", problem.name)
    assert problem.source
    assert problem.certainty in Certainty


@pytest.mark.parametrize("problem", [*CATALOGUE, errors.made_up(418)], ids=lambda problem: problem.name)
def test_every_row_has_advice(problem: ErrorSpec) -> None:
    """One or two plain sentences that fit a log line."""
    assert re.fullmatch(r"[A-Z].{20,118}[.…]", problem.advice)


@each_problem
def test_more_info_is_the_codes_page(problem: ErrorSpec) -> None:
    page = problem.more_info

    assert page == (problem.code and f"https://www.twilio.com/docs/errors/{problem.code}")


@each_problem
def test_exactly_the_401s_carry_a_challenge(problem: ErrorSpec) -> None:
    challenges = [value for name, value in problem.headers if name == b"www-authenticate"]

    assert challenges == ([b'Basic realm="Twilio API"'] if problem.status == 401 else [])


@each_problem
def test_detail_is_in_recorded_bodies_only(problem: ErrorSpec) -> None:
    recorded = "Your AccountSid or AuthToken was incorrect." if problem.message == "Authenticate" else None

    assert problem.detail == recorded


def test_405_lists_the_allowed_methods() -> None:
    assert errors.METHOD_NOT_ALLOWED.headers == ((b"allow", b"OPTIONS, POST"),)


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        pytest.param(errors.KEY_CONFLICT, "409/20409 Conflict", id="with a code"),
        pytest.param(errors.CALL_IS_PSTN, "400 Client message not supported for PSTN calls", id="without a code"),
    ],
)
def test_a_row_is_a_rule_too(problem: ErrorSpec, says: str) -> None:
    rule = problem.rule

    assert rule.summary == says
    assert (rule.name, rule.certainty, rule.source) == (problem.name, problem.certainty, problem.source)
    assert rule.advice == problem.advice


def test_error_has_row_and_reason() -> None:
    error = TwilioError(errors.KEY_CONFLICT, "the key was used before")

    assert str(error) == "idempotency-conflict"
    assert error.problem is errors.KEY_CONFLICT
    assert error.reason == "the key was used before"


@pytest.mark.parametrize(
    ("status", "code", "row"),
    [
        pytest.param(429, None, errors.TOO_MANY_REQUESTS, id="429"),
        pytest.param(500, None, errors.INTERNAL_ERROR, id="500"),
        pytest.param(503, None, errors.SERVICE_UNAVAILABLE, id="503"),
        pytest.param(401, None, errors.TOKEN_WRONG, id="401: the one that says least"),
        pytest.param(400, None, errors.FORM_BROKEN, id="400: the one that says least"),
        pytest.param(404, None, errors.PATH_UNKNOWN, id="404: the one that says least"),
        pytest.param(None, 20429, errors.TOO_MANY_REQUESTS, id="20429"),
        pytest.param(None, 20003, errors.TOKEN_WRONG, id="20003: the one that says least"),
        pytest.param(400, 21220, errors.CALL_NOT_ACTIVE, id="400/21220"),
        pytest.param(None, None, None, id="nothing"),
        pytest.param(None, 12345, None, id="a code that we do not know"),
    ],
)
def test_row_is_found_by_partial_match(status: int | None, code: int | None, row: ErrorSpec | None) -> None:
    assert errors.like(status, code) is row


@each_problem
def test_row_is_found_by_status_and_code(problem: ErrorSpec) -> None:
    found = errors.like(problem.status, problem.code)

    assert found is not None
    assert found.status == problem.status
    assert problem.code in (None, found.code)


@pytest.mark.parametrize(
    ("status", "code", "given", "message"),
    [
        pytest.param(418, None, None, "I'm a Teapot", id="the status' own phrase"),
        pytest.param(429, 20003, None, "Too Many Requests", id="another code"),
        pytest.param(599, 1, None, "Unknown", id="a status without a phrase"),
        pytest.param(502, 1, "Oops", "Oops", id="a message"),
    ],
)
def test_unknown_error_gets_a_new_row(status: int, code: int | None, given: str | None, message: str) -> None:
    found = errors.like(status, code, given)

    assert found is not None
    assert (found.name, found.status, found.code, found.message) == ("made-up", status, code, message)
    assert found not in CATALOGUE


def test_row_can_have_another_message() -> None:
    found = errors.like(None, 20429, "Slow down")

    assert found is not None
    assert (found.name, found.message, found.code) == ("too-many-requests", "Slow down", 20429)
    assert errors.TOO_MANY_REQUESTS.message == "Too Many Requests"


def test_added_headers_follow_the_rows_own() -> None:
    more = errors.METHOD_NOT_ALLOWED.with_headers(((b"retry-after", b"1"),))

    assert more.headers == (errors.ALLOW, (b"retry-after", b"1"))
    assert errors.METHOD_NOT_ALLOWED.headers == (errors.ALLOW,)
    assert errors.METHOD_NOT_ALLOWED.with_headers(()) is errors.METHOD_NOT_ALLOWED
