"""Replace a text that stands in a file exactly once, or lines, and show the place.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import json
import re
import sys

AROUND = 2
MAX_BYTES = 10_000_000
LINES = re.compile(r"([0-9]{1,9})(?:(\+)|-([0-9]{1,9}))?")


def _shown(text: str, start: int, new: str) -> str:
    """The changed lines with those around them, numbered."""
    lines = text.split("\n")
    first = text.count("\n", 0, start)
    last = first + new.count("\n")
    begin, end = max(first - AROUND, 0), min(last + AROUND + 1, len(lines))
    return "".join(f"{number + 1:6d}\t{lines[number].rstrip(chr(13))}\n" for number in range(begin, end))


def _of_text(path: str, text: str, old: str) -> tuple[int, int]:
    """Where a text that stands there once begins and ends."""
    start = text.find(old)
    if start < 0:
        raise ValueError(f"the text does not stand in {path}")
    if text.find(old, start + 1) >= 0:
        raise ValueError(f"the text stands in {path} more than once: give more of what is around it")
    return start, start + len(old)


def _of_lines(path: str, text: str, lines: str) -> tuple[int, int]:
    """Where the lines FIRST-LAST begin and end, or the end of line N for N+."""
    match = LINES.fullmatch(lines)
    if match is None:
        raise ValueError(f"{lines!r} are no lines: write FIRST-LAST, LINE or LINE+")
    first = int(match[1])
    last = int(match[3]) if match[3] else first
    starts = [0, *(at.end() for at in re.finditer("\n", text))]
    if starts[-1] < len(text):
        starts.append(len(text))
    if first < (0 if match[2] else 1) or last < first or last >= len(starts):
        raise ValueError(f"{path} has the lines 1 to {len(starts) - 1}, not {lines}")
    return (starts[last], starts[last]) if match[2] else (starts[first - 1], starts[last])


def _read(path: str, new: str) -> str:
    """A file's text."""
    with open(path, "rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES} bytes")
    try:
        new.encode("utf-8")
        return raw.decode("utf-8")
    except UnicodeError as error:
        raise ValueError(f"{path} or the new text is not UTF-8: {error}") from error


def replace_in_file(*, path: str, new: str, old: str = "", lines: str = "") -> str:
    """Replace a text that stands exactly once in a file, or lines, and show the changed lines.

    Arguments:
        path: the file, relative to the workspace.
        new: what stands there afterwards.
        old: the text as it stands in the file, over several lines too.
        lines: in place of old FIRST-LAST or LINE; LINE+ puts new behind it, 0+ first.

    Examples:
        replace_in_file(path="src/app.py", old="retries = 1", new="retries = 3")
        replace_in_file(path="src/app.py", lines="12-14", new="    return None")

    New lines get the end of line that they lack. Nothing is written when old is
    not there or stands there more than once: give more of what is around it.
    Raises ValueError for that, TypeError for what is no string, and OSError for
    a file that cannot be changed.
    """
    if not all(isinstance(one, str) for one in (path, new, old, lines)):
        raise TypeError("path, new, old and lines must be strings")
    if not path or "\0" in path or (old == "") == (lines == ""):
        raise ValueError("path must not be empty, and one of old and lines")
    text = _read(path, new)
    if lines:
        start, end = _of_lines(path, text, lines)
        if new and not new.endswith("\n"):
            new += "\n"
        if new and start == len(text) and text and not text.endswith("\n"):
            new = "\n" + new
    else:
        start, end = _of_text(path, text, old)
    changed = text[:start] + new + text[end:]
    with open(path, "wb") as file:
        file.write(changed.encode("utf-8"))
    return _shown(changed, start, new)


def main() -> int:
    """Answer one call given as JSON on standard input."""
    try:
        print(replace_in_file(**json.load(sys.stdin)), end="")
    except (TypeError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
