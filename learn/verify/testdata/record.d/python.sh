# pytest, unittest and Django.
mkdir -p "$app/py/tests"
cat >"$app/py/calc.py" <<'PY'
def add(a, b):
    return a + b


def div(a, b):
    return a / b
PY
cat >"$app/py/tests/test_good.py" <<'PY'
import pytest
from calc import add


@pytest.mark.parametrize("a,b,want", [(1, 2, 3), (0, 0, 0), (-1, 1, 0)])
def test_add(a, b, want):
    assert add(a, b) == want


@pytest.mark.skip(reason="not on this platform")
def test_skipped():
    pass


@pytest.mark.xfail
def test_known():
    assert add(1, 1) == 3
PY
cat >"$app/py/tests/test_bad.py" <<'PY'
import pytest
from calc import add, div


@pytest.fixture
def broken():
    raise RuntimeError("fixture is broken")


class TestDiv:
    def test_div(self):
        assert div(4, 2) == 3

    def test_zero(self):
        assert div(1, 0) == 0


def test_fixture(broken):
    assert True


def test_fine():
    assert add(2, 2) == 4
PY
mkdir -p "$app/py/broken" "$app/py/empty"
printf 'from calc import nothing_like_it\n\n\ndef test_x():\n    pass\n' >"$app/py/broken/test_import.py"
printf 'X = 1\n' >"$app/py/empty/test_none.py"
P='PYTHONPATH=. /usr/bin/python3 -m pytest -p no:cacheprovider'
rec pytest-pass py "$P tests/test_good.py"
rec pytest-fail py "$P tests"
rec pytest-quiet py "$P -q tests"
rec pytest-verbose py "$P -v tests"
rec pytest-color py "$P --color=yes tests"
rec pytest-tail py "$P tests 2>&1 | tail -5"
rec pytest-tail1 py "$P -q tests/test_good.py 2>&1 | tail -1"
rec pytest-head py "$P -v tests | head -14"
rec pytest-grep py "$P tests | grep -E '^(FAILED|ERROR)'"
rec pytest-collect-error py "$P broken"
rec pytest-none py "$P empty"
rec pytest-no-file py "$P tests/test_absent.py"
rec pytest-no-match py "$P tests -k absent"
rec pytest-usage py "$P --no-such-flag"
rec pytest-missing py "$P tests --collect-only -q"
rec pytest-twice py "$P -q tests/test_bad.py; $P -q tests/test_good.py"
rec pytest-hidden py "$P tests >/dev/null 2>&1"
rec pytest-skips py "$P tests/test_good.py -k skipped"
rec pytest-not-installed py "/usr/bin/python3 -S -m pytest tests"

cat >"$app/py/tests/test_unit.py" <<'PY'
import unittest
from calc import add, div


class Good(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)

    @unittest.skip("later")
    def test_later(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.assertEqual(add(1, 1), 3)


class Bad(unittest.TestCase):
    def test_fail(self):
        self.assertEqual(div(4, 2), 3)

    def test_error(self):
        div(1, 0)
PY
cp "$app/py/tests/test_unit.py" "$app/py/script_test.py"
printf '\n\nif __name__ == "__main__":\n    unittest.main()\n' >>"$app/py/script_test.py"
U='PYTHONPATH=. /usr/bin/python3 -m unittest'
rec unittest-pass py "$U tests.test_unit.Good"
rec unittest-fail py "$U tests.test_unit"
rec unittest-verbose py "$U -v tests.test_unit"
rec unittest-tail py "$U tests.test_unit.Good 2>&1 | tail -3"
rec unittest-tail1 py "$U tests.test_unit.Good 2>&1 | tail -1"
rec unittest-tail1-fail py "$U tests.test_unit 2>&1 | tail -1"
rec unittest-none py "$U discover -s empty"
rec unittest-no-module py "$U tests.test_absent"
rec unittest-script py "PYTHONPATH=. /usr/bin/python3 script_test.py"
rec unittest-usage py "$U --no-such-flag"

cd "$app" && /usr/bin/python3 -m django startproject site dj >/dev/null 2>&1 || { mkdir -p dj && cd dj && /usr/bin/python3 -m django startproject mysite . ; }
cd "$app" && [ -f dj/manage.py ] || (mkdir -p dj && cd dj && /usr/bin/python3 -m django startproject mysite .)
mkdir -p "$app/dj/shop" "$app/dj/empty" && touch "$app/dj/shop/__init__.py" "$app/dj/empty/__init__.py"
cat >"$app/dj/shop/tests.py" <<'PY'
from django.test import SimpleTestCase, TestCase


class Prices(SimpleTestCase):
    def test_sum(self):
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        self.assertEqual(1 + 1, 3)


class Rows(TestCase):
    def test_db(self):
        self.assertEqual(1, 1)
PY
M='/usr/bin/python3 manage.py test'
rec django-pass dj "$M shop.tests.Rows"
rec django-fail dj "$M shop"
rec django-verbose dj "$M -v 2 shop"
rec django-none dj "$M empty"
rec django-no-label dj "$M shop.absent"
rec django-tail dj "$M shop 2>&1 | tail -20"
