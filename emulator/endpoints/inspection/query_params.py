"""Query parameters. An unknown parameter is an error, because an ignored filter makes tests pass wrongly."""

from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from emulator.endpoints.inspection.bodies import JSON_TEXT, json_text
from emulator.engine.callbacks import deliveries
from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.journal.exchange import Outcome
from emulator.engine.journal.filters import Filter
from emulator.engine.journal.retries import RetryFinding
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.slices import Window
from emulator.wire import content

LONGEST_WAIT = 60
_DEFAULT_WAIT = 10
_DEFAULT_WATCH = 1


class ScopeModel(BaseModel):
    """An account, a call, both, or everything."""

    model_config = ConfigDict(extra="forbid")

    account_sid: str | None = Field(
        None, description="only of this account (raw text of the path)", examples=["AC" + "a" * 32]
    )
    call_sid: str | None = Field(
        None, description="only of this call (raw text of the path)", examples=["CA" + "b" * 32]
    )

    def scope(self) -> Scope:
        """The engine's scope."""
        return Scope(self.account_sid, self.call_sid)


class _ByContent(ScopeModel):
    after: int = Field(0, ge=0, description="only with a higher sequence number; `last_seq` of an earlier answer")
    content: Annotated[str, AfterValidator(json_text), WithJsonSchema({"type": "string", **JSON_TEXT})] | None = Field(
        None,
        description="JSON that the content must hold: objects by subset, arrays whole",
        examples=['{"type": "order"}'],
    )
    contains: str | None = Field(None, description="text that the content must hold", examples=["order"])

    @property
    def part(self) -> JsonSubset | None:
        """The JSON that the content must contain."""
        return None if self.content is None else JsonSubset(content.parse(self.content))


class Wanted(_ByContent):
    """Filters of messages; without parameters, all."""

    idempotency_key: str | None = Field(None, description="only with this IdempotencyKey", examples=["1"])
    valid: bool | None = Field(None, description="whether every schema allows it", examples=[False])

    def filter(self, *, after: int | None = None) -> Filter:
        """The engine's filter."""
        return Filter(
            account_sid=self.account_sid,
            call_sid=self.call_sid,
            idempotency_key=self.idempotency_key,
            after=self.after if after is None else after,
            content=self.part,
            contains=self.contains,
            valid=self.valid,
        )


class _Skipping(BaseModel):
    skip: int = Field(
        0,
        ge=0,
        description="leave out this many first; a page ends early once it is larger than 2 MiB, "
        "and when `skip` and what is listed make less than `count`, there is more",
    )


class _Paging(_Skipping):
    limit: int = Field(
        100,
        ge=1,
        le=1000,
        description="how many are listed at most; a page ends early once it is larger than 2 MiB. "
        "`count` is how many there are: go on with `skip`, or oldest first with `after`",
    )
    order: Literal["oldest", "newest"] = Field("oldest", description="which end comes first")

    @property
    def newest_first(self) -> bool:
        """Whether the newest record comes first."""
        return self.order == "newest"

    @property
    def window(self) -> Window:
        """The part of the matching records to list."""
        return Window(self.limit, newest_first=self.newest_first, skip=self.skip)


class ListQuery(_Skipping):
    """The number of records to omit."""

    model_config = ConfigDict(extra="forbid")


class ScopeListing(ScopeModel, _Skipping):
    """Account, call, and the number of records to omit."""


class ScopePage(ScopeModel, _Paging):
    """Account, call, and the size and order of the page."""


class _Patience(BaseModel):
    at_least: int | None = Field(None, ge=0, description="wait until at least this many records match", examples=[1])
    timeout: float = Field(_DEFAULT_WAIT, ge=0, le=LONGEST_WAIT, description="seconds to wait for `at_least`")
    at_most: int | None = Field(
        None, ge=0, description="watch the whole window; answer at once when there are more", examples=[0]
    )
    within: float | None = Field(
        None,
        ge=0,
        le=LONGEST_WAIT,
        description="seconds to watch for `at_most`; default `timeout` if given, else 1",
        examples=[2],
    )
    strict: bool = Field(default=False, description="an unsatisfied wait is 408 instead of 200")

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


class MessageQuery(Wanted, _Paging, _Patience):
    """Filters, page and wait of messages."""


class RetryQuery(Wanted, _Paging, _Patience):
    """Filters, page and wait of retry sequences."""

    finding: RetryFinding | None = Field(None, description="only those that show this", examples=["recovered"])


class DeliveryQuery(_ByContent, _Paging, _Patience):
    """Filters, page and wait of deliveries."""

    subscription_sid: str | None = Field(None, description="only to this subscription", examples=["ZY" + "c" * 32])
    message_sid: str | None = Field(None, description="only of this message", examples=["KX" + "d" * 32])
    outcome: deliveries.DeliveryOutcome | None = Field(None, description="what became of it", examples=["delivered"])

    def filter(self) -> DeliveryFilter:
        """The engine's filter."""
        return DeliveryFilter(
            account_sid=self.account_sid,
            call_sid=self.call_sid,
            subscription_sid=self.subscription_sid,
            message_sid=self.message_sid,
            outcome=self.outcome,
            after=self.after,
            content=self.part,
            contains=self.contains,
        )


class RequestFilter(Wanted):
    """Filters of exchanges; without parameters, all."""

    status: int | None = Field(None, description="only with this HTTP status", examples=[400])
    code: int | None = Field(None, description="only with this Twilio error code", examples=[32702])
    outcome: Outcome | None = Field(None, description="what became of it")

    def filter(self, *, after: int | None = None) -> Filter:
        """The engine's filter."""
        return replace(super().filter(after=after), status=self.status, code=self.code, outcome=self.outcome)


class RequestPage(RequestFilter, _Paging):
    """Filters, size and order of a page of exchanges."""


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
SkipQuery = Annotated[ListQuery, _read(ListQuery)]
ScopeListingQuery = Annotated[ScopeListing, _read(ScopeListing)]
ScopePageQuery = Annotated[ScopePage, _read(ScopePage)]
WantedQuery = Annotated[Wanted, _read(Wanted)]
MessagesQuery = Annotated[MessageQuery, _read(MessageQuery)]
RetriesQuery = Annotated[RetryQuery, _read(RetryQuery)]
DeliveriesQuery = Annotated[DeliveryQuery, _read(DeliveryQuery)]
RequestFilterQuery = Annotated[RequestFilter, _read(RequestFilter)]
RequestPageQuery = Annotated[RequestPage, _read(RequestPage)]
