"""Runs a shell tool's tests on broken scripts, which lie in mutants/.

usage: mutate_shell.py COUNT SECONDS
Prints {"alive": [numbers of those on which the tests pass], "whole", "wrong"}.
"whole" says that they pass on the tool when it is only written otherwise,
"wrong" is how they took one whose results are all wrong: see wrong.py.
"""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wrong import judged, wrong


def survives(which, seconds, name=""):
    folder = tempfile.mkdtemp()
    try:
        for file in ("tool.json", "tool.py", "test_tool.py"):
            shutil.copy("tool/" + file, folder)
        shutil.copy("mutants/" + which, os.path.join(folder, "tool.sh"))
        if name:
            with open(os.path.join(folder, "tool.py"), "a", encoding="utf-8") as stream:
                stream.write(wrong(folder, name))
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-x", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "--tb=no",
             "--basetemp=" + os.path.join(folder, "tests"), "test_tool.py"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as run:
            try:
                lives = run.wait(seconds) == 0
            except subprocess.TimeoutExpired:
                run.kill()
                lives = False
        return judged(folder, lives) if name else lives
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    whole = survives("whole", seconds)
    with open("tool/tool.json", encoding="utf-8") as file:
        name = json.load(file)["name"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = pool.submit(survives, "whole", seconds, name)
        alive = list(pool.map(lambda i: survives(str(i), seconds), range(count)))
    json.dump({"alive": [i for i, lives in enumerate(alive) if lives], "whole": whole, "wrong": taken.result()}, sys.stdout)


main()
