"""Breaks a tool on purpose, a little each time, and counts how often its
tests notice (mutation analysis; DeMillo, Lipton and Sayward, 1978).

usage: mutate.py COUNT SECONDS NAME, which is the tool's function
Prints {"total", "killed", "survivors": [...], "whole", "wrong"}. "whole" says
that the tests pass on the tool as it is, written out anew: those that look at
its text, or at where they run, notice every mutant and say nothing. "wrong" is
how they took one whose results are all wrong: see wrong.py.
"""

import ast
import concurrent.futures
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from entry import command_lines
from wrong import judged, wrong

COMPARE = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
           ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}


def spots(tree, tool):
    """Where to break: (index of the node in ast.walk order, kind)."""
    skip, unused = set(), command_lines(tree, tool)
    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) in unused:
            skip.add(id(node))
        # Words of messages, annotations, docstrings and the program's last
        # lines can change without being wrong.
        if isinstance(node, (ast.Raise, ast.JoinedStr)):
            skip |= {id(n) for n in ast.walk(node) if isinstance(n, ast.Constant)}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skip |= {id(node), id(node.value)}
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                skip |= {id(n) for n in ast.walk(getattr(node, field))}
        if isinstance(node, ast.keyword) and node.arg in {"encoding", "errors", "env", "start"}:
            skip |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.Constant) and node.value in ("utf-8", "replace", "strict", "ignore", "LC_ALL", "C.UTF-8"):
            # Python takes "utf-8_" for "utf-8".
            skip.add(id(node))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").startswith("_"):
            # The parameter's name, given to a check for its message.
            skip |= {id(n) for n in node.args if isinstance(n, ast.Constant)}
        if isinstance(node, ast.ClassDef):
            skip |= {id(n) for n in ast.walk(node)}
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in skip or id(node) not in inside:
            continue
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
            yield index, "compare"
        elif isinstance(node, ast.BoolOp):
            yield index, "and-or"
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield index, "negate"
        elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            yield index, "operator"
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, str)) and not isinstance(node.value, bool):
            yield index, "constant"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield index, "constant"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield index, "return"


def broken(tree, index, kind):
    tree = copy.deepcopy(tree)
    node = next(n for i, n in enumerate(ast.walk(tree)) if i == index)
    if kind == "compare":
        node.ops[0] = COMPARE[type(node.ops[0])]()
    elif kind == "and-or":
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif kind == "negate":
        node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
    elif kind == "operator":
        node.op = BINARY[type(node.op)]()
    elif kind == "return":
        node.value = ast.Constant(value=None)
    elif isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node.value, int):
        node.value += 1
    else:
        node.value += "_"
    return ast.unparse(ast.fix_missing_locations(tree)), f"line {getattr(node, 'lineno', 0)}: {kind}"


def survives(source, seconds, name=""):
    """Whether the tests pass on a source; of the tool called name, how they take
    its results when all are wrong."""
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "tool.py"), "w", encoding="utf-8") as file:
            file.write(source + (wrong(folder, name) if name else ""))
        shutil.copy("tool/test_tool.py", folder)
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
    with open("tool/tool.py", encoding="utf-8") as file:
        tree = ast.parse(file.read())
    found = list(spots(tree, sys.argv[3]))
    chosen = [found[i * len(found) // count] for i in range(count)] if len(found) > count else found
    whole = survives(ast.unparse(tree) + "\n\n_WRITTEN_OUT_ANEW = True\n", seconds)
    mutants = [broken(tree, *spot) for spot in chosen]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = pool.submit(survives, ast.unparse(tree), seconds, sys.argv[3])
        alive = list(pool.map(lambda mutant: survives(mutant[0], seconds), mutants))
    survivors = [name for (_, name), lives in zip(mutants, alive) if lives]
    json.dump({"total": len(mutants), "killed": len(mutants) - len(survivors), "survivors": survivors, "whole": whole, "possible": len(found), "wrong": taken.result()}, sys.stdout)


main()
