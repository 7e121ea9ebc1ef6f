"""Dry run: the response that a request would get, and the rules that were evaluated."""

from dataclasses import dataclass
from itertools import chain

from emulator.endpoints.twilio.bodies import MAX_BODY
from emulator.endpoints.twilio.checks import CHECKS, CheckState, SurfaceConfig, run_checks
from emulator.engine.engine import Engine
from emulator.engine.journal.exchange import ReceivedRequest, pack, wants_charset
from emulator.wire import paths, replies, resources, sids
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.replies import Header, Reply
from emulator.wire.resources import Operation
from emulator.wire.rules import Rule

_NO_REQUEST_ID = sids.make(sids.REQUEST, bytes(sids.ENTROPY_BYTES))


@dataclass(frozen=True, slots=True)
class DryRun:
    """Evaluates requests without storing anything."""

    engine: Engine
    config: SurfaceConfig

    def dry_run(
        self, method: str, target: str, headers: list[Header], body: bytes
    ) -> tuple[Reply, list[Header], list[tuple[Rule, bool]]]:
        """Return the reply, its headers, and each evaluated rule with whether the request passed it."""
        request = ReceivedRequest(method, target, pack(headers), body, len(body), None, secure=False)
        state = CheckState(method, paths.parse(request.path), dict(headers), body, oversize=len(body) > MAX_BODY)
        reply, failed = self._reply(request.path, state)
        head = replies.head(
            reply,
            now=self.engine.clock.now(),
            request_id=_NO_REQUEST_ID,
            duration=0.0,
            concurrent=1,
            charset=wants_charset(request.head),
        )
        looked = [] if method == "OPTIONS" else _looked_at(state.operation, failed)
        return reply, replies.headers(head), looked

    def _reply(self, path: str, state: CheckState) -> tuple[Reply, ErrorSpec | None]:
        representation = replies.representation_of(path)
        if state.method == "OPTIONS":
            return replies.preflight(representation, resources.allow(path)), None
        try:
            new = run_checks(state, self.config)
            assert state.target is not None
            if new is None:
                self.engine.preconditions.subscription(state.target)
                return replies.deleted(representation), None
            made = self.engine.dry_run(state.target.account_sid, state.target.call_sid, new)
        except TwilioError as error:
            return replies.refusal(error.problem, path, representation), error.problem
        return replies.created(made.element, made.members(), representation), None


def _looked_at(operation: Operation | None, failed: ErrorSpec | None) -> list[tuple[Rule, bool]]:
    """Return the rules in order, up to and including the one that failed."""
    rows = chain(*(problems for _, problems in CHECKS), operation.refusals if operation is not None else ())
    looked: list[tuple[Rule, bool]] = []
    for problem in rows:
        failed_here = failed is not None and problem.name == failed.name
        looked.append((problem.rule, not failed_here))
        if failed_here:
            break
    return looked
