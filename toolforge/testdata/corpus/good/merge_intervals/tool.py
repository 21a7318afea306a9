"""Merges intervals."""


def merge_intervals(*, intervals: list[list[float]]) -> list[list[float]]:
    """Return the merged intervals in order."""
    merged: list[list[float]] = []
    for low, high in sorted(sorted(pair) for pair in intervals):
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged
