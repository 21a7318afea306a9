"""Tests of greet."""
import io

import pytest

from tool import greet, main


def test_greets() -> None:
    """It names the person."""
    assert greet(name="Ada") == "Hello, Ada!"


def test_empty() -> None:
    """An empty name is a name."""
    assert greet(name="") == "Hello, !"


def test_refuses() -> None:
    """A number is no name."""
    with pytest.raises(TypeError):
        greet(name=7)


def test_program(monkeypatch, capsys) -> None:
    """It reads arguments and prints a result, or an error."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "Bob"}'))
    assert main() == 0
    assert "Hello, Bob!" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": 7}'))
    assert main() == 1
    assert "must be a string" in capsys.readouterr().out
