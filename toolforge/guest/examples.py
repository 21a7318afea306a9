"""Checks what a tool's examples and documentation say that it gives.

Reads {"name", "examples": [{"arguments", "result"}], "seconds"} and prints
{"checked", "findings": [{"file", "line", "rule", "message"}]}. Beside the manifest's
examples, these are claims: a line "name(...)" in the README or a docstring that
goes on with "gives", "returns", "->", "=>" or "==" and a literal, and doctests.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile


def call(request, arguments, *watch):
    try:
        done = subprocess.run(
            [sys.executable, "-I", *watch, "../gate/call.py", "../tool", request["name"]],
            input=json.dumps(arguments).encode(), capture_output=True, check=False, timeout=request["seconds"],
        )
    except subprocess.TimeoutExpired:
        return {"error": {"type": "TimeoutError", "message": "it did not end in time"}}, 1
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        return {"error": {"type": "died", "message": done.stderr.decode("utf-8", "replace")[-200:]}}, done.returncode or 1


def same(a, b):
    """Equal as JSON, numbers within rounding."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def balanced(text, start):
    """The end of the call that opens at start, or -1."""
    depth, quote = 0, ""
    for i in range(start, min(len(text), start + 2000)):
        c = text[i]
        if quote:
            quote = "" if c == quote and text[i - 1] != "\\" else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
    return -1


SAYS = re.compile(r"`?\s*(?:gives|returns|yields|evaluates to|->|=>|==|→|#\s*=>?|#\s*->|\n(?!>>>))\s*`?\s*")


def order(name):
    """The tool's parameters as its function has them."""
    if not os.path.exists("../tool/tool.py"):
        return []
    with open("../tool/tool.py", encoding="utf-8") as file:
        functions = [n for n in ast.parse(file.read()).body if isinstance(n, ast.FunctionDef) and n.name == name]
    return [a.arg for a in functions[0].args.args] if functions else []


def claims(file, text, name):
    """(file, line, arguments, expected) for each claim that can be read."""
    for match in re.finditer(r"(?<![\w.])" + re.escape(name) + r"\(", text):
        doctest = text[:match.start()].endswith(">>> ")
        end = balanced(text, match.end() - 1)
        if end < 0:
            continue
        says = SAYS.match(text, end)
        if says is None or "\n" in says.group() and not doctest:
            continue
        rest = text[says.end():].split("\n")[0]
        try:
            node = ast.parse(text[match.start():end].replace("\n", " "), mode="eval").body
            arguments = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
            arguments |= {parameter: ast.literal_eval(a) for parameter, a in zip(order(name), node.args)}
            if None in arguments or len(arguments) != len(node.keywords) + len(node.args):
                continue
        except (SyntaxError, ValueError):
            continue
        for cut in range(len(rest), 0, -1):
            try:
                expected = json.loads(json.dumps(ast.literal_eval(rest[:cut].strip().rstrip("`."))))
            except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
                continue
            yield file, text.count("\n", 0, match.start()) + 1, arguments, expected
            break


def strings(value):
    """All texts in a JSON value."""
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def elsewhere(request, arguments):
    """Whether a result hangs on what only its author had: files, hosts,
    variables. The call is made once more and watched."""
    if request.get("variables"):
        return True
    if not (request.get("files") or request.get("network")):
        return False
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "reached")
        call(request, arguments, "../gate/watch.py", record)
        try:
            with open(record, encoding="utf-8") as file:
                reached = set(file.read().split())
        except FileNotFoundError:
            reached = set()
    if request.get("files") and ("file" in reached or "program" in reached):
        return True
    return bool(request.get("network") and "host" in reached or request.get("files") and any(
        0 < len(text) < 200 and not os.path.lexists(text) and re.fullmatch(r"[\w./-]*[/.][\w./-]*", text) for text in strings(arguments)))


def main():
    request = json.load(sys.stdin)
    os.chdir("work")
    cases = [("tool.json", 0, e["arguments"], e["result"]) for e in request["examples"]]
    for file in ("README.md", "tool.py"):
        if os.path.exists("../tool/" + file):
            with open("../tool/" + file, encoding="utf-8") as opened:
                text = opened.read()
            if file == "tool.py" and not os.path.exists("../tool/tool.sh"):
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node):
                        cases += list(claims(file, ast.get_docstring(node), request["name"]))[:20]
            elif file != "tool.py":
                cases += list(claims(file, text, request["name"]))[:20]
    findings, checked = [], 0
    for file, line, arguments, expected in cases:
        got, status = call(request, arguments)
        if status and isinstance(got, dict) and (got.get("error") or {}).get("type") in ("FileNotFoundError", "NotADirectoryError", "IsADirectoryError"):
            continue  # it speaks of files that are not here
        if (status or not same(got, expected)) and elsewhere(request, arguments):
            continue
        checked += 1
        if status or not same(got, expected):
            rule = "wrong-result" if file == "tool.json" else "misleading"
            findings.append({"file": file, "line": line, "rule": rule,
                             "message": f"{request['name']}({json.dumps(arguments)[:200]}) gives {json.dumps(got)[:200]}, and {json.dumps(expected)[:200]} is said"})
    json.dump({"checked": checked, "findings": findings[:20]}, sys.stdout)


main()
