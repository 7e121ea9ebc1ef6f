"""Fault rules: the first rule that fires decides the fault of a request.

A rule that is spent, still skips requests, or does not fire by probability passes the request to the next rule.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.fault_kind import Decider, FaultKind
from emulator.engine.faults.magic_sids import MagicSids
from emulator.engine.faults.request_facts import RequestFacts
from emulator.engine.json_match import JsonSubset, count_values, is_part
from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store

_OVERHEAD = ENTRY + 4_600  # bytes, measured: a rule; half of it is the state of its random generator
MAX_VALUES = 50_000
"""Maximum JSON values in the contents of all rules: one request may have to be compared with each of them."""
_ANYWHERE = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEffect:
    """Effect of a rule: a random delay between two bounds in seconds, a fault, or both."""

    delay: tuple[float, float] = (0.0, 0.0)
    fault: FaultKind | None = None

    @property
    def corrupts_response(self) -> bool:
        """Whether the request is processed and the response then corrupted."""
        return self.fault is not None and self.fault.corrupts_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Conditions of a rule; None = any."""

    scope: Scope = _ANYWHERE
    resource: str | None = None
    idempotency_key: str | None = None
    content: JsonSubset | None = None

    def fits(self, facts: RequestFacts) -> bool:
        """Whether a request of the scope meets the other conditions."""
        if self.resource not in (None, facts.resource) or self.idempotency_key not in (None, facts.idempotency_key):
            return False
        if self.content is None:
            return True
        found = facts.value
        return found is not None and is_part(self.content.value, found.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRuleSpec:
    """A rule as specified by the client.

    Attributes:
        skip_first: number of matching requests that pass first.
        times: how often the rule may fire; None = unlimited.
        seed: seed of its random generator; None = random.
        ttl: seconds after which it expires; None = never.
    """

    match: Match = field(default_factory=Match)
    then: FaultEffect
    skip_first: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int | None = None
    ttl: float | None = None


@dataclass(slots=True, eq=False)
class FaultRule:
    """An active rule with its counters.

    Attributes:
        ends_at: its expiry by the monotonic clock; None = never.
        decide: decides about each request; None = a delay only.
    """

    number: int
    spec: FaultRuleSpec
    source: object
    source_size: int
    ends_at: float | None
    dice: random.Random
    decide: Decider | None
    matched: int = 0
    fired: int = 0

    @property
    def id(self) -> str:
        """Id of the rule: `fault-` and its number."""
        return f"fault-{self.number}"

    @property
    def values(self) -> int:
        """Number of JSON values with which a content is compared."""
        part = self.spec.match.content
        return 0 if part is None else count_values(part.value)

    @property
    def is_spent(self) -> bool:
        """Whether the rule has fired `times` times."""
        return self.spec.times is not None and self.fired >= self.spec.times

    def is_for(self, facts: RequestFacts) -> bool:
        """Whether the rule is for a request of its scope; it corrupts no response to a rejected request."""
        return not (facts.refused and self.spec.then.corrupts_response) and self.spec.match.fits(facts)

    def apply(self, now: float) -> InjectedFault | None:
        """Count a matching request and return its fault, or None; `now` is the emulator's time."""
        self.matched += 1
        spec = self.spec
        if self.matched <= spec.skip_first:
            return None
        if spec.probability < 1 and self.dice.random() >= spec.probability:
            return None
        action = None
        if self.decide is not None:
            action = self.decide(now)
            if action is None:
                return None
        self.fired += 1
        return InjectedFault(rule=self.id, delay=self.dice.uniform(*spec.then.delay), action=action)


class FaultRules(Store[str, FaultRule]):
    """All rules by id, and the magic CallSids.

    Args:
        account: the memory account.
        monotonic: returns monotonic seconds, by which rules with a TTL expire.
        magic: whether magic CallSids are enabled.
    """

    kind = "faults"
    indexed = True

    def __init__(self, account: MemoryAccount, monotonic: Callable[[], float], *, magic: bool) -> None:
        super().__init__(account)
        self._monotonic = monotonic
        self._last_number = 0
        self._magic = MagicSids(account, on=magic)

    def __iter__(self) -> Iterator[FaultRule]:
        self._forget_ended()
        return iter(list(self._entries.values()))

    def size_of(self, key: str, value: FaultRule) -> int:  # noqa: ARG002
        """Memory of a rule in bytes, including the state of its fault."""
        fault = value.spec.then.fault
        return _OVERHEAD + (0 if fault is None else fault.state_size) + value.source_size

    def owners_of(self, key: str, value: FaultRule) -> Owners:  # noqa: ARG002
        """Account and call of the rule's scope."""
        scope = value.spec.match.scope
        return scope.account_sid, scope.call_sid

    def add(self, spec: FaultRuleSpec, source: object = None, *, source_size: int = 0) -> FaultRule:
        """Add a rule after all others.

        Args:
            spec: the specification.
            source: any object of the caller, stored with the rule.
            source_size: memory of the source and the specification's values, in bytes.

        Raises:
            CapacityError: too many rules, or their contents are too large in total.
        """
        self._forget_ended()
        ends_at = None if spec.ttl is None else self._monotonic() + spec.ttl
        dice = random.Random(spec.seed)  # noqa: S311  not for secrets
        decide = None if spec.then.fault is None else spec.then.fault.decider()
        rule = FaultRule(self._last_number + 1, spec, source, source_size, ends_at, dice, decide)
        if rule.values and rule.values + sum(other.values for other in self._entries.values()) > MAX_VALUES:
            raise CapacityError("fault_filters", MAX_VALUES, self.bound.kind.remedy, "JSON values")
        self.put(rule.id, rule)
        self._last_number = rule.number
        return rule

    def get(self, key: str) -> FaultRule | None:
        """Return the rule with this id; None when absent or expired."""
        self._forget_ended()
        return self._entries.get(key)

    def seconds_left(self, rule: FaultRule) -> float | None:
        """Return the seconds until a rule expires; None = never."""
        return None if rule.ends_at is None else max(0.0, rule.ends_at - self._monotonic())

    def reset(self, scope: Scope) -> int:
        """Remove the rules of a scope; return their number."""
        self._magic.reset(scope)
        self._forget_ended()
        return super().reset(scope)

    def may_apply(self, account_sid: str, call_sid: str) -> bool:
        """Whether a rule or magic SID may apply to a request of this account and call; a fast pre-check."""
        return self._magic.may_apply(call_sid) or (
            bool(self._entries) and any(not rule.is_spent for rule in self.covering(account_sid, call_sid))
        )

    def choose(self, facts: RequestFacts, now: float) -> InjectedFault | None:
        """Choose the fault of a request, or None; `now` is the emulator's time."""
        rules = sorted(self.covering(facts.account_sid, facts.call_sid), key=lambda rule: rule.number)
        for rule in rules:
            if self._has_ended(rule):
                self.remove(rule.id)
            elif not rule.is_spent and rule.is_for(facts):
                fault = rule.apply(now)
                if fault is not None:
                    return fault
        return self._magic.choose(facts)

    def _has_ended(self, rule: FaultRule) -> bool:
        return rule.ends_at is not None and self._monotonic() >= rule.ends_at

    def _forget_ended(self) -> None:
        for rule in [rule for rule in self._entries.values() if self._has_ended(rule)]:
            self.remove(rule.id)
