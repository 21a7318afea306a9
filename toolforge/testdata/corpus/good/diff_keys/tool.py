"""Compares keys."""


def diff_keys(*, left: dict[str, object], right: dict[str, object]) -> dict[str, list[str]]:
    """Return the keys of one, of the other, and of both, in order."""
    return {
        "only_left": sorted(left.keys() - right.keys()),
        "only_right": sorted(right.keys() - left.keys()),
        "both": sorted(left.keys() & right.keys()),
    }
