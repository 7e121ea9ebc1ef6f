"""The composition root: `create_app` builds all parts and connects them."""

import inspect
import json
import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from emulator import __version__
from emulator.adapters.callbacks import Callbacks
from emulator.adapters.schema_queue import SchemaQueue
from emulator.endpoints.access_guard import Guard, limited, refuse
from emulator.endpoints.docs import pages
from emulator.endpoints.final_newline import with_final_newline
from emulator.endpoints.inspection import (
    ca,
    calls,
    check,
    clock,
    deliveries,
    end_users,
    error_handlers,
    events,
    faults,
    health,
    messages,
    requests,
    reset,
    retries,
    rules,
    schemas,
    seed,
    subscriptions,
    users,
)
from emulator.endpoints.inspection.control_route import schemas_of
from emulator.endpoints.services import Services
from emulator.endpoints.twilio import openapi
from emulator.endpoints.twilio.app import TwilioApp
from emulator.endpoints.twilio.checks import SurfaceConfig
from emulator.endpoints.twilio.dry_run import DryRun
from emulator.endpoints.voice import sdk_shims
from emulator.endpoints.voice.app import VoiceApp
from emulator.endpoints.voice.gateway import Gateway
from emulator.endpoints.voice.token_auth import TokenAuthenticator
from emulator.endpoints.voice.vendor_stubs import VendorStubs
from emulator.endpoints.web import pages as web
from emulator.engine.clock import Clock, Now
from emulator.engine.engine import Engine
from emulator.engine.ids import Entropy, IdGenerator
from emulator.settings import Settings
from emulator.wire.hosts import is_twilio, name_of
from emulator.wire.masking import Masking
from emulator.wire.paths import PREFIX

_TWILIO = PREFIX.encode()
_PARTS = (
    health,
    messages,
    requests,
    retries,
    subscriptions,
    deliveries,
    events,
    calls,
    end_users,
    users,
    schemas,
    faults,
    reset,
    clock,
    seed,
    check,
    rules,
    ca,
    pages,
    sdk_shims,
    web,
)


# FastAPI reports to OpenTelemetry's global providers, which belong to the user's service. Older versions do not.
_WITHOUT_TELEMETRY: dict[str, Any] = (
    {"telemetry": {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}}
    if "telemetry" in inspect.signature(FastAPI).parameters
    else {}
)


class EmulatorApp(FastAPI):
    """FastAPI for the control API; requests for the Twilio surface bypass its router and middleware."""

    def __init__(self, services: Services, twilio: TwilioApp, voice: VoiceApp, guard: Guard) -> None:
        super().__init__(
            **_WITHOUT_TELEMETRY,
            title="UserDefinedMessages emulator",
            version=__version__,
            summary="A local emulator of Twilio's UserDefinedMessages, and an API to inspect what arrived",
            docs_url=None,
            openapi_url=None,  # FastAPI would render the document for each request
            redoc_url=None,
        )
        self.state.services = services
        self.services = services
        self.at_once = twilio.answer
        self._twilio = twilio
        self._voice = voice
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to its surface."""
        if self._voice.serves(scope):
            await self._voice(scope, receive, send)
        elif scope["type"] == "http" and _is_twilio(scope):
            await self._twilio(scope, receive, send)
        elif scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif (refusal := self._guard.refusal(scope)) is not None:
            await refuse(refusal, scope, receive, with_final_newline(send))
        else:
            await super().__call__(scope, limited(receive), with_final_newline(send))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the Twilio operations."""
        if self.openapi_schema is None:
            ours, twilio = super().openapi(), openapi.document()
            ours["paths"] = {**twilio["paths"], **ours["paths"]}
            components = ours["components"]
            components["schemas"] |= schemas_of(self.routes) | twilio["schemas"]
            components.setdefault("securitySchemes", {}).update(twilio["securitySchemes"])
        assert self.openapi_schema is not None
        return self.openapi_schema

    @cached_property
    def openapi_json(self) -> bytes:
        """The rendered document; rendering takes 2 ms."""
        return json.dumps(self.openapi(), ensure_ascii=False, separators=(",", ":")).encode()


def _is_twilio(scope: Scope) -> bool:
    """Whether the path is under `/2010-04-01/`, or the Host is one of Twilio's."""
    path: bytes = scope["raw_path"]
    if path.startswith(_TWILIO) and path[len(_TWILIO) :][:1] in (b"", b"/"):
        return True
    host: bytes = dict(scope["headers"]).get(b"host", b"")
    return is_twilio(name_of(host.decode("latin-1")))


def create_app(
    settings: Settings,
    *,
    now: Now = time.time,
    entropy: Entropy = os.urandom,
    monotonic: Callable[[], float] = time.monotonic,
) -> EmulatorApp:
    """Create the application.

    Args:
        settings: the options.
        now: seconds since 1970.
        entropy: returns the given number of random bytes.
        monotonic: seconds of a monotonic clock, for lifetimes.
    """
    clock, ids = Clock(now, settings.clock), IdGenerator(entropy, settings.seed)
    engine = Engine(settings.engine_config(), clock=clock, ids=ids, monotonic=monotonic)
    guard = Guard(hosts=settings.allowed_hosts, origins=settings.allowed_origins, token=settings.control_token)
    config = SurfaceConfig(
        directory=settings.directory(),
        lenient=settings.content == "lenient",
        allows_page=guard.allows_page,
    )
    masking = Masking(settings.show_secrets)
    twilio = TwilioApp(engine, config, masking, log_every=settings.log_format == "json")
    admission = TokenAuthenticator(
        strict=settings.strict_tokens, api_keys=settings.api_keys or {}, now=engine.clock.now
    )
    stubs = VendorStubs()
    voice = VoiceApp(Gateway(engine.call_controller, admission, guard), stubs)
    callbacks = Callbacks(
        engine.callback_dispatcher.deliveries,
        auth_token=config.directory.token,
        now=clock.now,
        limits=settings.callback_limits(),
        allowed=settings.callback_hosts,
    )
    engine.callback_dispatcher.connect_sender(callbacks.send, callbacks.drop)
    services = Services(
        engine=engine,
        masking=masking,
        callbacks=callbacks,
        dry_runner=DryRun(engine, config),
        schema_queue=SchemaQueue(),
        insights=lambda: stubs.insights,
        connections_limit=settings.connections_limit,
        started_at=time.monotonic(),
    )
    app = EmulatorApp(services, twilio, voice, guard)
    error_handlers.install(app)
    for part in _PARTS:
        app.router.routes += part.router.routes  # include_router would build each route a second time
    return app
