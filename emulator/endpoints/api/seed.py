"""The random seed of identifiers."""

from typing import Annotated

from emulator.endpoints.api.model import Model, doc


class Seed(Model):
    """The seed of identifiers; null = random."""

    seed: Annotated[int | None, doc(None, 7)]
