"""schemathesis, which reads our OpenAPI document and tries to prove it wrong at the real server."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
)
from serving import TOKEN, Site

from emulator.app import create_app
from emulator.settings import Settings

ACCOUNT = "AC" + "a" * 32

document = create_app(Settings()).openapi()
schema = schemathesis.openapi.from_dict(document)
twilio = schema.include(path_regex="^/2010-04-01/")
# A stream has no end, and schemathesis reads to it; tests/endpoints/inspection/test_events.py judges it instead.
inspection = schema.exclude(path_regex="^/2010-04-01/").exclude(path="/_emulator/events")
bounded = settings(max_examples=30, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept; a proxy of this machine is not for 127.0.0.1."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_the_document_served_is_the_one_judged(site: Site) -> None:
    assert site.get("/openapi.json").json() == document


# Where the document says in words what its schemas cannot, what they allow may be refused.
IN_WORDS = {
    "/_emulator/messages": "content is a text that must be JSON",
    "/_emulator/requests": "content is a text that must be JSON",
    "/_emulator/threads": "content is a text that must be JSON",
    "/_emulator/deliveries": "content is a text that must be JSON",
    "/_emulator/calls/{call_sid}/end-user/messages": "content is a text that must be JSON",
    "/_emulator/clock": "of three members exactly one",
    "/_emulator/check": "form or body, not both",
    "/_emulator/faults": "which members of a fault exclude each other, and which go together",
    "/_emulator/schemas/{name}": "what a usable JSON Schema is",
}
LONGEST = 60


def is_patience(given: object) -> bool:
    """Whether it is a number of seconds that is allowed, as a number or as text."""
    with suppress(ValueError):
        return 0 <= float(str(given)) <= LONGEST
    return False


def without_patience(case: schemathesis.Case) -> None:
    """Let waits that are allowed end at once: how long they may take is not judged here."""
    if {"at_least", "at_most"} & set(case.query):
        for name in ("timeout", "within"):
            if is_patience(case.query.get(name, 0)):
                case.query[name] = 0


@inspection.parametrize()
@bounded
def test_the_inspection_api_is_as_described(case: schemathesis.Case, site: Site, session: requests.Session) -> None:
    without_patience(case)
    excluded = [positive_data_acceptance] if case.operation.path in IN_WORDS else []
    case.call_and_validate(base_url=site.url, session=session, excluded_checks=excluded)


@twilio.parametrize()
@bounded
def test_anybody_finds_the_twilio_surface_as_described(
    case: schemathesis.Case, site: Site, session: requests.Session
) -> None:
    case.call_and_validate(base_url=site.url, session=session)


@twilio.parametrize()
@bounded
def test_an_account_finds_the_twilio_surface_as_described(
    case: schemathesis.Case, site: Site, session: requests.Session
) -> None:
    case.path_parameters["AccountSid"] = ACCOUNT
    case.call_and_validate(
        base_url=site.url,
        session=session,
        auth=(ACCOUNT, TOKEN),
        excluded_checks=[
            # What a case lacks or breaks on purpose is repaired by the lines above; the test before judges these.
            missing_required_header,
            negative_data_rejection,
            # As in Twilio's own document, Content is a string; that it must be JSON is nothing that a schema can say.
            positive_data_acceptance,
        ],
    )
