"""Evaluation of requests against the emulator's state: schemas, keys, calls, subscriptions."""

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.config import EngineConfig, OnMismatch
from emulator.engine.faults.request_facts import RequestFacts
from emulator.engine.scope import Scope
from emulator.engine.state.calls import CallRegistry
from emulator.engine.state.idempotency import Key, Keys
from emulator.engine.state.schemas import Schemas, ValidationResult
from emulator.engine.state.subscriptions import Subscriptions
from emulator.engine.time_slices import Steps
from emulator.wire.errors import (
    CONTENT_VIOLATES_SCHEMA,
    KEY_CONFLICT,
    SUBSCRIPTION_UNKNOWN,
    TOO_MANY_REQUESTS,
    TwilioError,
)
from emulator.wire.messages import NewMessage
from emulator.wire.paths import Target
from emulator.wire.resources import CreateRequest, Resource
from emulator.wire.subscriptions import UserDefinedMessageSubscription

_COMPARED_AT_ONCE = 100


class Preconditions:
    """The state against which requests are evaluated.

    Args:
        account: the memory account.
        policy: configuration of the idempotency keys.
        calls: the registered calls.
        schemas: the content schemas.
        subscriptions: the subscriptions.
    """

    def __init__(
        self,
        account: MemoryAccount,
        policy: EngineConfig,
        calls: CallRegistry,
        schemas: Schemas,
        subscriptions: Subscriptions,
    ) -> None:
        self._on_mismatch = policy.idempotency_mismatch
        self._keys = Keys(account, ttl=policy.idempotency_ttl)
        self._calls = calls
        self._schemas = schemas
        self._subscriptions = subscriptions

    def evaluate(
        self, account_sid: str, call_sid: str, new: CreateRequest, now: float
    ) -> tuple[tuple[ValidationResult, ...], Resource | None]:
        """Return the schemas' results for a request's content, and the resource that its key created earlier.

        Raises:
            TwilioError: content-not-json (a schema), idempotency-conflict, call-unknown, call-not-active, call-is-pstn.
        """
        schemas: tuple[ValidationResult, ...] = ()
        if len(self._schemas) and isinstance(new, NewMessage):
            schemas = self._schemas.check(account_sid, call_sid, new.content)
        for result in schemas:
            if result.refuses:
                pointer, text = result.errors[0]
                raise TwilioError(CONTENT_VIOLATES_SCHEMA, f"schema {result.name}: {pointer or 'the whole'}: {text}")
        original = None
        if new.idempotency_key is not None:
            original = self._keys.find(_key(new, account_sid, call_sid), now)
        if original is None:
            problem = self._calls.refusal(account_sid, call_sid)
            if problem is not None:
                raise TwilioError(problem)
        elif new.fingerprint != original.fingerprint and self._on_mismatch is OnMismatch.REJECT:
            raise TwilioError(
                KEY_CONFLICT, f"the key {new.idempotency_key!r} created {original.sid} with other parameters"
            )
        return schemas, original

    def facts_of_create(self, account_sid: str, call_sid: str, new: CreateRequest, now: float) -> RequestFacts:
        """Return the input of the fault rules for a request that creates a resource."""
        try:
            self.evaluate(account_sid, call_sid, new, now)
        except TwilioError:
            refused = True
        else:
            refused = False
        content = new.content if isinstance(new, NewMessage) else ""
        details = (new.resource, new.idempotency_key, content, new.fingerprint)
        return RequestFacts(account_sid, call_sid, *details, refused)

    def commit(self, made: Resource, now: float) -> None:
        """Store a created resource: its key, and the subscription if it is one.

        Raises:
            TwilioError: too-many-requests, the store of subscriptions is full.
        """
        if isinstance(made, UserDefinedMessageSubscription):
            try:
                self._subscriptions.add(made)
            except CapacityError as error:
                raise TwilioError(TOO_MANY_REQUESTS, str(error)) from None
        if made.idempotency_key is not None:
            self._keys.keep(_key(made, made.account_sid, made.call_sid), made, now)

    def subscription(self, target: Target) -> UserDefinedMessageSubscription:
        """Return the subscription that a path names.

        Raises:
            TwilioError: subscription-unknown.
        """
        found = self._find(target)
        if found is None:
            raise TwilioError(SUBSCRIPTION_UNKNOWN)
        return found

    def facts_of_delete(self, target: Target) -> RequestFacts:
        """Return the input of the fault rules for a request that deletes a subscription."""
        refused = self._find(target) is None
        sid = (target.sid or "").encode()
        return RequestFacts(target.account_sid, target.call_sid, target.resource, None, "", sid, refused)

    def discard(self, made: Resource) -> None:
        """Remove a deleted resource and its key, so that the key can create another one."""
        if isinstance(made, UserDefinedMessageSubscription):
            self._subscriptions.remove(made.sid)
        if made.idempotency_key is not None:
            self._keys.forget(_key(made, made.account_sid, made.call_sid), made)

    def reset_keys(self, scope: Scope, after: int = 0) -> Steps[int]:
        """Remove the current keys of a scope, in steps: each step compares a hundred keys or removes one.

        Args:
            scope: scope of the keys.
            after: only keys with a higher number; the result of an earlier call.

        Returns:
            The number of the newest key when the call began.
        """
        last_number, keys = self._keys.last_number, self._keys.kept_after(after)
        while keys:
            part = keys[-_COMPARED_AT_ONCE:]
            del keys[-_COMPARED_AT_ONCE:]
            yield
            for key in part:
                kept = self._keys.get(key) if scope.covers(key.account_sid, key.call_sid) else None
                if kept is not None and kept.number <= last_number:
                    self._keys.remove(key)
                    yield
        return last_number

    def _find(self, target: Target) -> UserDefinedMessageSubscription | None:
        assert target.sid is not None
        found = self._subscriptions.get(target.sid)
        is_there = found is not None and (found.account_sid, found.call_sid) == (target.account_sid, target.call_sid)
        return found if is_there else None


def _key(thing: CreateRequest | Resource, account_sid: str, call_sid: str) -> Key:
    assert thing.idempotency_key is not None
    return Key(thing.resource, account_sid, call_sid, thing.idempotency_key)
