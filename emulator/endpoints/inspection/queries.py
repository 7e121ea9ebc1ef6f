"""Query parameters, checked: a misspelt one is an error, because a filter that is ignored makes tests pass wrongly."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from emulator.engine.index import Filter


class Wanted(BaseModel):
    """Which exchanges are meant; without a parameter, all."""

    model_config = ConfigDict(extra="forbid")

    account_sid: str | None = Field(None, description="only of this account (raw text of the path)")
    call_sid: str | None = Field(None, description="only of this call (raw text of the path)")
    idempotency_key: str | None = Field(None, description="only with this IdempotencyKey")
    after: int = Field(0, ge=0, description="only with a higher sequence number; `last_seq` of an earlier answer")

    def filter(self) -> Filter:
        """The engine's filter."""
        return Filter(
            account_sid=self.account_sid,
            call_sid=self.call_sid,
            idempotency_key=self.idempotency_key,
            after=self.after,
        )


class Page(Wanted):
    """Which exchanges, how many, from which end."""

    limit: int = Field(100, ge=1, le=1000, description="how many are listed; `count` tells how many there are")
    order: Literal["oldest", "newest"] = Field("oldest", description="which end comes first")


WantedQuery = Annotated[Wanted, Query()]
PageQuery = Annotated[Page, Query()]
