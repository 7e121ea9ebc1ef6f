"""Texts in explanations, truncated."""

LONGEST = 80


def excerpt(text: str, longest: int = LONGEST) -> str:
    """Truncate a text to at most `longest` characters, ending in an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
