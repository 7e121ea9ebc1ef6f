"""Models of fault rules in JSON, and their conversion to rules of the engine."""

import json
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from emulator.endpoints.inspection.bodies import LARGEST_INTEGER, Body, Yes, members
from emulator.engine.faults.kinds import Action, CloseFault, Drop, DropFault, GarbageFault, ReplyFault, TruncateFault
from emulator.engine.faults.rules import FaultEffect, FaultRuleSpec, Match, Quota
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.wire import errors, messages, sids

_LONGEST_DELAY = 600
_DAY = 86400
_LONGEST_KEY = 10_000
_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"
_GATEWAYS_OWN = (502, 504)


_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)
_CODES = sorted({row.code for row in errors.CATALOGUE if row.code is not None})

Message = Annotated[
    str, Field(max_length=1000, description="{path} in it stands for the path", examples=["Too Many Requests"])
]
ContentType = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=200, examples=["text/html"])]


class _Reply(Body):
    retry_after: int | None = Field(None, ge=0, le=_DAY, description="seconds, sent as Retry-After", examples=[2])

    @property
    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return () if self.retry_after is None else ((b"retry-after", b"%d" % self.retry_after),)


def _known_code(code: int) -> int:
    if code not in _CODES:
        raise ValueError("give a status, or a code of Twilio's that GET /_emulator/rules lists")
    return code


class CodeReply(_Reply):
    """Twilio's response for a code."""

    code: Annotated[int, AfterValidator(_known_code)] = Field(json_schema_extra={"enum": [*_CODES]}, examples=[20429])
    message: Message | None = None

    def action(self) -> ReplyFault:
        """Convert to the engine's type."""
        problem = errors.like(None, self.code, self.message)
        assert problem is not None
        return ReplyFault(problem.with_headers(self._headers))


def _is_error(status: int) -> int:
    if status < HTTPStatus.BAD_REQUEST:
        raise ValueError(f"with status {status} give a body too; Twilio's form is for errors")
    return status


ErrorStatus = Annotated[
    int, Field(ge=200, le=599, json_schema_extra={"minimum": 400}, examples=[429]), AfterValidator(_is_error)
]


class StatusReply(_Reply):
    """Twilio's response for a status; for 502 and 504 without a code or message, the page of a gateway."""

    status: ErrorStatus
    code: int | None = Field(None, ge=0, le=99999, examples=[20429])
    message: Message | None = None

    def action(self) -> ReplyFault:
        """Convert to the engine's type."""
        if self.status in _GATEWAYS_OWN and self.code is None and self.message is None:
            return _page(self.status, None, None, self._headers)
        problem = errors.like(self.status, self.code, self.message)
        assert problem is not None
        return ReplyFault(problem.with_headers(self._headers))


class GatewayReply(_Reply):
    """The page of a gateway, with a media type."""

    status: ErrorStatus
    content_type: ContentType

    def action(self) -> ReplyFault:
        """Convert to the engine's type."""
        return _page(self.status, None, self.content_type, self._headers)


def _has_body(status: int) -> int:
    if status in _NO_BODY:
        raise ValueError(f"{status} has no body; that would be no fault but another protocol")
    return status


class PageReply(_Reply):
    """A response with any body."""

    status: Annotated[int, AfterValidator(_has_body)] = Field(
        ge=200, le=599, json_schema_extra={"not": {"enum": [int(status) for status in _NO_BODY]}}, examples=[502]
    )
    body: str = Field(
        max_length=64 * 1024, description="sent as it is, without Twilio's headers", examples=["<h1>Oops</h1>"]
    )
    content_type: ContentType | None = None

    def action(self) -> ReplyFault:
        """Convert to the engine's type."""
        return _page(self.status, self.body, self.content_type, self._headers)


def _page(
    status: int, body: str | None, content_type: str | None, headers: tuple[tuple[bytes, bytes], ...]
) -> ReplyFault:
    if body is None:
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Unknown"
        body = _GATEWAY_PAGE.format(f"{status} {phrase}")
    guess = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/html"
    return ReplyFault(errors.made_up(status).with_headers(headers), body, content_type or guess)


_KINDS_OF_REPLY = ("body", "content_type", "status", "code")
"""The member that decides what kind of reply it is; the first one counts."""


def _kind_of_reply(given: object) -> str:
    return "reply: " + next(iter(members(given, _KINDS_OF_REPLY)), "code")


def _one_form(given: object) -> object:
    if isinstance(given, dict):
        if not {"status", "code"} & given.keys():
            raise ValueError("give a status, or a code of Twilio's that GET /_emulator/rules lists")
        if {"body", "content_type"} & given.keys() and {"code", "message"} & given.keys():
            raise ValueError("code and message are Twilio's form, body and content_type a page: give one or the other")
    return given


