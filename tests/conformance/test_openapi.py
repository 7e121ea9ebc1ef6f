"""schemathesis, which reads our OpenAPI document and tries to prove it wrong at the real server."""

from collections.abc import Iterator

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
inspection = schema.exclude(path_regex="^/2010-04-01/")
bounded = settings(max_examples=30, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept; a proxy of this machine is not for 127.0.0.1."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_the_document_served_is_the_one_judged(site: Site) -> None:
    assert site.get("/openapi.json").json() == document


@inspection.parametrize()
@bounded
def test_the_inspection_api_is_as_described(case: schemathesis.Case, site: Site, session: requests.Session) -> None:
    case.call_and_validate(base_url=site.url, session=session)


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
