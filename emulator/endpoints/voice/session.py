"""The signalling session of one client, without I/O: frames go in, responses are queued on its connection."""

import logging
from collections.abc import Callable
from typing import assert_never

from emulator.endpoints.voice.token_auth import TokenAuthenticator
from emulator.engine.capacity import CapacityError
from emulator.engine.voice.call_control import CallController
from emulator.engine.voice.clients import ClientConnection
from emulator.wire.access_tokens import TokenError
from emulator.wire.signalling import client_frames, error_codes, server_frames
from emulator.wire.signalling.client_frames import MalformedFrameError, Received, Spoken
from emulator.wire.signalling.server_frames import Sent

_log = logging.getLogger("emulator.voice")


class Session:
    """The protocol of one client: which frames it may send when, and the responses.

    Args:
        call_controller: the calls.
        admission: authenticates the client.
        home: the host for insights, in the SDK's form.
        edge: the host for reconnects, in the SDK's form.
        cut: disconnects the client.

    Attributes:
        line: the queue of frames to send.
        listens: the client has sent `listen` with its token.
    """

    def __init__(
        self,
        call_controller: CallController,
        admission: TokenAuthenticator,
        *,
        home: str,
        edge: str = "roaming",
        cut: Callable[[], None] | None = None,
    ) -> None:
        self._switchboard = call_controller
        self._admission = admission
        self._home = home
        self._edge = edge
        self.listens = False
        self._messages = 0  # number of frames being written
        self.line = ClientConnection() if cut is None else ClientConnection(cut=cut)

    def receive(self, text: str | None) -> None:
        """Receive a text frame; None = a binary frame."""
        try:
            if text is None:
                raise MalformedFrameError("not a text frame")  # noqa: TRY301  the same as any other
            self._take(client_frames.read(text))
        except MalformedFrameError as error:
            _log.warning("malformed frame from %s: %.200r", self._who, str(error))
            self.line.put(server_frames.Failed(failure=error_codes.MALFORMED))

    def take(self) -> list[str]:
        """Return the frames to send; an error frame replaces one that cannot be rendered."""
        self._messages = 0
        return [self._text(frame) for frame in self.line.take()]

    def written(self) -> None:
        """Confirm that the frames returned by `take` were written."""
        self._switchboard.written(self.line, self._messages)

    def must_listen(self) -> None:
        """The time for `listen` is over: disconnect a client that did not send it."""
        if not self.listens:
            self.line.close("it does not say who it is")

    def lost(self) -> None:
        """The client disconnected."""
        self._switchboard.lost(self.line)

    def _text(self, frame: Sent) -> str:
        try:
            text = frame.text()
            text.encode()
        except Exception:  # noqa: BLE001  whatever it is, the user gets the other frames
            _log.exception("a frame for %s cannot be rendered", self._who)
            if isinstance(frame, server_frames.Delivered):
                self._switchboard.unrendered(self.line, self._messages)
            return server_frames.Failed(failure=error_codes.UNKNOWN).text()
        self._messages += isinstance(frame, server_frames.Delivered)
        return text

    @property
    def _who(self) -> str:
        return repr(self.line.identity) if self.listens else "a client without a token"

    def _take(self, frame: Received) -> None:
        match frame:
            case client_frames.Keepalive():
                pass
            case client_frames.Unknown(kind):
                _log.warning("unknown frame from %s: %r", self._who, kind)
            case client_frames.Listen():
                self._listen(frame)
            case _ if not self.listens:
                call_sid = getattr(frame, "call_sid", None)
                self.line.put(server_frames.Failed(failure=error_codes.TOKEN_MISSING, call_sid=call_sid))
            case _:
                self._dispatch(frame)

    def _dispatch(self, frame: Spoken) -> None:
        board, line = self._switchboard, self.line
        match frame:
            case client_frames.Register(audio=audio):
                board.register(line, available=audio)
            case client_frames.Invite():
                self._invite(frame)
            case client_frames.Reconnect(call_sid=call_sid, token=token):
                board.reconnect(line, call_sid, token)
            case client_frames.AnswerFrame(call_sid=call_sid):
                board.answer(line, call_sid)
            case client_frames.Reject(call_sid=call_sid):
                board.reject(line, call_sid)
            case client_frames.Hangup(call_sid=call_sid):
                board.hang_up(line, call_sid)
            case client_frames.Reinvite():
                board.reinvite(line, frame)
            case client_frames.Dtmf(call_sid=call_sid, digits=digits):
                _log.info("%s sent the digits %.40r in call %.40r", self._who, digits, call_sid)
            case client_frames.UserMessage():
                board.message(line, frame)
            case _:
                assert_never(frame)

    def _listen(self, frame: client_frames.Listen) -> None:
        try:
            user = self._admission.admit(frame.token)
        except TokenError as error:
            _log.warning("rejected the token of %s (%d): %.200r", self._who, error.failure.code, str(error))
            self.line.put(server_frames.Failed(failure=error.failure))
            return
        try:
            self._switchboard.connect(
                self.line,
                identity=user.identity,
                account_sid=user.account_sid,
                reconnect_timeout=frame.reconnect_timeout,
            )
        except CapacityError as error:
            _log.warning("rejected a user: %s", error)
            self.line.put(server_frames.Failed(failure=error_codes.RATE_EXCEEDED))
            self.line.close(str(error))
            return
        self.listens = True
        self.line.put(server_frames.Connected(identity=user.identity, home=self._home, ttl=user.ttl, edge=self._edge))

    def _invite(self, frame: client_frames.Invite) -> None:
        try:
            self._switchboard.invite(self.line, frame)
        except CapacityError as error:
            _log.warning("rejected a call of %s: %s", self._who, error)
            self.line.put(server_frames.HungUp(call_sid=frame.call_sid, failure=error_codes.RATE_EXCEEDED))
