"""Words without repetitions."""


def unordered(*, text: str) -> list[str]:
    """Return the words."""
    return list(set(text.split()))
