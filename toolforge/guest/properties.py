"""Calls a tool with many arguments that its schema allows.

Reads {"name", "parameters", "seconds", "count", "documented": [exception names]}
and prints {"calls", "results": [...], "findings": [{"file", "line", "rule",
"message"}]}. An exception is an answer, unless it is one that says the tool is
broken (IndexError, TypeError, ...) and the documentation does not name it.
"""

import ast
import json
import os
import random
import subprocess
import sys

BROKEN = set("TypeError AttributeError IndexError KeyError ZeroDivisionError RecursionError AssertionError NameError "
             "UnboundLocalError MemoryError SystemExit KeyboardInterrupt NotImplementedError StopIteration".split())
# Raised by a line of the tool's own that begins with raise, these are meant.
MEANT = {"TypeError", "IndexError", "KeyError", "ZeroDivisionError", "AttributeError"}
TEXTS = ["", " ", "a", "alpha beta", "1", "-1", "0", "a,b\nc,d\n", "sample.txt", ".", "é\u00fc\u4e2d", "'\"\\", "x" * 2000, "%s {0} $HOME `id`", "-rf", "\t\n",
         "[1, 2]", '{"a": 1}', "2024-02-29", "http://example.org/a?b=c", "alpha\nbeta\ngamma\n",
         # On which patterns that go back and forth take for ever.
         "a" * 48 + "!", "1" * 48 + "!", "a " * 24 + "!", " " * 2000 + "!"]

WORKER = """
import json, os, signal, sys
sys.path.insert(0, "../gate")
import call
request = json.load(sys.stdin)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

class Slow(BaseException):
    pass

def late(*_):
    raise Slow()

def say(**what):
    out.write(json.dumps(what) + chr(10))
    out.flush()

signal.signal(signal.SIGALRM, late)
function = getattr(call.load("../tool"), request["name"])
for arguments in request["cases"]:
    say(begin=arguments)
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    try:
        result = json.loads(json.dumps(function(**json.loads(json.dumps(arguments))), default=call.plain, allow_nan=False))
        signal.setitimer(signal.ITIMER_REAL, 0)
        say(result=result)
    except Slow:
        say(slow=True)
        break
    except BaseException as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        line, inner, trace = 0, "", error.__traceback__
        while trace is not None:
            inner = trace.tb_frame.f_code.co_filename
            if trace.tb_frame.f_code.co_filename.endswith("tool.py"):
                line = trace.tb_lineno
            trace = trace.tb_next
        say(error=type(error).__name__, message=str(error)[:200], line=line, own=inner.endswith("tool.py"))
say(end=True)
os._exit(0)
"""


def value(schema, rng, depth=0):
    """A value that the schema allows; the commonest keywords are kept to."""
    if not isinstance(schema, dict):
        return rng.choice(TEXTS)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return value(rng.choice(schema[word]), rng, depth)
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = rng.choice(kind)
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1000) + ("exclusiveMinimum" in schema))
        high = schema.get("maximum", schema.get("exclusiveMaximum", max(low, 0) + 1000) - ("exclusiveMaximum" in schema))
        n = rng.choice([low, high, rng.randint(int(low), int(max(low, high))), max(low, min(high, 0)), max(low, min(high, 1))])
        return int(n) if kind == "integer" else rng.choice([n, max(low, min(high, n + 0.5))])
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "null":
        return None
    if kind == "array":
        low, high = schema.get("minItems", 0), schema.get("maxItems", 5)
        size = rng.randint(low, max(low, high)) if depth < 3 else low
        return [value(schema.get("items", {}), rng, depth + 1) for _ in range(size)]
    if kind == "object":
        return arguments(schema, rng, depth + 1)
    low, high = schema.get("minLength", 0), schema.get("maxLength", 4000)
    text = rng.choice(TEXTS)
    return (text + "x" * max(0, low - len(text)))[:high]


def arguments(schema, rng, depth=0):
    required = schema.get("required", [])
    return {name: value(inner, rng, depth) for name, inner in schema.get("properties", {}).items() if name in required or rng.random() < 0.5}


def unsteady(request, results):
    """The calls that give another result in a process of its own, in which sets
    have another order: (arguments, first result, second)."""
    cases = results[:40]
    try:
        run = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, check=False, timeout=request["seconds"] + 60, env=os.environ | {"PYTHONHASHSEED": "7"},
                             input=json.dumps({"name": request["name"], "cases": [c["arguments"] for c in cases], "seconds": request["seconds"]}).encode())
    except subprocess.TimeoutExpired:
        return
    position = -1
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            return
        position += "begin" in said
        if "result" in said and said["result"] != cases[position]["result"]:
            yield cases[position]["arguments"], cases[position]["result"], said["result"]


def raising():
    """The lines of the tool's raise statements."""
    if not os.path.exists("../tool/tool.py"):
        return set()
    with open("../tool/tool.py", encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return {line for n in ast.walk(tree) if isinstance(n, ast.Raise) for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}


def restricted(schema):
    """Whether a keyword is used that value does not keep to."""
    return any(word in json.dumps(schema) for word in ('"pattern"', '"format"', '"allOf"', '"not"', '"if"', '"multipleOf"', '"$ref"', '"uniqueItems"'))


def main():
    request = json.load(sys.stdin)
    rng = random.Random(1)
    schema = request["parameters"]
    os.chdir("work")
    cases = [arguments(schema, rng) for _ in range(request["count"])]
    findings, results, calls, last, ended = [], [], 0, None, False
    try:
        run = subprocess.run([sys.executable, "-c", WORKER], input=json.dumps({"name": request["name"], "cases": cases, "seconds": request["seconds"]}).encode(),
                             capture_output=True, check=False, timeout=request["seconds"] + 60)
        lines, errors = run.stdout.decode("utf-8", "replace").splitlines(), run.stderr.decode("utf-8", "replace")[-300:]
    except subprocess.TimeoutExpired as late:
        lines, errors = (late.stdout or b"").decode("utf-8", "replace").splitlines(), "out of time"

    def found(rule, message, line=0):
        findings.append({"file": "tool.py", "line": line, "rule": rule, "message": message[:400]})

    excused, raises = restricted(schema), raising()
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            break
        if "begin" in said:
            last = said["begin"]
            calls += 1
        elif "result" in said:
            if len(results) < 100 and len(line) < 50_000:
                results.append({"arguments": last, "result": said["result"]})
        elif said.get("slow"):
            found("endless", f"a call did not end in {request['seconds']:g} seconds: {json.dumps(last)[:200]}")
            ended = True
        elif "error" in said and said["error"] in BROKEN and said["error"] not in request["documented"] and not excused and not (
                said["error"] in MEANT and said["own"] and said["line"] in raises):
            found("crash", f"{said['error']}: {said['message']} for {json.dumps(last)[:200]}", said["line"])
        ended = ended or "end" in said
    if ended and request["steady"]:
        for given, first, second in unsteady(request, results):
            found("unsteady", f"the same call gives {json.dumps(first)[:120]} and {json.dumps(second)[:120]}, and the documentation does not say so: {json.dumps(given)[:150]}")
            break
    if not ended:
        found("died", f"the interpreter ended within a call with {json.dumps(last)[:200]}: {errors}")
    json.dump({"calls": calls, "results": results, "findings": findings[:20]}, sys.stdout)


main()
