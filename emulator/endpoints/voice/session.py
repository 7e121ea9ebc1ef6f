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
from emulator.wire.signalling.client_frames import CallControlFrame, ClientFrame
from emulator.wire.signalling.frames import Keepalive, MalformedFrameError, UnknownFrame
from emulator.wire.signalling.server_frames import ServerFrame

_log = logging.getLogger("emulator.voice")


class Session:
    """The protocol of one client: which frames it may send when, and the responses.

    Args:
        call_controller: the calls.
        authenticator: authenticates the client.
        home: the host for insights, in the SDK's form.
        edge: the host for reconnects, in the SDK's form.
        abort: disconnects the client.

    Attributes:
        connection: the queue of frames to send.
        is_authenticated: the client has sent `listen` with its token.
    """

    def __init__(
        self,
        call_controller: CallController,
        authenticator: TokenAuthenticator,
        *,
        home: str,
        edge: str = "roaming",
        abort: Callable[[], None] | None = None,
    ) -> None:
        self._call_controller = call_controller
        self._authenticator = authenticator
        self._home = home
        self._edge = edge
        self.is_authenticated = False
        self._messages = 0  # number of frames being written
        self.connection = ClientConnection() if abort is None else ClientConnection(abort=abort)

    def receive(self, text: str | None) -> None:
        """Receive a text frame; None = a binary frame."""
        try:
            if text is None:
                raise MalformedFrameError("not a text frame")  # noqa: TRY301  the same as any other
            self._process(client_frames.decode(text))
        except MalformedFrameError as error:
            _log.warning("malformed frame from %s: %.200r", self._client_name, str(error))
            self.connection.put(server_frames.ErrorFrame(error=error_codes.MALFORMED))

    def take(self) -> list[str]:
        """Return the frames to send; an error frame replaces one that cannot be rendered."""
        self._messages = 0
        return [self._text(frame) for frame in self.connection.take()]

    def frames_written(self) -> None:
        """Confirm that the frames returned by `take` were written."""
        self._call_controller.messages_written(self.connection, self._messages)

    def require_listen(self) -> None:
        """The time for `listen` is over: disconnect a client that did not send it."""
        if not self.is_authenticated:
            self.connection.close("no listen frame with a valid token was received")

    def disconnect(self) -> None:
        """The client disconnected."""
        self._call_controller.disconnect(self.connection)

    def _text(self, frame: ServerFrame) -> str:
        try:
            text = frame.encode()
            text.encode()
        except Exception:  # noqa: BLE001  whatever it is, the user gets the other frames
            _log.exception("a frame for %s cannot be rendered", self._client_name)
            if isinstance(frame, server_frames.ServerMessage):
                self._call_controller.message_not_encoded(self.connection, self._messages)
            return server_frames.ErrorFrame(error=error_codes.UNKNOWN).encode()
        self._messages += isinstance(frame, server_frames.ServerMessage)
        return text

    @property
    def _client_name(self) -> str:
        return repr(self.connection.identity) if self.is_authenticated else "a client without a token"

    def _process(self, frame: ClientFrame | Keepalive | UnknownFrame) -> None:
        match frame:
            case Keepalive():
                pass
            case UnknownFrame(kind):
                _log.warning("unknown frame from %s: %r", self._client_name, kind)
            case client_frames.Listen():
                self._listen(frame)
            case _ if not self.is_authenticated:
                call_sid = getattr(frame, "call_sid", None)
                self.connection.put(server_frames.ErrorFrame(error=error_codes.TOKEN_MISSING, call_sid=call_sid))
            case _:
                self._dispatch(frame)

    def _dispatch(self, frame: CallControlFrame) -> None:
        controller, connection = self._call_controller, self.connection
        match frame:
            case client_frames.Register(audio=audio):
                controller.register(connection, available=audio)
            case client_frames.ClientInvite():
                self._invite(frame)
            case client_frames.Reconnect(call_sid=call_sid, token=token):
                controller.reconnect(connection, call_sid, token)
            case client_frames.ClientAnswer(call_sid=call_sid):
                controller.answer(connection, call_sid)
            case client_frames.Reject(call_sid=call_sid):
                controller.reject(connection, call_sid)
            case client_frames.ClientHangup(call_sid=call_sid):
                controller.hang_up(connection, call_sid)
            case client_frames.Reinvite():
                controller.reinvite(connection, frame)
            case client_frames.Dtmf(call_sid=call_sid, digits=digits):
                _log.info("%s sent the digits %.40r in call %.40r", self._client_name, digits, call_sid)
            case client_frames.ClientMessage():
                controller.receive_message(connection, frame)
            case _:
                assert_never(frame)

    def _listen(self, frame: client_frames.Listen) -> None:
        try:
            user = self._authenticator.authenticate(frame.token)
        except TokenError as error:
            _log.warning("rejected the token of %s (%d): %.200r", self._client_name, error.failure.code, str(error))
            self.connection.put(server_frames.ErrorFrame(error=error.failure))
            return
        try:
            self._call_controller.connect(
                self.connection,
                identity=user.identity,
                account_sid=user.account_sid,
                reconnect_timeout=frame.reconnect_timeout,
            )
        except CapacityError as error:
            _log.warning("rejected a user: %s", error)
            self.connection.put(server_frames.ErrorFrame(error=error_codes.RATE_EXCEEDED))
            self.connection.close(str(error))
            return
        self.is_authenticated = True
        self.connection.put(
            server_frames.Connected(identity=user.identity, home=self._home, ttl=user.ttl, edge=self._edge)
        )

    def _invite(self, frame: client_frames.ClientInvite) -> None:
        try:
            self._call_controller.invite(self.connection, frame)
        except CapacityError as error:
            _log.warning("rejected a call of %s: %s", self._client_name, error)
            self.connection.put(server_frames.ServerHangup(call_sid=frame.call_sid, error=error_codes.RATE_EXCEEDED))
