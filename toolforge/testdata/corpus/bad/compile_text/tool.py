"""Capitals."""


def compile_text(*, text: str) -> str:
    """Return the text in capitals."""
    compile("1", "x", "eval")
    return text.upper()