ReplyBody = Annotated[
    Annotated[PageReply, Tag("reply: body")]
    | Annotated[GatewayReply, Tag("reply: content_type")]
    | Annotated[StatusReply, Tag("reply: status")]
    | Annotated[CodeReply, Tag("reply: code")],
    Discriminator(_kind_of_reply),
    BeforeValidator(_one_form),
]
"""Another reply: Twilio's own for a status or code, or a page as a gateway would send."""


Seconds = Annotated[float, Field(ge=0, le=_LONGEST_DELAY, allow_inf_nan=False)]


class Uniform(Body):
    """A random number of seconds between two bounds, from the rule's seed."""

    uniform: tuple[Seconds, Seconds] = Field(strict=False, description="in either order", examples=[[1, 5]])


def _kind_of_delay(given: object) -> str:
    return "uniform" if isinstance(given, dict | Uniform) else "seconds"


Delay = Annotated[
    Annotated[Seconds, Tag("seconds")] | Annotated[Uniform, Tag("uniform")], Discriminator(_kind_of_delay)
]


class QuotaBody(Body):
    """A rate limit: more requests within the window get 429/20429 and Retry-After."""

    requests: int = Field(ge=0, le=100_000, examples=[10])
    window: float = Field(gt=0, le=_DAY, description="seconds of the emulator's clock", examples=[1])


class _Then(Body):
    needs_connection: ClassVar[bool] = False
    """Whether only our own server can do it."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The bounds of the delay in seconds."""
        delay: float | Uniform = getattr(self, "delay", None) or 0.0
        low, high = sorted(delay.uniform if isinstance(delay, Uniform) else (delay, delay))
        return low, high

    def action(self) -> Action | Quota | None:
        """Convert to the engine's type."""
        return None

    def then(self) -> FaultEffect:
        """Convert to the engine's type."""
        return FaultEffect(delay=self.bounds, action=self.action())


class DelayThen(_Then):
    """A delay only."""

    delay: Delay = Field(description="seconds that the reply is held back", examples=[1.5])


class _Delayed(_Then):
    delay: Delay | None = Field(None, description="seconds that it is held back", examples=[1.5])


class ReplyThen(_Delayed):
    """Another response; the request is not processed."""

    reply: ReplyBody

    def action(self) -> ReplyFault:
        """Convert to the engine's type."""
        return self.reply.action()


class DropThen(_Delayed):
    """Connection reset, before or after the request is processed."""

    needs_connection = True
    drop: Drop = Field(strict=False, examples=["after"])

    def action(self) -> DropFault:
        """Convert to the engine's type."""
        return DropFault(self.drop)


class TruncateThen(_Delayed):
    """The request is processed; the response is cut after this many bytes of the body."""

    needs_connection = True
    truncate: int = Field(ge=0, le=1024 * 1024, examples=[10])

    def action(self) -> TruncateFault:
        """Convert to the engine's type."""
        return TruncateFault(self.truncate)


class GarbageThen(_Delayed):
    """The request is processed; the response is not HTTP."""

    needs_connection = True
    garbage: Yes = Field(examples=[True])

    def action(self) -> GarbageFault:
        """Convert to the engine's type."""
        return GarbageFault()


class CloseThen(_Delayed):
    """Connection closed without a response; the request is not processed."""

    needs_connection = True
    close: Yes = Field(examples=[True])

    def action(self) -> CloseFault:
        """Convert to the engine's type."""
        return CloseFault()


class QuotaThen(_Delayed):
    """A rate limit: requests above the quota get 429/20429."""

    quota: QuotaBody

    def action(self) -> Quota:
        """Convert to the engine's type."""
        return Quota(requests=self.quota.requests, window=self.quota.window)


_KINDS = ("reply", "drop", "truncate", "garbage", "close", "quota")


def _one_kind(given: object) -> object:
    kinds = members(given, _KINDS)
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(kinds)} exclude each other; only delay goes with another")
    if given == {}:
        raise ValueError(f"give one of delay, {', '.join(_KINDS)}")
    return given


def _kind(given: object) -> str:
    return "then: " + next(iter(members(given, _KINDS)), "delay")


ThenBody = Annotated[
    Annotated[DelayThen, Tag("then: delay")]
    | Annotated[ReplyThen, Tag("then: reply")]
    | Annotated[DropThen, Tag("then: drop")]
    | Annotated[TruncateThen, Tag("then: truncate")]
    | Annotated[GarbageThen, Tag("then: garbage")]
    | Annotated[CloseThen, Tag("then: close")]
    | Annotated[QuotaThen, Tag("then: quota")],
    Discriminator(_kind),
    BeforeValidator(_one_kind),
]
"""A delay, one of the others, or a delay and then one of the others."""
_THEN: TypeAdapter[ThenBody] = TypeAdapter(ThenBody)


class Profile(BaseModel):
    """A named set of a rule's fields."""

    model_config = ConfigDict(defer_build=True)

    name: str
    does: str
    then: ThenBody
    probability: float = 1.0


