"""Registered JSON Schemas."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.model import ACCOUNT, CALL, Model, doc
from emulator.endpoints.api.pagination import RecordError
from emulator.engine.state.schemas import OnFailure


class RegisteredSchema(Model):
    """A registered schema."""

    name: Annotated[str, doc(None, "order")]
    schema: Annotated[Any, doc("a JSON Schema (2020-12)", {"type": "object", "required": ["type"]})] = field(hash=False)
    account_sid: Annotated[str | None, doc("validates messages of this account only", ACCOUNT)]
    call_sid: Annotated[str | None, doc("validates messages of this call only", CALL)]
    on_failure: OnFailure


class SchemaList(Model):
    """The schemas that validate the contents of a scope."""

    schemas: tuple[RegisteredSchema | RecordError, ...]
    count: Annotated[int, doc(None, 1)]
