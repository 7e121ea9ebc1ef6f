"""Everything that can pile up has a stated maximum; reaching it is an answer, not an accident."""


class LimitReachedError(Exception):
    """Something is full. `name` is the limit's, `maximum` its value, `remedy` what to do."""

    def __init__(self, name: str, maximum: int, remedy: str) -> None:
        super().__init__(f"{name} reached: at most {maximum}; {remedy}")
        self.name = name
        self.maximum = maximum
