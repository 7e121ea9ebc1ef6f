"""The base of response models."""

from pydantic import BaseModel, ConfigDict


class DeferredModel(BaseModel):
    """A model that pydantic builds when it is first used, which shortens the start.

    Bodies and queries must be built at the start: only then does FastAPI silence a warning about their aliases.
    """

    model_config = ConfigDict(defer_build=True)
