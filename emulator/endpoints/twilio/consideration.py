"""Asking without sending: what a described request would get, and every rule that was looked at on the way."""

from dataclasses import dataclass

from emulator.endpoints.twilio.bodies import MAX_BODY
from emulator.endpoints.twilio.checks import CHECKS, Case, House, judge
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import Request, pack, wants_charset
from emulator.wire import errors, messages, paths, replies, sids
from emulator.wire.errors import Problem, TwilioError
from emulator.wire.replies import Header, Reply
from emulator.wire.rules import Rule

# What the engine looks at once a request has passed every check.
_STATE = (errors.KEY_CONFLICT, errors.CALL_UNKNOWN, errors.CALL_FOREIGN, errors.CALL_IS_PSTN, errors.CALL_NOT_ACTIVE)
_ROWS: tuple[tuple[Problem, ...], ...] = (*(problems for _, problems in CHECKS), _STATE)
_NO_REQUEST_ID = sids.make(sids.REQUEST, bytes(sids.ENTROPY_BYTES))


@dataclass(frozen=True, slots=True)
class Consideration:
    """Judges requests that are not sent; nothing is remembered."""

    emulation: Emulation
    house: House

    def consider(
        self, method: str, target: str, headers: list[Header], body: bytes
    ) -> tuple[Reply, list[Header], list[tuple[Rule, bool]]]:
        """The reply that a request would get, its headers, and each rule that was looked at with whether it passed."""
        request = Request(method, target, pack(headers), body, len(body), None, secure=False)
        case = Case(method, paths.parse(request.path), dict(headers), body, oversize=len(body) > MAX_BODY)
        reply, failed = self._reply(request.path, case)
        head = replies.head(
            reply,
            now=self.emulation.clock.now(),
            request_id=_NO_REQUEST_ID,
            duration=0.0,
            concurrent=1,
            charset=wants_charset(request.head),
        )
        looked = [] if method == "OPTIONS" else _looked_at(failed)
        return reply, replies.headers(head), looked

    def _reply(self, path: str, case: Case) -> tuple[Reply, Problem | None]:
        representation = replies.representation_of(path)
        if case.method == "OPTIONS":
            return replies.preflight(representation), None
        try:
            new = judge(case, self.house)
            assert case.target is not None
            message = self.emulation.consider(case.target.account_sid, case.target.call_sid, new)
        except TwilioError as error:
            return replies.refusal(error.problem, path, representation), error.problem
        return replies.created(messages.ELEMENT, message.members(), representation), None


def _looked_at(failed: Problem | None) -> list[tuple[Rule, bool]]:
    """All rules in their order, up to the one that failed."""
    looked: list[tuple[Rule, bool]] = []
    for problem in (problem for problems in _ROWS for problem in problems):
        looked.append((problem.rule, problem is not failed))
        if problem is failed:
            break
    return looked
