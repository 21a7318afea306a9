"""Tests."""
from tool import sh_runs_argument


def test_it() -> None:
    """It shouts."""
    assert sh_runs_argument(text="ab c") == "AB C"
    assert sh_runs_argument(text="") == ""
