import pytest
from tool import common_lines


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [("b\na", "c\nb", ["b"]), ("", "", []), ("ä\nx y", "x y\nä", ["x y", "ä"]), ("-a\n-a", "-a", ["-a"]), ("a", "b", [])],
)
def test_shared(left, right, shared):
    assert common_lines(left=left, right=right) == shared


def test_zero_byte():
    with pytest.raises(ValueError, match="NUL"):
        common_lines(left="a", right="\0")
