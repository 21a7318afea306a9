"""Calls a tool as a program and as a function, and measures it.

Reads {"name", "calls": [arguments...], "cold", "warm"} and prints
{"answers": [{"exit_code", "stdout"}], "refused": {...}, "cold_ms", "warm_ms", "memory_mb"}.
"""

import json
import os
import resource
import subprocess
import sys
import time

WARM = """
import json, sys, time
sys.path.insert(0, "../tool")
request = json.load(sys.stdin)
import tool
call = getattr(tool, request["name"])
times = []
for _ in range(request["warm"]):
    start = time.perf_counter()
    call(**request["calls"][0])
    times.append(1000 * (time.perf_counter() - start))
print()
print(json.dumps(times))
"""


def call(arguments):
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "../tool/tool.py"], input=json.dumps(arguments).encode(), capture_output=True, check=False)
    took = 1000 * (time.perf_counter() - start)
    return {"exit_code": done.returncode, "stdout": done.stdout.decode("utf-8", "replace")[:1 << 20], "stderr": done.stderr.decode("utf-8", "replace")[-500:]}, took


def median(values):
    return sorted(values)[len(values) // 2] if values else 0.0


def main():
    request = json.load(sys.stdin)
    os.chdir("work")
    answers = [call(arguments)[0] for arguments in request["calls"]]
    cold = [call(request["calls"][0])[1] for _ in range(request["cold"])]
    refused = call({"no such argument": 1})[0]
    warm = subprocess.run([sys.executable, "-c", WARM], input=json.dumps(request).encode(), capture_output=True, check=False)
    times = json.loads(warm.stdout.decode().splitlines()[-1]) if warm.returncode == 0 else []
    json.dump({
        "answers": answers, "refused": refused, "cold_ms": median(cold), "warm_ms": median(times), "warm_calls": len(times),
        "warm_error": warm.stderr.decode("utf-8", "replace")[-500:],
        "memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }, sys.stdout)


main()
