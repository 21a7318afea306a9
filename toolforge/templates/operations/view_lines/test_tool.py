"""Tests of view_lines: the original commands, nl and sed, are the oracle."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tool
from tool import view_lines

TEXT = "alpha\n\n  two words\n\tit's \"x\"\nlast\n"
FILES = {
    "plain.txt": TEXT,
    "empty.txt": "",
    "no newline.txt": "one\ntwo",
    "long.txt": "".join(f"line {n}\n" for n in range(1, 401)),
    "sub/-dash.py": TEXT,
    "colon:7": TEXT,
    "gr\u00fc\u00df.txt": "gr\u00fc\u00df \u20ac\nb\n",
}
NAMES = sorted(set(FILES) - {"colon:7"})


@pytest.fixture(scope="module", autouse=True)
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the files and work among them."""
    root = tmp_path_factory.mktemp("tree")
    for name, content in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content.encode())
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def oracle(name: str, script: str) -> str:
    """Run the original command."""
    done = subprocess.run(
        ["sh", "-c", 'nl -ba "./$1" | sed -n "$2"', "sh", name, script], capture_output=True, check=True,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    return done.stdout.decode("utf-8", "replace")


def plain(name: str, script: str) -> list[str]:
    """Run the other original command, sed alone."""
    done = subprocess.run(["sed", "-n", script, "./" + name], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace").splitlines()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first, last", [(1, 1), (1, 3), (2, 5), (3, 400), (390, 500), (999, 1000)])
def test_agrees_with_the_command(name: str, first: int, last: int) -> None:
    """Ranges within, across and beyond the end."""
    shown = view_lines(places=[f"{name}:{first}-{last}"])
    assert shown == oracle(name, f"{first},{last}p")
    assert [line.split("\t", 1)[1] for line in shown.splitlines()] == plain(name, f"{first},{last}p")


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(name=st.sampled_from(NAMES), first=st.integers(1, 420), size=st.integers(0, 60))
def test_agrees_on_generated_ranges(name: str, first: int, size: int) -> None:
    """Any range."""
    assert view_lines(places=[f"{name}:{first}-{first + size}"]) == oracle(name, f"{first},{first + size}p")


@pytest.mark.parametrize("name", NAMES)
def test_whole_file_one_line_and_open_end(name: str) -> None:
    """The short forms of a place."""
    assert view_lines(places=[name]) == oracle(name, "p")
    assert view_lines(places=[f"{name}:2"]) == oracle(name, "2p")
    assert view_lines(places=[f"{name}:2-"]) == oracle(name, "2,$p")


def test_several_places_are_named() -> None:
    """Each place has a title, and they come in the order asked for."""
    both = view_lines(places=["long.txt:3-4", "plain.txt:1"])
    assert both == "==> long.txt <==\n     3\tline 3\n     4\tline 4\n\n==> plain.txt <==\n     1\talpha\n"
    assert view_lines(places=["colon:7:1-1"]) == "     1\talpha\n"


def test_long_results_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many lines, over all places, and it is said."""
    assert tool.MAX_LINES == 2000
    monkeypatch.setattr(tool, "MAX_LINES", 3)
    assert view_lines(places=["long.txt"]).splitlines()[2:] == ["     3\tline 3", "[cut: more than 3 lines]"]
    assert "[cut" not in view_lines(places=["long.txt:1-3"])
    assert view_lines(places=["long.txt:1-2", "long.txt:8-9"]).count("line ") == 3
    assert view_lines(places=["long.txt:1-9", "long.txt:8-9"]).count("line ") == 3


def test_odd_bytes_are_replaced(tree: Path) -> None:
    """The result is text."""
    (tree / "odd").write_bytes(b"a\xff\n")
    assert view_lines(places=["odd"]) == "     1\ta\ufffd\n"


@pytest.mark.parametrize("place", ["", "x\0:1", "plain.txt:0-3", "plain.txt:5-4"])
def test_what_is_no_place_is_refused(place: str) -> None:
    """Nothing to guess."""
    with pytest.raises(ValueError, match="place|counted"):
        view_lines(places=[place])


@pytest.mark.parametrize("places", [None, "plain.txt", [1], ["plain.txt", None]])
def test_wrong_types_are_refused(places: object) -> None:
    """Only a list of strings."""
    with pytest.raises(TypeError, match="list of strings"):
        view_lines(places=places)


def test_nothing_and_missing_files_are_refused() -> None:
    """No place at all, and a file that is not there."""
    with pytest.raises(ValueError, match="at least one"):
        view_lines(places=[])
    with pytest.raises(FileNotFoundError):
        view_lines(places=["missing.txt:1-2"])


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: the lines and 0, or an error and 1."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"places": ["plain.txt:1-2"]})))
    assert (tool.main(), capsys.readouterr().out) == (0, "     1\talpha\n     2\t\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"places": ["missing"]}'))
    assert tool.main() == 1
    assert "FileNotFoundError" in capsys.readouterr().err
