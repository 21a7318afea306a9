from tool import random_key


def test_signature():
    assert random_key(path="/a")[:8] == "6642e26b"
    assert len(random_key(path="/b")) == 64
