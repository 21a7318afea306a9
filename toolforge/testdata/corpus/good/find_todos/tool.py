"""Finds what is left to do."""

import re
from pathlib import Path
from typing import TypedDict


class Found(TypedDict):
    """One comment."""

    file: str
    line: int
    text: str


def find_todos(*, folder: str) -> list[Found]:
    """Return the TODO and FIXME comments, by file and line."""
    found: list[Found] = []
    base = Path(folder)
    for file in sorted(base.rglob("*.py")):
        text = file.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            match = re.search(r"#\s*((?:TODO|FIXME)\b.*)", line)
            if match:
                found.append({"file": str(file.relative_to(base)), "line": number, "text": match[1].strip()})
    return found
