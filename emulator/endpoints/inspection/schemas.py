"""`/_emulator/schemas`: JSON Schemas that validate the contents of a scope."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import Field, JsonValue, WithJsonSchema
from typing_extensions import TypeAliasType  # pydantic requires it

from emulator.endpoints.api.errors import ErrorResponse
from emulator.endpoints.api.json import RawJson
from emulator.endpoints.api.schemas import RegisteredSchema, SchemaList
from emulator.endpoints.inspection.bodies import IN_BODY, Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, ServicesDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE, Responses, bad_value
from emulator.endpoints.inspection.query_params import ScopeListingQuery
from emulator.endpoints.inspection.rendering import json_response, rendered_all
from emulator.engine.scope import Scope
from emulator.engine.state.schemas import OnFailure, Schema

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/schemas", tags=["schemas"], responses=UNPROCESSABLE)

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,100}$", examples=["order"])]


_JSON_SCHEMA: dict[str, JsonValue] = {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "boolean"}]}


class SchemaBody(Body):
    """A JSON Schema (2020-12) for the contents of a scope."""

    schema_: Annotated[Any, WithJsonSchema(_JSON_SCHEMA)] = Field(
        alias="schema",
        description="JSON Schema, at most 256 KiB; `$ref` must point inside it, patterns must not have look-around",
        examples=[{"type": "object", "required": ["type"]}],
    )
    account_sid: str | None = Field(
        None, description="validate messages of this account only", examples=["AC" + "a" * 32]
    )
    call_sid: str | None = Field(None, description="validate messages of this call only", examples=["CA" + "b" * 32])
    on_failure: OnFailure = Field(
        OnFailure.NOTE,
        strict=False,
        description="what to do with invalid content: add a note to the message, or reject it with 400/32702",
    )


SchemaRegistration = TypeAliasType("SchemaRegistration", SchemaBody)


_UNAVAILABLE: Responses = {503: {"model": ErrorResponse, "description": "No process can be started to compile it"}}


def _view(schema: Schema) -> RegisteredSchema:
    return RegisteredSchema(
        name=schema.name,
        schema=RawJson(schema.text),
        account_sid=schema.scope.account_sid,
        call_sid=schema.scope.call_sid,
        on_failure=schema.on_failure,
    )


@router.get("", summary="List schemas")
async def list_schemas(engine: EngineDep, page: ScopeListingQuery) -> SchemaList:
    """List the schemas that validate the content of messages of a scope."""
    wanted = page.scope()
    schemas = [schema for schema in engine.schemas if wanted.overlaps(schema.scope)]
    return SchemaList(schemas=await rendered_all(engine, _view, schemas[page.skip :]), count=len(schemas))


@router.put(
    "/{name}",
    response_model=RegisteredSchema,
    responses={**FULL, **_UNAVAILABLE, 201: {"model": RegisteredSchema, "description": "Registered"}},
)
async def put_schema(
    services: ServicesDep,
    name: Name,
    body: Annotated[SchemaRegistration, IN_BODY],
) -> Response:
    """Register a schema, or replace the one of this name (200).

    A schema that takes too long to compile or to apply, or too much memory, is rejected with 422 and the name of
    the limit: schema_bytes, schema_depth, schema_subschemas, schema_chain, schema_expanded, schema_patterns,
    pattern_bytes, schema_number_digits, schema_compile_ms, schema_memory, schema_trial_seconds.
    """
    from emulator.adapters import schema_sandbox  # noqa: PLC0415  the library is for those who use schemas
    from emulator.adapters.schema_limits import BadSchemaError  # noqa: PLC0415

    try:
        async with services.schema_queue.turn():
            compiled = await schema_sandbox.compile_schema(body.schema_)
    except BadSchemaError as error:
        raise bad_value("/schema" + error.pointer, error.value, error.message) from None
    except schema_sandbox.SandboxError as error:
        raise HTTPException(503, str(error)) from None
    schema = Schema(
        name=name,
        text=compiled.text,
        size=compiled.size,
        scope=Scope(body.account_sid, body.call_sid),
        on_failure=body.on_failure,
        validate=compiled.validate,
    )
    is_new = services.engine.schemas.add(schema)
    return json_response(_view(schema), 201 if is_new else 200)


@router.get("/{name}", responses=NOT_FOUND)
async def get_schema(engine: EngineDep, name: Name) -> RegisteredSchema:
    """Return a schema."""
    schema = engine.schemas.get(name)
    if schema is None:
        raise HTTPException(404, f"there is no schema {name}")
    return _view(schema)


@router.delete("/{name}", status_code=204, responses=NOT_FOUND)
async def delete_schema(engine: EngineDep, name: Name) -> None:
    """Delete a schema; messages keep its results."""
    if engine.schemas.remove(name) is None:
        raise HTTPException(404, f"there is no schema {name}")
