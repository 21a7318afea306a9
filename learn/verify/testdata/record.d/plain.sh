# A project's own test runner that closes with a plain line: SymPy's, from the
# Debian packages python3-sympy and python3-mpmath (SYMPY is the folder of their
# modules), run on a project of ours as SymPy's bin/test does.
[ -n "${SYMPY:-}" ] || return 0
mkdir -p "$app/plain/bin" "$app/plain/tests"
printf 'def test_one():\n    assert 1 + 1 == 2\n\n\ndef test_two():\n    assert 1 + 1 == 3\n\n\ndef test_boom():\n    raise ValueError("boom")\n' >"$app/plain/tests/test_bad.py"
printf 'from sympy.testing.pytest import skip\n\n\ndef test_one():\n    assert 1 + 1 == 2\n\n\ndef test_three():\n    assert 1 + 2 == 3\n\n\ndef test_later():\n    skip("later")\n' >"$app/plain/tests/test_good.py"
printf '#!/usr/bin/python3\nimport sys\n\nfrom sympy.testing import runtests as r\n\nt = r.SymPyTests(r.PyTestReporter(False, "short", False), "", None, 123)\nt._testfiles = sys.argv[1:]\nsys.exit(not t.test(sort=False))\n' >"$app/plain/bin/test"
chmod +x "$app/plain/bin/test"
export PYTHONPATH=$SYMPY
rec plain-pass plain "bin/test tests/test_good.py"
rec plain-fail plain "bin/test tests/test_good.py tests/test_bad.py"
rec plain-tail plain "bin/test tests/test_bad.py 2>&1 | tail -3"
rec plain-head plain "bin/test tests/test_good.py 2>&1 | head -5"
rec plain-none plain "bin/test"
unset PYTHONPATH