def _profile(name: str, does: str, then: dict[str, Any], probability: float = 1.0) -> Profile:
    return Profile(name=name, does=does, then=_THEN.validate_python(then), probability=probability)


PROFILES: tuple[Profile, ...] = (
    _profile("rate-limited", "429/20429 with Retry-After: 1", {"reply": {"code": 20429, "retry_after": 1}}),
    _profile("outage", "503/20503", {"reply": {"code": 20503}}),
    _profile("slow", "answers after 1 to 5 seconds", {"delay": {"uniform": [1, 5]}}),
    _profile("flaky", "500/20500 three times in ten", {"reply": {"code": 20500}}, 0.3),
    _profile("lost-answer", "created, and the connection reset before the answer", {"drop": "after"}),
    _profile("bad-gateway", "502 with a page of HTML, as a gateway sends it", {"reply": {"status": 502}}),
)
"""Ready-made rules."""

_BY_NAME = {profile.name: profile for profile in PROFILES}


def _known(name: str) -> str:
    if name not in _BY_NAME:
        raise ValueError("one of " + ", ".join(_BY_NAME))
    return name


def _of_content_size(value: object) -> object:
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) > messages.MAX_CONTENT:
        raise ValueError(f"at most {messages.MAX_CONTENT} characters: no Content may have more")
    return value


class MatchBody(Body):
    """The requests that a rule matches; without fields, all."""

    account_sid: str | None = Field(default=None, pattern=f"^{sids.pattern(sids.ACCOUNT)}$", examples=["AC" + "a" * 32])
    call_sid: str | None = Field(default=None, pattern=f"^{sids.pattern(sids.CALL)}$", examples=["CA" + "b" * 32])
    resource: Literal["UserDefinedMessages", "UserDefinedMessageSubscriptions"] | None = Field(
        default=None, examples=[messages.RESOURCE]
    )
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=_LONGEST_KEY, examples=["1"])
    content: Annotated[Any, AfterValidator(_of_content_size)] = Field(
        default=None, description="JSON that the content must hold: objects by subset", examples=[{"a": 1}]
    )

    def match(self) -> Match:
        """Convert to the engine's type."""
        return Match(
            scope=Scope(self.account_sid, self.call_sid),
            resource=self.resource,
            idempotency_key=self.idempotency_key,
            content=JsonSubset(self.content) if "content" in self.model_fields_set else None,
        )


class _Rule(Body):
    """Which requests a rule matches, and how often it applies. The first rule that applies wins."""

    match: MatchBody = MatchBody()
    skip_first: int = Field(0, ge=0, le=10**9, description="this many matching requests pass first", examples=[1])
    times: int | None = Field(None, ge=1, le=10**9, description="how often it fires; null = without end", examples=[1])
    seed: int | None = Field(
        None, ge=0, le=LARGEST_INTEGER, description="makes probability and uniform delays repeat", examples=[7]
    )
    ttl: float | None = Field(
        None, gt=0, le=_DAY, description="seconds after which the rule ends by itself", examples=[60]
    )

    def _recipe(self, then: _Then, probability: float) -> FaultRuleSpec:
        return FaultRuleSpec(
            match=self.match.match(),
            then=then.then(),
            skip_first=self.skip_first,
            times=self.times,
            probability=probability,
            seed=self.seed,
            ttl=self.ttl,
        )


class RuleBody(_Rule):
    """A rule: the requests that it matches, its effect, and how often it applies. The first rule that applies wins."""

    then: ThenBody = Field(examples=[{"reply": {"status": 429, "retry_after": 2}}])
    probability: float = Field(1.0, ge=0, le=1, examples=[0.5])

    def recipe(self) -> FaultRuleSpec:
        """Convert to the engine's type."""
        return self._recipe(self.then, self.probability)


class ProfileBody(_Rule):
    """A rule with a profile instead of `then`. The first rule that applies wins."""

    profile: Annotated[str, AfterValidator(_known)] = Field(
        json_schema_extra={"enum": [*_BY_NAME]}, examples=["lost-answer"]
    )
    probability: float | None = Field(None, ge=0, le=1, description="null = the profile's", examples=[0.5])

    @property
    def then(self) -> _Then:
        """The effect of the profile."""
        return _BY_NAME[self.profile].then

    def recipe(self) -> FaultRuleSpec:
        """Convert to the engine's type."""
        usual = _BY_NAME[self.profile].probability
        return self._recipe(self.then, usual if self.probability is None else self.probability)


def _profile_or_then(given: object) -> object:
    if len(members(given, ("profile", "then"))) > 1:
        raise ValueError("give profile or then, not both")
    return given


def _kind_of_rule(given: object) -> str:
    return "rule: " + next(iter(members(given, ("profile",))), "then")


FaultBody = Annotated[
    Annotated[RuleBody, Tag("rule: then")] | Annotated[ProfileBody, Tag("rule: profile")],
    Discriminator(_kind_of_rule),
    BeforeValidator(_profile_or_then),
]
