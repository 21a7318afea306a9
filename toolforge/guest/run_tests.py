"""Runs the tests of a tool under coverage and prints one JSON object.

usage: run_tests.py NAME, which is the tool's function
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree


sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from entry import command_lines

TRACED = re.compile(r"^\++lathe:tool\.sh:([0-9]{1,6}):")


def main():
    scratch = tempfile.mkdtemp()
    report, data, lines, settings = (os.path.join(scratch, name) for name in ("junit.xml", "coverage", "coverage.json", "settings"))
    with open(settings, "w", encoding="utf-8") as file:
        file.write("[report]\nexclude_lines =\n    (?!)\n")  # no comment takes a line out
    environment = os.environ | {"COVERAGE_FILE": data, "PYTHONDONTWRITEBYTECODE": "1"}
    trace = os.path.join(scratch, "trace")
    pytest = [
        "-m", "pytest", "-q", "--strict-markers", "--strict-config", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "--tb=short",
        "--basetemp=" + os.path.join(scratch, "tests"), "test_tool.py",
    ]
    traced = environment | {"BASH_ENV": os.path.abspath("gate/trace.sh"), "LATHE_TRACE": trace}
    if os.path.exists("tool/tool.sh"):
        with open("tool/tool.sh", "rb") as file:
            posix = file.readline(200).replace(b"/", b" ").split()[-1:] == [b"sh"]
        if posix:  # it cannot be traced: with bash, for the lines, and then as it will be called
            subprocess.run([sys.executable, *pytest], cwd="tool", env=traced, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        else:
            environment = traced
    run = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "--rcfile=/dev/null", "--include=tool.py", *pytest, "--junitxml=" + report],
        cwd="tool", env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )
    answer = {"exit_code": run.returncode, "output": run.stdout.decode("utf-8", "replace")[-6000:] + run.stderr.decode("utf-8", "replace")[-2000:]}
    if os.path.exists(report):
        suites = list(xml.etree.ElementTree.parse(report).iter("testsuite"))
        total = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
        answer |= total
        answer["failing"] = [
            f"{case.get('name')}: {(case.find(kind).get('message') or '')[:200]}"
            for suite in suites for case in suite.iter("testcase") for kind in ("failure", "error") if case.find(kind) is not None
        ][:20]
        answer["agreed"] = sum(
            1 for suite in suites for case in suite.iter("testcase") if (case.get("name") or "").startswith("test_agrees") and len(case) == 0
        )
    subprocess.run([sys.executable, "-m", "coverage", "json", "--rcfile=" + settings, "-q", "-o", lines], cwd="tool", env=environment, capture_output=True, check=False)
    if os.path.exists(lines):
        with open(lines, encoding="utf-8") as file:
            measured = json.load(file)["files"].get("tool.py", {})
        ran, missing = set(measured.get("executed_lines", [])), set(measured.get("missing_lines", []))
        if os.path.exists("tool/tool.py"):
            with open("tool/tool.py", encoding="utf-8") as file:
                tree = ast.parse(file.read())
            missing -= command_lines(tree, sys.argv[1])
        answer["coverage"] = len(ran) / max(len(ran) + len(missing), 1)
        answer["missing"] = sorted(missing)[:50]
    if os.path.exists(trace):
        with open(trace, encoding="utf-8", errors="replace") as file:
            answer["ran"] = sorted({int(m.group(1)) for line in file for m in [TRACED.match(line)] if m})
    json.dump(answer, sys.stdout)


main()
