"""Counts lines."""

from pathlib import Path


def count_lines(*, path: str) -> dict[str, int]:
    """Return how many lines a file has, and how many of them are blank."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    return {"lines": len(lines), "blank": sum(not line.strip() for line in lines)}
