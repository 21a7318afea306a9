"""Runs a shell tool's tests on broken scripts, which lie in mutants/.

usage: mutate_shell.py COUNT SECONDS
Prints {"alive": [numbers of those on which the tests pass], "whole"}. "whole"
says that they pass on the tool when it is only written otherwise.
"""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile


def survives(which, seconds):
    folder = tempfile.mkdtemp()
    try:
        for name in ("tool.json", "tool.py", "test_tool.py"):
            shutil.copy("tool/" + name, folder)
        shutil.copy("mutants/" + which, os.path.join(folder, "tool.sh"))
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-x", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "--tb=no",
             "--basetemp=" + os.path.join(folder, "tests"), "test_tool.py"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as run:
            try:
                return run.wait(seconds) == 0
            except subprocess.TimeoutExpired:
                run.kill()
                return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    whole = survives("whole", seconds)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        alive = list(pool.map(lambda i: survives(str(i), seconds), range(count)))
    json.dump({"alive": [i for i, lives in enumerate(alive) if lives], "whole": whole}, sys.stdout)


main()
