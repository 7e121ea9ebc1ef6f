"""Query parameters. An unknown parameter is an error, because an ignored filter makes tests pass wrongly."""

from dataclasses import fields
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from emulator.endpoints.inspection.bodies import JSON_TEXT, json_text
from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.filters import Filter, conditions
from emulator.engine.journal.filters import MessageFilter, RequestFilter
from emulator.engine.journal.retries import RetryFilter
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Window
from emulator.wire import content

LONGEST_WAIT = 60
_DEFAULT_WAIT = 10
_DEFAULT_WATCH = 1

_JsonText = Annotated[str, AfterValidator(json_text), WithJsonSchema({"type": "string", **JSON_TEXT})]

_STRICT = ConfigDict(extra="forbid")
_PART = ConfigDict(extra="forbid", defer_build=True)
"""A base of queries; pydantic does not build it for itself, which shortens the start."""
_WHOLE = ConfigDict(defer_build=False)


class _Filters(BaseModel):
    """The parameters of a filter class: one per condition."""

    model_config = _PART
    filter_type: ClassVar[type[Filter[Any]]]

    def filter(self, **changes: object) -> Any:  # noqa: ANN401  an instance of `filter_type`
        """Return the engine's filter."""
        given = {name: getattr(self, name) for name in conditions(self.filter_type)}
        if given.get("content") is not None:
            given["content"] = JsonSubset(content.parse(given["content"]))
        return self.filter_type(**given | changes)


@cache
def _filters(kind: Any) -> Any:  # noqa: ANN401  a base class, which mypy does not follow
    """Return a model with one parameter per condition of a filter class."""
    hints = get_type_hints(kind)
    defaults = {field.name: field.default for field in fields(kind)}
    parameters: dict[str, Any] = {
        name: (
            _JsonText | None if JsonSubset in get_args(hints[name]) else hints[name],
            Field(defaults[name], ge=row.minimum, description=row.doc, examples=[row.example]),
        )
        for name, row in conditions(kind).items()
    }
    return create_model(f"{kind.__name__}Parameters", __base__=_Filters, filter_type=(ClassVar, kind), **parameters)


class ScopeModel(BaseModel):
    """An account, a call, both, or everything."""

    model_config = _STRICT

    account_sid: str | None = Field(
        None, description="only of this account (raw text of the path)", examples=["AC" + "a" * 32]
    )
    call_sid: str | None = Field(
        None, description="only of this call (raw text of the path)", examples=["CA" + "b" * 32]
    )

    def scope(self) -> Scope:
        """The engine's scope."""
        return Scope(self.account_sid, self.call_sid)


class _Skipping(BaseModel):
    model_config = ConfigDict(defer_build=True)

    skip: int = Field(
        0,
        ge=0,
        description="number of records to omit; a page ends early once it is larger than 2 MiB: "
        "there are more while `skip` plus the listed records are fewer than `count`",
    )


class _Paging(_Skipping):
    limit: int = Field(
        100,
        ge=1,
        le=1000,
        description="maximum number of listed records; a page ends early once it is larger than 2 MiB. "
        "`count` is the number of matching records: continue with `skip`, or oldest first with `after`",
    )
    order: Literal["oldest", "newest"] = Field("oldest", description="which end comes first")

    @property
    def window(self) -> Window:
        """The part of the matching records to list."""
        return Window(self.limit, newest_first=self.order == "newest", skip=self.skip)


class WaitModel(BaseModel):
    """The condition and timeout of a wait."""

    model_config = ConfigDict(defer_build=True)

    at_least: int | None = Field(None, ge=0, description="wait until at least this many records match", examples=[1])
    timeout: float = Field(_DEFAULT_WAIT, ge=0, le=LONGEST_WAIT, description="seconds to wait for `at_least`")
    at_most: int | None = Field(
        None, ge=0, description="watch until the timeout; respond at once when more records match", examples=[0]
    )
    within: float | None = Field(
        None,
        ge=0,
        le=LONGEST_WAIT,
        description="seconds to watch for `at_most`; default `timeout` if given, else 1",
        examples=[2],
    )
    strict: bool = Field(default=False, description="respond with 408 instead of 200 if the wait is not satisfied")

    @property
    def waits(self) -> bool:
        """Whether the request waits."""
        return self.at_least is not None or self.at_most is not None

    @property
    def seconds(self) -> float:
        """The timeout in seconds."""
        if self.at_most is None or (self.within is None and "timeout" in self.model_fields_set):
            return self.timeout
        return _DEFAULT_WATCH if self.within is None else self.within


class SkipModel(_Skipping):
    """The number of records to omit."""

    model_config = ConfigDict(extra="forbid", defer_build=False)


class ScopeListing(ScopeModel, _Skipping):
    """Account, call, and the number of records to omit."""

    model_config = ConfigDict(extra="forbid", defer_build=False)


class ScopePage(ScopeModel, _Paging):
    """Account, call, and the size and order of the page."""

    model_config = ConfigDict(extra="forbid", defer_build=False)


class WaitQuery(_Filters, _Paging, WaitModel):
    """Filters, page and wait of one kind of record."""


class MessageFilterModel(_filters(MessageFilter)):  # type: ignore[misc]
    """Filters of messages."""

    model_config = _WHOLE


class MessageQuery(_filters(MessageFilter), WaitQuery):  # type: ignore[misc]
    """Filters, page and wait of messages."""

    model_config = _WHOLE


class RetryQuery(_filters(RetryFilter), WaitQuery):  # type: ignore[misc]
    """Filters, page and wait of retry sequences."""

    model_config = _WHOLE


class DeliveryQuery(_filters(DeliveryFilter), WaitQuery):  # type: ignore[misc]
    """Filters, page and wait of deliveries."""

    model_config = _WHOLE


class RequestFilterModel(_filters(RequestFilter)):  # type: ignore[misc]
    """Filters of requests."""

    model_config = _WHOLE


class RequestPage(_filters(RequestFilter), _Paging):  # type: ignore[misc]
    """Filters, size and order of a page of requests."""

    model_config = _WHOLE


_Model = TypeVar("_Model", bound=BaseModel)


def _read(model: type[_Model]) -> object:
    """Declare a query: FastAPI documents and validates it; it is parsed again, because older versions add defaults.

    `model_fields_set` would contain every parameter otherwise.
    """

    async def read(request: Request, checked: BaseModel) -> _Model:  # noqa: ARG001  its errors end the request
        return model.model_validate(dict(request.query_params))

    read.__annotations__["checked"] = Annotated[model, Query()]
    return Depends(read)


ScopeQuery = Annotated[ScopeModel, _read(ScopeModel)]
SkipQuery = Annotated[SkipModel, _read(SkipModel)]
ScopeListingQuery = Annotated[ScopeListing, _read(ScopeListing)]
ScopePageQuery = Annotated[ScopePage, _read(ScopePage)]
MessageFilterQuery = Annotated[MessageFilterModel, _read(MessageFilterModel)]
MessagesQuery = Annotated[MessageQuery, _read(MessageQuery)]
RetriesQuery = Annotated[RetryQuery, _read(RetryQuery)]
DeliveriesQuery = Annotated[DeliveryQuery, _read(DeliveryQuery)]
RequestFilterQuery = Annotated[RequestFilterModel, _read(RequestFilterModel)]
RequestPageQuery = Annotated[RequestPage, _read(RequestPage)]
