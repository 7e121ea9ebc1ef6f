"""`/_emulator/check`: evaluate a described request without sending or storing it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from emulator.endpoints.api.model import ACCOUNT, CALL
from emulator.endpoints.api.requests import Header, RawResponse
from emulator.endpoints.api.rules import CheckResult, EvaluatedRule
from emulator.endpoints.inspection.bodies import IN_BODY, Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import ServicesDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE

router = APIRouter(route_class=ControlRoute, tags=["check"], responses=UNPROCESSABLE)

FORM = "application/x-www-form-urlencoded"
_EXAMPLE = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}/UserDefinedMessages.json"


HeaderName = Annotated[str, StringConstraints(pattern=r"^[!-9;-~]+$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~\t\u0080-\u00ff]*$")]


class _Described(Body):
    """A described request."""

    method: str = Field("POST", pattern=r"^[A-Z]+$", examples=["POST"])
    path: str = Field(pattern=r"^/[!-~]*$", examples=[_EXAMPLE])
    headers: dict[HeaderName, HeaderValue] = Field(
        {}, examples=[{"Authorization": "Basic QUM6MDA="}], json_schema_extra={"additionalProperties": False}
    )

    def named(self) -> dict[str, str]:
        """Headers by name."""
        return {name.lower(): value for name, value in self.headers.items()}


class DescribedForm(_Described):
    """A request with a form, or without a body."""

    form: dict[str, str] | None = Field(None, examples=[{"Content": "{}"}])
    body: None = Field(None, examples=[None])

    def named(self) -> dict[str, str]:
        """Headers by name, with the media type of forms by default."""
        return ({} if self.form is None else {"content-type": FORM}) | super().named()

    def raw(self) -> str:
        """The body to send."""
        return urlencode(self.form or {})


def _no_form(form: object) -> object:
    if form is not None:
        raise ValueError('give "form" or "body", not both')
    return form


class DescribedBody(_Described):
    """A request with any body."""

    form: Annotated[None, BeforeValidator(_no_form)] = Field(None, examples=[None])
    body: str = Field(description="raw body, instead of a form", examples=["Content=%7B%7D"])

    def raw(self) -> str:
        """The body to send."""
        return self.body


def _kind(given: object) -> str:
    return "request: body" if isinstance(given, dict) and given.get("body") is not None else "request: form"


Described = Annotated[
    Annotated[DescribedForm, Tag("request: form")] | Annotated[DescribedBody, Tag("request: body")],
    Discriminator(_kind),
]


@router.post("/_emulator/check", summary="Check a request without sending it")
async def check(services: ServicesDep, described: Annotated[Described, IN_BODY]) -> CheckResult:
    """Evaluate a described request; the SID of the message that it would create is all zeros."""
    given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in described.named().items()]
    reply, headers, looked = services.dry_runner.dry_run(
        described.method, described.path, given, described.raw().encode()
    )
    return CheckResult(
        reply=RawResponse(
            status=reply.status,
            headers=tuple(
                Header(name=name.decode("latin-1"), value=value.decode("latin-1")) for name, value in headers
            ),
            body=reply.body.decode(),
        ),
        rules=tuple(
            EvaluatedRule(
                rule=rule.name,
                says=rule.summary.replace("{path}", described.path.partition("?")[0]),
                passed=passed,
                certainty=rule.certainty,
                source=rule.source,
                advice=rule.advice,
            )
            for rule, passed in looked
        ),
    )
