"""The files below a folder, without what tools generate.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import fnmatch
import json
import os
import sys

MAX_ENTRIES = 500
NOISE = frozenset(
    ".git .hg .svn __pycache__ node_modules .tox .nox .venv venv .mypy_cache .pytest_cache .ruff_cache .cache".split()
)
NOISY = (".pyc", ".pyo", ".o", ".egg-info")


def _noise(name: str) -> bool:
    """Whether a name is of version control, a cache or a compiler's output."""
    return name in NOISE or name.endswith(NOISY)


def _below(folder: str, depth: int, prefix: str) -> list[str]:
    """The names below a folder in order, folders with a slash behind."""
    found: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _noise(entry.name):
                continue
            folder_too = entry.is_dir(follow_symlinks=False)
            found.append(prefix + entry.name + ("/" if folder_too else ""))
            if folder_too and depth > 1:
                try:
                    found += _below(entry.path, depth - 1, prefix + entry.name + "/")
                except PermissionError:
                    found.append(prefix + entry.name + "/[not readable]")
    return found


def list_tree(*, path: str = ".", depth: int = 2, name: str = "*") -> str:
    """List the files and folders below a folder, one a line, folders with a slash.

    Arguments:
        path: the folder, relative to the workspace.
        depth: how many levels, 1 to 20.
        name: file name pattern such as *.py; folders are left out when given.

    Examples:
        list_tree(path="src", depth=3)
        list_tree(name="*.py", depth=20)

    Version control, caches and compiled files are left out; at most 500 names
    are listed. Raises TypeError or ValueError for wrong arguments and OSError
    for a folder that cannot be read.
    """
    if not isinstance(path, str) or not isinstance(name, str):
        raise TypeError("path and name must be strings")
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError("depth must be an integer")
    if not 1 <= depth <= 20:
        raise ValueError("depth must be between 1 and 20")
    if not path or "\0" in path:
        raise ValueError("path must name a folder")
    found = _below(path, depth, "")
    if name != "*":
        files = [one for one in found if not one.endswith("/")]
        found = [one for one in files if fnmatch.fnmatchcase(one.rpartition("/")[2], name)]
    more = len(found) - MAX_ENTRIES
    if more > 0:
        found = found[:MAX_ENTRIES] + [f"[cut: {more} more]"]
    return "".join(one + "\n" for one in found)


def main() -> int:
    """Answer one call given as JSON on standard input."""
    try:
        print(list_tree(**json.load(sys.stdin)), end="")
    except (TypeError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
