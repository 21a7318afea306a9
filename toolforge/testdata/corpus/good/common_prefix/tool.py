"""Common prefixes."""


def common_prefix(*, texts: list[str]) -> str:
    """Return the longest common beginning; empty when there is none."""
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]
