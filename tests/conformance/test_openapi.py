"""schemathesis, which reads our OpenAPI document and tries to prove it wrong at the real server.

A request that the document allows is accepted, one that it forbids is rejected, and nothing ends in a 5xx.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
)
from support.server import TOKEN, Running, Site

from emulator.app import create_app
from emulator.settings import Settings
from emulator.wire import content

ACCOUNT = "AC" + "a" * 32
# What an allowed request may get: success, or what depends on the state and not on the request.
ACCEPTED = {
    "2xx": "success",
    "404": "an identifier that does not exist",
    "408": "a wait with strict=true that is not satisfied",
    "409": "a call that is not active, a clock at its end",
    "429": "a limit that is reached",
}
# Given here, so that no schemathesis.toml of a parent folder counts.
CONFIG = SchemathesisConfig.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": list(ACCEPTED)}}})

document = create_app(Settings()).openapi()
schema = schemathesis.openapi.from_dict(document, config=CONFIG)
twilio = schema.include(path_regex="^/2010-04-01/")
# A stream has no end, and schemathesis reads to it; tests/endpoints/inspection/test_events.py judges it instead.
inspection = schema.exclude(path_regex="^/2010-04-01/").exclude(path="/_emulator/events")
bounded = settings(max_examples=settings.default.max_examples * 2 // 10, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def own() -> Iterator[Site]:
    """An emulator of its own: its clock, faults and schemas are changed."""
    with Running(Settings(port=0)) as running:
        yield running.site


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept; a proxy of this machine is not for 127.0.0.1."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_tested_document_is_the_served_one(own: Site) -> None:
    assert own.get("/openapi.json").json() == document


WITH_PARAMETERS = [
    pytest.param(method, path, described["parameters"][-1]["name"], id=f"{method} {path}")
    for path, methods in document["paths"].items()
    for method, described in methods.items()
    if any(one["in"] == "query" for one in described.get("parameters", []))
]


@pytest.mark.parametrize(("method", "path", "name"), WITH_PARAMETERS)
def test_a_parameter_given_twice_is_rejected(site: Site, method: str, path: str, name: str) -> None:
    reply = site.ask(method.upper(), f"{path}?{name}=1&{name}=2")

    assert (reply.status, [bad["parameter"] for bad in reply.json()["parameters"]]) == (422, [name])


LONGEST = 60


def is_patience(given: object) -> bool:
    """Whether it is a number of seconds that is allowed, as a number or as text."""
    with suppress(ValueError):
        return 0 <= float(str(given)) <= LONGEST
    return False


def without_patience(case: schemathesis.Case[Any]) -> None:
    """Let waits that are allowed end at once: how long they may take is not judged here."""
    if {"at_least", "at_most"} & set(case.query):
        for name in ("timeout", "within"):
            if is_patience(case.query.get(name, 0)):
                case.query[name] = 0


def with_json_texts(case: schemathesis.Case[Any]) -> None:
    """Make JSON of the strings that the document says are JSON: schemathesis does not always draw such."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for container in (case.query, case.body):
        for name in ("content", "Content"):
            if isinstance(container, dict) and isinstance(container.get(name), str):
                container[name] = as_json(container[name])


def as_json(text: str) -> str:
    """The text where it is JSON, else as a JSON string that is not too long."""
    return text if content.is_json(text) else json.dumps(text[:1000])


def is_beyond_a_schema(case: schemathesis.Case[Any]) -> bool:
    """Whether only words can forbid it: no schema describes which JSON Schemas are valid and usable."""
    if case.operation.path != "/_emulator/schemas/{name}" or not isinstance(case.body, dict):
        return False
    given: Any = case.body.get("schema")
    return not jsonschema_rs.meta.is_valid(given) or any(word in str(given) for word in ("$ref", "pattern", "$schema"))


@inspection.parametrize()
@bounded
def test_the_inspection_api_is_as_described(case: schemathesis.Case[Any], own: Site, session: requests.Session) -> None:
    without_patience(case)
    with_json_texts(case)
    excluded = [positive_data_acceptance] if is_beyond_a_schema(case) else []
    case.call_and_validate(base_url=own.url, session=session, excluded_checks=excluded)


@twilio.parametrize()
@bounded
def test_twilio_api_without_credentials(case: schemathesis.Case[Any], site: Site, session: requests.Session) -> None:
    """Responses to requests without credentials match the document."""
    # Without credentials everything is 401.
    case.call_and_validate(base_url=site.url, session=session, excluded_checks=[positive_data_acceptance])


@twilio.parametrize()
@bounded
def test_twilio_api_with_credentials(case: schemathesis.Case[Any], site: Site, session: requests.Session) -> None:
    """Responses to requests with credentials match the document."""
    with_json_texts(case)
    case.path_parameters["AccountSid"] = ACCOUNT
    case.call_and_validate(
        base_url=site.url,
        session=session,
        auth=(ACCOUNT, TOKEN),
        # What a case lacks or breaks on purpose is repaired by the lines above; the test before judges these.
        excluded_checks=[missing_required_header, negative_data_rejection],
    )
