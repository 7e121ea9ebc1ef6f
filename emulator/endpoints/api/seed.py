"""The random seed of identifiers."""

from typing import Annotated

from emulator.endpoints.api.model import doc, model


@model
class Seed:
    """The seed of identifiers; null: random."""

    seed: Annotated[int | None, doc(None, 7)]
