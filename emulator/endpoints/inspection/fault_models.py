"""Models of fault rules in JSON, and their conversion to rules of the engine."""

import json
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, TypeAdapter

from emulator.endpoints.inspection.bodies import LARGEST_INTEGER, Body, members
from emulator.endpoints.inspection.fault_kinds import ThenBody, ThenModel
from emulator.engine.faults.rules import FaultRuleSpec, Match
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.wire import messages, sids

_DAY = 86400
_LONGEST_KEY = 10_000


class FaultProfile(NamedTuple):
    """A named set of a rule's fields; `then` as JSON."""

    name: str
    does: str
    then: dict[str, Any]
    probability: float = 1.0


PROFILES: tuple[FaultProfile, ...] = (
    FaultProfile("rate-limited", "429/20429 with Retry-After: 1", {"reply": {"code": 20429, "retry_after": 1}}),
    FaultProfile("outage", "503/20503", {"reply": {"code": 20503}}),
    FaultProfile("slow", "answers after 1 to 5 seconds", {"delay": {"uniform": [1, 5]}}),
    FaultProfile("flaky", "500/20500 with probability 0.3", {"reply": {"code": 20500}}, 0.3),
    FaultProfile("lost-answer", "created, and the connection reset before the answer", {"drop": "after"}),
    FaultProfile("bad-gateway", "502 with an HTML page", {"reply": {"status": 502}}),
)
"""Ready-made rules."""

_BY_NAME = {profile.name: profile for profile in PROFILES}


@cache
def _then_of(name: str) -> ThenModel:
    """Build the effect of a profile when it is first used, which shortens the start."""
    adapter: TypeAdapter[ThenBody] = TypeAdapter(ThenBody)
    return adapter.validate_python(_BY_NAME[name].then)


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
    times: int | None = Field(None, ge=1, le=10**9, description="times it fires; null: unlimited", examples=[1])
    seed: int | None = Field(
        None, ge=0, le=LARGEST_INTEGER, description="makes probability and uniform delays repeat", examples=[7]
    )
    ttl: float | None = Field(
        None, gt=0, le=_DAY, description="seconds after which the rule ends by itself", examples=[60]
    )

    def _spec(self, then: ThenModel, probability: float) -> FaultRuleSpec:
        return FaultRuleSpec(
            match=self.match.match(),
            then=then.effect(),
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

    def spec(self) -> FaultRuleSpec:
        """Convert to the engine's type."""
        return self._spec(self.then, self.probability)


class ProfileBody(_Rule):
    """A rule with a profile instead of `then`. The first rule that applies wins."""

    profile: Annotated[str, AfterValidator(_known)] = Field(
        json_schema_extra={"enum": [*_BY_NAME]}, examples=["lost-answer"]
    )
    probability: float | None = Field(None, ge=0, le=1, description="null: as in the profile", examples=[0.5])

    @property
    def then(self) -> ThenModel:
        """The effect of the profile."""
        return _then_of(self.profile)

    def spec(self) -> FaultRuleSpec:
        """Convert to the engine's type."""
        usual = _BY_NAME[self.profile].probability
        return self._spec(self.then, usual if self.probability is None else self.probability)


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
