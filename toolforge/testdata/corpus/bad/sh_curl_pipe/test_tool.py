"""Tests."""
from tool import sh_curl_pipe


def test_it() -> None:
    """It shouts."""
    assert sh_curl_pipe(text="ab c") == "AB C"
    assert sh_curl_pipe(text="") == ""
