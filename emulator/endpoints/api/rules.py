"""The rules of the emulator, and their evaluation of a request that is not sent."""

from typing import Annotated

from emulator.endpoints.api.model import Model, doc
from emulator.endpoints.api.requests import RawResponse
from emulator.wire.rules import Certainty


class RuleDescription(Model):
    """A rule."""

    name: Annotated[str, doc(None, "content-not-json")]
    says: Annotated[str, doc(None, "400/32702 Invalid Content")]
    certainty: Annotated[Certainty, doc(None, "assumed")]
    source: str
    advice: Annotated[str | None, doc("what the client can do about an error; null: the rule is not an error")]


class MagicCallSid(Model):
    """A magic CallSid, which selects a fault."""

    ending: Annotated[str, doc("the last eight hex digits of the CallSid", "fa110429")]
    does: str


class SourceDocument(Model):
    """Twilio's OpenAPI document, the source of patterns, parameters and members."""

    name: str
    version: str
    date: str
    commit: str


class Rules(Model):
    """All rules, the deliberate deviations, the magic CallSids, and the OpenAPI document."""

    rules: tuple[RuleDescription, ...]
    deviations: tuple[str, ...]
    magic: Annotated[tuple[MagicCallSid, ...], doc("empty if the option magic is off")]
    openapi: SourceDocument


class EvaluatedRule(Model):
    """An evaluated rule."""

    rule: Annotated[str, doc(None, "credentials-missing")]
    says: str
    passed: Annotated[bool, doc(None, example=True)]
    certainty: Annotated[Certainty, doc(None, "observed")]
    source: str
    advice: Annotated[str | None, doc("what the client can do if it does not pass")]


class CheckResult(Model):
    """The response that a request would get, and the evaluated rules in order, up to the first that fails."""

    reply: RawResponse
    rules: tuple[EvaluatedRule, ...]
