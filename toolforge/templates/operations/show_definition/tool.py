"""The definition of a class, function or type, found by its name.

As a program it reads its arguments as one JSON object from standard input.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys

MAX_LINES = 300
MAX_NAMED = 20
MAX_BYTES = 2_000_000
NOISE = frozenset(
    ".git .hg .svn __pycache__ node_modules .tox .nox .venv venv .mypy_cache .pytest_cache .ruff_cache .cache".split()
)
SOURCE = frozenset(".py .pyi .go .js .jsx .ts .tsx .rs .java .kt .c .h .cc .cpp .hpp .cs .rb .php .swift .scala".split())
WORDS = "class|def|func|function|fn|struct|interface|type|enum|trait|impl|module"
MODIFIERS = r"(?:(?:export|default|public|private|protected|static|final|abstract|async|pub(?:\([a-z]+\))?|const|unsafe|override)\s+)*"


def _files(path: str) -> list[str]:
    """The source files at or below path, in order."""
    if not os.path.isdir(path):
        os.stat(path)
        return [path]
    found: list[str] = []
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if name not in NOISE)
        found += [os.path.join(folder, name) for name in sorted(names) if os.path.splitext(name)[1] in SOURCE]
    return [os.path.normpath(name) for name in found if os.path.isfile(name)]


def _indent(line: str) -> int:
    """How far a line is indented."""
    return len(line) - len(line.lstrip())


def _block(lines: list[str], start: int) -> int:
    """The last line of the block that begins at start, by indentation."""
    depth = _indent(lines[start - 1])
    last = start
    for number in range(start + 1, len(lines) + 1):
        line = lines[number - 1]
        if not line.strip():
            continue
        if _indent(line) <= depth:
            return number if line.lstrip()[0] in "})]" else last
        last = number
    return last


def _python(text: str, name: str) -> list[tuple[int, int]] | None:
    """Where Python defines a name; None when the text does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: list[tuple[int, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            found.append((first, node.end_lineno or node.lineno))
    return sorted(found)


def _ranges(path: str, name: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The lines of a file and where it defines a name."""
    if os.path.getsize(path) > MAX_BYTES:
        return [], []
    with open(path, "rb") as file:
        text = file.read().decode("utf-8", "replace")
    if name not in text:
        return [], []
    lines = text.split("\n")
    found = _python(text, name) if path.endswith((".py", ".pyi")) else None
    if found is None:
        start = re.compile(rf"\s*{MODIFIERS}(?:{WORDS})\s+(?:\([^)]*\)\s*)?{re.escape(name)}\b")
        found = [(number, _block(lines, number)) for number, line in enumerate(lines, start=1) if start.match(line)]
    return lines, found


def show_definition(*, name: str, path: str = ".") -> str:
    """Show the definition of a class, function or type by its name, numbered.

    Arguments:
        name: the name alone, as it is defined.
        path: file or folder to look in, relative to the workspace.

    Examples:
        show_definition(name="parse_args", path="src/cli.py")
        show_definition(name="Session")

    Decorators are included. Of several definitions the first is shown and the
    others are named: ask for one by its path. Raises TypeError or ValueError for wrong arguments and
    OSError for a path that is not there.
    """
    if not isinstance(name, str) or not isinstance(path, str):
        raise TypeError("name and path must be strings")
    if not re.fullmatch(r"[^\W\d]\w{0,199}", name):
        raise ValueError("name must be one identifier")
    if not path or "\0" in path:
        raise ValueError("path must name a file or folder")
    shown = ""
    named: list[str] = []
    for file in _files(path):
        lines, found = _ranges(file, name)
        for first, last in found:
            if shown:
                named.append(f"{file}:{first}-{last}\n")
                continue
            end = min(last, first + MAX_LINES - 1)
            body = "".join(f"{number:6d}\t{lines[number - 1]}\n" for number in range(first, end + 1))
            shown = f"==> {file}:{first}-{last} <==\n{body}"
    if not shown:
        return f"no definition of {name} in {path}\n"
    more = len(named) - MAX_NAMED
    if more > 0:
        named = named[:MAX_NAMED] + [f"[cut: {more} more]\n"]
    return shown + ("\nalso defined in:\n" + "".join(named) if named else "")


def main() -> int:
    """Answer one call given as JSON on standard input."""
    try:
        print(show_definition(**json.load(sys.stdin)), end="")
    except (TypeError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
