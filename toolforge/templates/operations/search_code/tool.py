"""A search in a tree with the lines around each hit.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys

MAX_TEXT = 30_000
AT_ONCE = 500
NOISE = frozenset(
    ".git .hg .svn __pycache__ node_modules .tox .nox .venv venv .mypy_cache .pytest_cache .ruff_cache .cache".split()
)


def _files(path: str, include: str) -> list[str]:
    """The files at or below path whose names fit, in order."""
    if not os.path.isdir(path):
        os.stat(path)
        return [path]
    found: list[str] = []
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if name not in NOISE)
        found += [os.path.join(folder, name) for name in sorted(names) if fnmatch.fnmatchcase(name, include)]
    return [name for name in found if os.path.isfile(name)]


def _grep(patterns: list[str], files: list[str], context: int, named: bool) -> str:
    """What grep prints for some files; it reads the patterns as it does."""
    command = ["grep", "-nIH" if named else "-nIh", *([f"-C{context}"] if context else [])]
    for pattern in patterns:
        command += ["-e", pattern]
    done = subprocess.run(
        [*command, "--", *files], stdin=subprocess.DEVNULL, capture_output=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"}
    )
    if done.returncode > 1 and not done.stdout:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("utf-8", "replace")


def search_code(*, patterns: list[str], path: str = ".", include: str = "*", context: int = 0) -> str:
    """Search files for patterns and show each hit with the lines around it.

    Arguments:
        patterns: one or several, each as grep reads it; a line with any of them is a hit.
        path: file or folder, relative to the workspace.
        include: file name pattern such as *.py, for folders.
        context: lines shown before and after each hit, 0 to 50.

    Examples:
        search_code(patterns=["def main"], path="src", context=10)
        search_code(patterns=["TODO", "FIXME"], include="*.py")

    Version control, caches and binary files are left out; of one file its name
    is not repeated; at most 30000 characters are shown. Raises TypeError or ValueError for wrong arguments and
    OSError for a path that is not there.
    """
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in [*patterns, path, include]):
        raise TypeError("patterns must be a list of strings, path and include strings")
    if isinstance(context, bool) or not isinstance(context, int):
        raise TypeError("context must be an integer")
    if not patterns or "\0" in "".join([*patterns, path]) or not path:
        raise ValueError("patterns and path must not be empty, and hold no zero byte")
    if not 0 <= context <= 50:
        raise ValueError("context must be between 0 and 50")
    files = _files(path, include)
    printed = ""
    for start in range(0, len(files), AT_ONCE):
        more = _grep(patterns, files[start : start + AT_ONCE], context, os.path.isdir(path))
        printed += "--\n" + more if printed and more and context else more
        if len(printed) > MAX_TEXT:
            cut = printed.rfind("\n", 0, MAX_TEXT) + 1
            return printed[:cut] + "[cut: name a folder or a narrower pattern]\n"
    return printed


def main() -> int:
    """Answer one call given as JSON on standard input."""
    try:
        print(search_code(**json.load(sys.stdin)), end="")
    except (TypeError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
