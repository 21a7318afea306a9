"""Numbered lines of one or several places in files, in one call.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import json
import re
import sys

MAX_LINES = 2000
PLACE = re.compile(r"(?P<path>.+?)(?::(?P<first>[0-9]{1,9})(?P<to>-(?P<last>[0-9]{1,9})?)?)?")


def _place(place: str) -> tuple[str, int, int | None]:
    """Split PATH:FIRST-LAST into its parts; the end of the file is None."""
    match = PLACE.fullmatch(place)
    if match is None or "\0" in place:
        raise ValueError(f"{place!r} is no place: write PATH:FIRST-LAST")
    if match["first"] is None:
        return match["path"], 1, None
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else None
    if match["to"] is None:
        last = first
    if first < 1 or (last is not None and last < first):
        raise ValueError(f"{place!r}: lines are counted from 1, and the last is not before the first")
    return match["path"], first, last


def _lines(path: str, first: int, last: int | None, room: int) -> list[str]:
    """The lines of a file from first to last, at most room of them, numbered."""
    shown: list[str] = []
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            if last is not None and number > last:
                break
            if number < first:
                continue
            if len(shown) == room:
                shown.append(f"[cut: more than {MAX_LINES} lines]\n")
                break
            text = raw.decode("utf-8", "replace")
            shown.append(f"{number:6d}\t{text.removesuffix(chr(10))}\n")
    return shown


def view_lines(*, places: list[str]) -> str:
    """Show numbered lines of one or several places in files.

    Arguments:
        places: each is PATH:FIRST-LAST, PATH:LINE, PATH:FIRST- or PATH.

    Examples:
        view_lines(places=["src/app.py:10-40"])
        view_lines(places=["src/app.py:1-20", "src/app.py:200-230", "README.md"])

    With several places, each begins with a line that names it. At most 2000
    lines are shown. Raises ValueError for a place that is none, TypeError for
    what is no list of strings, and OSError for a file that cannot be read.
    """
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise TypeError("places must be a list of strings")
    if not places:
        raise ValueError("places must name at least one place")
    parts: list[str] = []
    room = MAX_LINES
    for path, first, last in [_place(place) for place in places]:
        lines = _lines(path, first, last, room)
        room = max(room - len(lines), 0)
        title = f"==> {path} <==\n" if len(places) > 1 else ""
        parts.append(title + "".join(lines))
    return "\n".join(parts)


def main() -> int:
    """Answer one call given as JSON on standard input."""
    try:
        print(view_lines(**json.load(sys.stdin)), end="")
    except (TypeError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
