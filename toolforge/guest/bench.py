"""Calls a tool as it will be called, and measures it.

Reads {"name", "calls": [arguments...], "cold", "warm", "seconds"} and prints
{"answers": [{"exit_code", "stdout", "stderr", "slow"}], "refused": {...},
"cold_ms", "cold_p95_ms", "warm_ms", "warm_p95_ms", "warm_calls", "warm_error", "memory_mb", "growth_mb", "grown_calls"}.
"""

import json
import math
import os
import resource
import subprocess
import sys
import time

WARM = """
import io, json, os, sys, time
sys.path.insert(0, "../gate")
import call
request = json.load(sys.stdin)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
tool = call.load("../tool")
function = getattr(tool, request["name"])
arguments = request["warm_call"]

def once():
    try:
        function(**arguments)
    except Exception:
        pass

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576

times = []
for _ in range(request["warm"]):
    start = time.perf_counter()
    once()
    times.append(1000 * (time.perf_counter() - start))
before, calls, end = resident(), 0, time.monotonic() + 2
while calls < 500 and time.monotonic() < end:
    once()
    calls += 1
json.dump({"times": times, "growth": resident() - before, "calls": calls}, out)
out.flush()
os._exit(0)
"""


def call(request, arguments):
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "../gate/call.py", "../tool", request["name"]],
            input=json.dumps(arguments).encode(), capture_output=True, check=False, timeout=request["seconds"],
        )
    except subprocess.TimeoutExpired:
        return {"exit_code": 124, "stdout": "", "stderr": "", "slow": True}, 1000 * request["seconds"]
    took = 1000 * (time.perf_counter() - start)
    return {"exit_code": done.returncode, "stdout": done.stdout.decode("utf-8", "replace")[:1 << 20], "stderr": done.stderr.decode("utf-8", "replace")[-500:], "slow": False}, took


def quantile(values, share):
    """The smallest value that at least a share of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def main():
    request = json.load(sys.stdin)
    os.chdir("work")
    answers = [call(request, arguments)[0] for arguments in request["calls"]]
    good = [c for c, a in zip(request["calls"], answers) if a["exit_code"] == 0] or request["calls"]
    request["warm_call"] = good[0]
    cold = [call(request, good[0])[1] for _ in range(request["cold"])]
    refused = call(request, {"no such argument": 1})[0]
    result = {"times": [], "growth": 0, "calls": 0}
    error = ""
    if request["warm"]:
        try:
            warm = subprocess.run([sys.executable, "-c", WARM], input=json.dumps(request).encode(), capture_output=True, check=False,
                                  timeout=10 + request["warm"] * request["seconds"])
            error = warm.stderr.decode("utf-8", "replace")[-500:]
            if warm.returncode == 0:
                result = json.loads(warm.stdout)
        except subprocess.TimeoutExpired:
            error = "the calls did not end"
    json.dump({
        "answers": answers, "refused": refused, "cold_ms": quantile(cold, 0.5), "cold_p95_ms": quantile(cold, 0.95),
        "warm_ms": quantile(result["times"], 0.5), "warm_p95_ms": quantile(result["times"], 0.95), "warm_calls": len(result["times"]),
        "warm_error": error, "growth_mb": result["growth"], "grown_calls": result["calls"],
        "memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }, sys.stdout)


main()
