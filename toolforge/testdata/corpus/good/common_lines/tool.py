"""Lines that two texts share."""

import subprocess
import tempfile
from pathlib import Path


def _sorted(text: str) -> str:
    return "".join(line + "\n" for line in sorted(set(text.split("\n"))) if line)


def common_lines(left: str, right: str) -> list[str]:
    """Return the lines of both; NUL characters are refused with ValueError."""
    if "\0" in left + right:
        raise ValueError("a text holds a NUL character")
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "left"), Path(folder, "right")
        first.write_text(_sorted(left), encoding="utf-8")
        second.write_text(_sorted(right), encoding="utf-8")
        done = subprocess.run(["comm", "-12", "--nocheck-order", str(first), str(second)], capture_output=True, check=True)
    return done.stdout.decode("utf-8").splitlines()
