"""A fault as it is written in JSON, checked, and made into the engine's rule."""

import json
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from emulator.engine.fault_rules import Match, Quota, Recipe, Then
from emulator.engine.faults import Action, CloseFault, Drop, DropFault, GarbageFault, ReplyFault, TruncateFault
from emulator.engine.filters import Part
from emulator.engine.scopes import Scope
from emulator.wire import content, errors, messages, sids

_LONGEST_DELAY = 600
_DAY = 86400
_LONGEST_KEY = 10_000
_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"
_GATEWAYS_OWN = (502, 504)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReplyBody(_Strict):
    """Another reply: Twilio's own for a status or code, or a page as a gateway would send."""

    status: int | None = Field(None, ge=200, le=599, examples=[429])
    code: int | None = Field(None, ge=0, le=99999, examples=[20429])
    message: str | None = Field(
        None, max_length=1000, description="{path} in it stands for the path", examples=["Too Many Requests"]
    )
    retry_after: int | None = Field(None, ge=0, le=_DAY, description="seconds, sent as Retry-After", examples=[2])
    content_type: str | None = Field(None, pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=200, examples=["text/html"])
    body: str | None = Field(
        None, max_length=64 * 1024, description="sent as it is, without Twilio's headers", examples=["<h1>Oops</h1>"]
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "ReplyBody":
        if errors.like(self.status, self.code) is None:
            raise ValueError("give a status, or a code of Twilio's that GET /_emulator/rules lists")
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED):
            raise ValueError(f"{self.status} has no body; that would be no fault but another protocol")
        if self.body is None and self.status is not None and self.status < HTTPStatus.BAD_REQUEST:
            raise ValueError(f"with status {self.status} give a body too; Twilio's form is for errors")
        if self._is_page and (self.code is not None or self.message is not None):
            raise ValueError("code and message are Twilio's form, body and content_type a page: give one or the other")
        return self

    @property
    def _is_page(self) -> bool:
        return self.body is not None or self.content_type is not None

    def action(self) -> ReplyFault:
        """The engine's."""
        wait = () if self.retry_after is None else ((b"retry-after", b"%d" % self.retry_after),)
        problem = errors.like(self.status, self.code, self.message)
        assert problem is not None
        status = int(problem.status)
        if self._is_page or (status in _GATEWAYS_OWN and self.code is None and self.message is None):
            return ReplyFault(errors.made_up(status).with_headers(wait), self._page(status), self._content_type())
        return ReplyFault(problem.with_headers(wait))

    def _page(self, status: int) -> str:
        if self.body is not None:
            return self.body
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Unknown"
        return _GATEWAY_PAGE.format(f"{status} {phrase}")

    def _content_type(self) -> str:
        if self.content_type is not None:
            return self.content_type
        return "application/json" if (self.body or "").lstrip()[:1] in ("{", "[") else "text/html"


Seconds = Annotated[float, Field(ge=0, le=_LONGEST_DELAY, allow_inf_nan=False)]


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the first bound must not be above the second")
    return bounds


class Uniform(_Strict):
    """Seconds between two bounds, by the rule's dice."""

    uniform: Annotated[tuple[Seconds, Seconds], AfterValidator(_rising), Field(strict=False, examples=[[1, 5]])]


def _kind_of_delay(given: object) -> str:
    return "uniform" if isinstance(given, dict | Uniform) else "seconds"


Delay = Annotated[
    Annotated[Seconds, Tag("seconds")] | Annotated[Uniform, Tag("uniform")], Discriminator(_kind_of_delay)
]


class QuotaBody(_Strict):
    """So many requests in so many seconds pass; the rest get 429/20429 and Retry-After."""

    requests: int = Field(ge=0, le=100_000, examples=[10])
    window: float = Field(gt=0, le=_DAY, description="seconds of the emulator's clock", examples=[1])


_EXCLUSIVE = ("reply", "drop", "truncate", "garbage", "close", "quota")


def _boolean(given: object) -> object:
    if not isinstance(given, bool):
        raise ValueError("Input should be True")  # noqa: TRY004  pydantic passes on no other
    return given


Yes = Annotated[Literal[True], BeforeValidator(_boolean)]  # to pydantic 1 is True


