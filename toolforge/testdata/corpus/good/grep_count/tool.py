"""Counts lines with grep."""

import subprocess


def grep_count(*, path: str, text: str) -> int:
    """Return how many lines contain the text; raises OSError when the file cannot be read."""
    done = subprocess.run(["grep", "-c", "-F", "-e", text, "--", path], capture_output=True, check=False, text=True)
    if done.returncode > 1:
        raise OSError(done.stderr.strip())
    return int(done.stdout)
