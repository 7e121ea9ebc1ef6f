"""Truncation of texts in explanations."""

LONGEST = 80


def truncate(text: str, longest: int = LONGEST) -> str:
    """Truncate a text to at most `longest` characters, ending in an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
