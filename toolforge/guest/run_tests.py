"""Runs the tests of a tool under coverage and prints one JSON object."""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree


TRACED = re.compile(r"^\++lathe:tool\.sh:([0-9]{1,6}):")


def main():
    scratch = tempfile.mkdtemp()
    report, data, lines = (os.path.join(scratch, name) for name in ("junit.xml", "coverage", "coverage.json"))
    environment = os.environ | {"COVERAGE_FILE": data, "PYTHONDONTWRITEBYTECODE": "1"}
    trace = os.path.join(scratch, "trace")
    if os.path.exists("tool/tool.sh"):
        environment |= {"BASH_ENV": os.path.abspath("gate/trace.sh"), "LATHE_TRACE": trace}
    run = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "--rcfile=/dev/null", "--include=tool.py", "-m", "pytest", "-q", "--strict-markers",
         "--strict-config", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "--junitxml=" + report, "--tb=short",
         "--basetemp=" + os.path.join(scratch, "tests"), "test_tool.py"],
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
    subprocess.run([sys.executable, "-m", "coverage", "json", "--rcfile=/dev/null", "-q", "-o", lines], cwd="tool", env=environment, capture_output=True, check=False)
    if os.path.exists(lines):
        with open(lines, encoding="utf-8") as file:
            measured = json.load(file)["files"].get("tool.py", {})
        summary = measured.get("summary", {})
        answer["coverage"] = summary.get("covered_lines", 0) / max(summary.get("num_statements", 0), 1)
        answer["missing"] = measured.get("missing_lines", [])[:50]
    if os.path.exists(trace):
        with open(trace, encoding="utf-8", errors="replace") as file:
            answer["ran"] = sorted({int(m.group(1)) for line in file for m in [TRACED.match(line)] if m})
    json.dump(answer, sys.stdout)


main()
