"""Tests."""
from pathlib import Path

from tool import find_todos


def test_todos(tmp_path: Path) -> None:
    """Files in order, lines from one."""
    (tmp_path / "b.py").write_text("x = 1\ny = 2  # TODO: more \n", encoding="utf-8")
    (tmp_path / "a.py").write_text("# FIXME\n# todo\n# TODOS\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("# TODO\n", encoding="utf-8")
    assert find_todos(folder=str(tmp_path)) == [
        {"file": "a.py", "line": 1, "text": "FIXME"},
        {"file": "b.py", "line": 2, "text": "TODO: more"},
    ]