class ThenBody(_Strict):
    """A delay, one of the others, or a delay and then one of the others."""

    delay: Delay | None = Field(None, description="seconds that the answer is held back", examples=[1.5])
    reply: ReplyBody | None = Field(None, description="another answer; nothing is done")
    drop: Drop | None = Field(
        None,
        strict=False,  # JSON has no enumerations
        description="connection reset: before = nothing is done, after = processed and the answer lost",
        examples=["after"],
    )
    truncate: int | None = Field(
        None,
        ge=0,
        le=1024 * 1024,
        description="processed; the whole head, and so many bytes of the body, never all",
        examples=[10],
    )
    garbage: Yes | None = Field(None, description="processed; the answer is not HTTP", examples=[True])
    close: Yes | None = Field(None, description="connection closed without an answer; nothing is done", examples=[True])
    quota: QuotaBody | None = None

    @model_validator(mode="after")
    def _possible(self) -> "ThenBody":
        given = [name for name in _EXCLUSIVE if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; only delay goes with another")
        if not given and self.delay is None:
            raise ValueError(f"give one of delay, {', '.join(_EXCLUSIVE)}")
        return self

    @property
    def needs_connection(self) -> bool:
        """Whether only our own server can do it."""
        return any(getattr(self, name) is not None for name in ("drop", "truncate", "garbage", "close"))

    def then(self) -> Then:
        """The engine's."""
        delay = self.delay or 0.0
        bounds = delay.uniform if isinstance(delay, Uniform) else (delay, delay)
        return Then(delay=bounds, action=self._action())

    def _action(self) -> Action | Quota | None:
        if self.reply is not None:
            return self.reply.action()
        if self.drop is not None:
            return DropFault(self.drop)
        if self.truncate is not None:
            return TruncateFault(self.truncate)
        if self.quota is not None:
            return Quota(requests=self.quota.requests, window=self.quota.window)
        if self.garbage:
            return GarbageFault()
        return CloseFault() if self.close else None


class Profile(BaseModel):
    """A rule's usual parts, under a name."""

    name: str
    does: str
    then: ThenBody
    probability: float = 1.0


def _profile(name: str, does: str, then: dict[str, Any], probability: float = 1.0) -> Profile:
    return Profile(name=name, does=does, then=ThenBody.model_validate(then), probability=probability)


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


def _portable(value: object) -> object:
    try:
        content.parse(json.dumps(value))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) > messages.MAX_CONTENT:
        raise ValueError(f"at most {messages.MAX_CONTENT} characters: no Content may have more")
    return value


class MatchBody(_Strict):
    """Which requests a rule is for; nothing = all."""

    account_sid: str | None = Field(default=None, pattern=f"^{sids.pattern(sids.ACCOUNT)}$", examples=["AC" + "a" * 32])
    call_sid: str | None = Field(default=None, pattern=f"^{sids.pattern(sids.CALL)}$", examples=["CA" + "b" * 32])
    resource: Literal["UserDefinedMessages", "UserDefinedMessageSubscriptions"] | None = Field(
        default=None, examples=[messages.RESOURCE]
    )
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=_LONGEST_KEY, examples=["1"])
    content: Annotated[Any, AfterValidator(_portable)] = Field(
        default=None, description="JSON that the content must hold: objects by subset", examples=[{"a": 1}]
    )

    def match(self) -> Match:
        """The engine's."""
        return Match(
            scope=Scope(self.account_sid, self.call_sid),
            resource=self.resource,
            idempotency_key=self.idempotency_key,
            content=Part(self.content) if "content" in self.model_fields_set else None,
        )


class FaultBody(_Strict):
    """A rule: for which requests, what then, and how often. The first rule that fires wins."""

    model_config = ConfigDict(json_schema_extra={"required": []})  # a profile stands for `then`

    match: MatchBody = MatchBody()
    then: ThenBody = Field(examples=[{"reply": {"status": 429, "retry_after": 2}}])
    profile: Annotated[str, AfterValidator(_known)] | None = Field(
        None, description="instead of `then`: one of " + ", ".join(_BY_NAME), examples=["lost-answer"]
    )
    skip_first: int = Field(0, ge=0, le=10**9, description="so many matching requests pass first", examples=[1])
    times: int | None = Field(None, ge=1, le=10**9, description="it fires so often; null = without end", examples=[1])
    probability: float = Field(1.0, ge=0, le=1, examples=[0.5])
    seed: int | None = Field(
        None, ge=0, le=2**63 - 1, description="makes probability and uniform delays repeat", examples=[7]
    )
    ttl: float | None = Field(
        None, gt=0, le=_DAY, description="seconds after which the rule ends by itself", examples=[60]
    )

    @model_validator(mode="before")
    @classmethod
    def _from_profile(cls, given: Any) -> Any:  # noqa: ANN401  whatever was sent
        if not isinstance(given, dict) or given.get("profile") is None:
            return given
        if "then" in given:
            raise ValueError("give profile or then, not both")
        profile = _BY_NAME.get(str(given["profile"]), PROFILES[0])  # an unknown one is refused by its own field
        return {"probability": profile.probability, **given, "then": profile.then}

    def recipe(self) -> Recipe:
        """The engine's."""
        return Recipe(
            match=self.match.match(),
            then=self.then.then(),
            skip_first=self.skip_first,
            times=self.times,
            probability=self.probability,
            seed=self.seed,
            ttl=self.ttl,
        )
