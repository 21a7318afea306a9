"""Replace a text that stands in a file exactly once, and show the place.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import json
import sys

AROUND = 3
MAX_BYTES = 10_000_000


def _shown(text: str, start: int, new: str) -> str:
    """The changed lines with those around them, numbered."""
    lines = text.split("\n")
    first = text.count("\n", 0, start)
    last = first + new.count("\n")
    begin, end = max(first - AROUND, 0), min(last + AROUND + 1, len(lines))
    return "".join(f"{number + 1:6d}\t{lines[number].rstrip(chr(13))}\n" for number in range(begin, end))


def replace_in_file(*, path: str, old: str, new: str) -> str:
    """Replace a text that stands exactly once in a file, and show the changed lines.

    Arguments:
        path: the file, relative to the workspace.
        old: the text as it stands in the file, over several lines too.
        new: what stands there afterwards.

    Examples:
        replace_in_file(path="src/app.py", old="retries = 1", new="retries = 3")

    Nothing is written when the text is not there or stands there more than
    once: give more of what is around it. Raises ValueError for that, TypeError
    for what is no string, and OSError for a file that cannot be changed.
    """
    if not all(isinstance(one, str) for one in (path, old, new)):
        raise TypeError("path, old and new must be strings")
    if not path or "\0" in path or not old:
        raise ValueError("path and old must not be empty")
    with open(path, "rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8")
        new.encode("utf-8")
    except UnicodeError as error:
        raise ValueError(f"{path} or the new text is not UTF-8: {error}") from error
    start = text.find(old)
    if start < 0:
        raise ValueError(f"the text does not stand in {path}")
    if text.find(old, start + 1) >= 0:
        raise ValueError(f"the text stands in {path} more than once: give more of what is around it")
    changed = text[:start] + new + text[start + len(old) :]
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
