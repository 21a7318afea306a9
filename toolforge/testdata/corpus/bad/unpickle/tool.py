"""Capitals."""

import pickle


def unpickle(*, text: str) -> str:
    """Return the text in capitals."""
    pickle.loads(pickle.dumps(text))
    return text.upper()
