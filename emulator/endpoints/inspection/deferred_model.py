"""The base of the models of replies."""

from pydantic import BaseModel, ConfigDict


class DeferredModel(BaseModel):
    """A model that pydantic builds when it is first used, because the start would wait for all of them.

    Bodies and queries are built at the start: FastAPI silences a warning about their alias only then.
    """

    model_config = ConfigDict(defer_build=True)
