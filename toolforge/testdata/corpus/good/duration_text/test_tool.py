"""Tests."""
import pytest
from tool import duration_text


@pytest.mark.parametrize(("seconds", "want"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3661, "1 h 1 min 1 s"), (86400, "24 h")])
def test_durations(seconds: int, want: str) -> None:
    """Zero parts are left out."""
    assert duration_text(seconds=seconds) == want


def test_negative() -> None:
    """Time does not run back."""
    with pytest.raises(ValueError, match="negative"):
        duration_text(seconds=-1)
