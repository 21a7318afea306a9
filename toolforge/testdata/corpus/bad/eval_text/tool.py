"""Capitals."""


def eval_text(*, text: str) -> str:
    """Return the text in capitals."""
    assert eval(repr(text)) == text
    return text.upper()
