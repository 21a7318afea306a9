"""What the manifest promises of the function, and tests that can fail. Executes
nothing."""

import ast


def contract(request, trees):
    """The function that the manifest promises, and tests that assert."""
    findings = []

    def found(file, rule, message, line=0, severity="error"):
        findings.append({"file": file, "line": line, "rule": rule, "message": message, "severity": severity})

    name, wanted = request["name"], set(request["parameters"] or [])
    functions = [n for n in trees["tool.py"].body if isinstance(n, ast.FunctionDef) and n.name == name] if "tool.py" in trees else []
    if len(functions) != 1 and "tool.py" in trees:
        found("tool.py", "no-function", f"there must be one function {name}, there are {len(functions)}")
    for node in functions:
        args = node.args
        have = {a.arg for a in [*args.posonlyargs, *args.args, *args.kwonlyargs]}
        if args.posonlyargs or args.vararg or args.kwarg or have != wanted:
            found("tool.py", "arguments", f"{name} takes {sorted(have)}, the manifest says {sorted(wanted)}", node.lineno)
        if not ast.get_docstring(node):
            found("tool.py", "no-docstring", f"{name} has no docstring", node.lineno, "warning")
    tests = [n for n in ast.walk(trees["test_tool.py"]) if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
    if not tests:
        found("test_tool.py", "no-tests", "there is no test function")
    helpers = {n.name: n for n in ast.walk(trees["test_tool.py"]) if isinstance(n, ast.FunctionDef)}
    empty = [node for node in tests if skipped(node) or not asserts(node, helpers, set())]
    for node in empty:
        # One among many may try that nothing is raised.
        found("test_tool.py", "asserts-nothing", f"{node.name} " + ("is skipped" if skipped(node) else "asserts nothing"), node.lineno, "error" if 2 * len(empty) >= len(tests) else "warning")
    for node in ast.walk(trees["test_tool.py"]):
        own = isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets) and not any(
            isinstance(n, ast.Name) and n.id in {name, "tool"} for n in ast.walk(node.value))
        if own or isinstance(node, ast.FunctionDef) and node.name == name:
            found("test_tool.py", "tests-a-copy", f"the tests define {name} themselves: import it from tool", node.lineno)
        elif isinstance(node, ast.Call) and replaces(node, name):
            found("test_tool.py", "mocks-the-tool", f"the tests put something else in the place of {name}", node.lineno)
    return findings


def replaces(call, name):
    """Whether a call is mock.patch or monkeypatch.setattr of the tool's own function."""
    if not isinstance(call.func, (ast.Attribute, ast.Name)) or getattr(call.func, "attr", getattr(call.func, "id", "")) not in {"patch", "object", "setattr"}:
        return False
    given = [a.value for a in call.args[:2] if isinstance(a, ast.Constant)]
    return f"tool.{name}" in given or name in given and isinstance(call.args[0], ast.Name) and call.args[0].id == "tool"


def skipped(node):
    """Whether a test is marked to be skipped, or to fail, or begins so."""
    marks = {n.attr for d in node.decorator_list for n in ast.walk(d) if isinstance(n, ast.Attribute)}
    first = next((n for n in node.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))), None)
    call = first.value if isinstance(first, ast.Expr) else None
    return bool(marks & {"skip", "xfail"}) or isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in {"skip", "xfail", "skipTest"}


def always(test):
    """Whether a condition holds whatever the tool gives."""
    if isinstance(test, ast.Constant):
        return True
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        if isinstance(test.ops[0], (ast.Eq, ast.Is, ast.LtE, ast.GtE)) and ast.dump(left) == ast.dump(right):
            return True
        length = isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "len"
        return length and isinstance(test.ops[0], ast.GtE) and isinstance(right, ast.Constant) and right.value == 0
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        dumps = {ast.dump(v) for v in test.values}
        return any(always(v) or ast.dump(opposite(v)) in dumps for v in test.values)
    if isinstance(test, ast.BoolOp):
        return all(always(v) for v in test.values)
    return False


def opposite(test):
    """The condition that holds when this one does not."""
    turned = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In}
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in turned:
        return ast.Compare(left=test.left, ops=[turned[type(test.ops[0])]()], comparators=test.comparators)
    return ast.UnaryOp(op=ast.Not(), operand=test)


def swallowed(node):
    """The statements below a try that takes a failed assertion for none."""
    inside = set()
    for block in (n for n in ast.walk(node) if isinstance(n, ast.Try)):
        for handler in block.handlers:
            caught = {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(handler.type)} if handler.type is not None else {"BaseException"}
            again = any(isinstance(n, (ast.Raise, ast.Assert)) or isinstance(n, ast.Attribute) and n.attr == "fail" for n in ast.walk(handler))
            if caught & {"Exception", "BaseException", "AssertionError"} and not again:
                inside |= {id(n) for statement in block.body for n in ast.walk(statement)}
    return inside


def asserts(node, helpers, seen):
    """Whether a failing tool can fail the test."""
    lost = swallowed(node)
    for inner in ast.walk(node):
        if id(inner) in lost:
            continue
        if isinstance(inner, ast.Assert) and not always(inner.test):
            return True
        if isinstance(inner, ast.Attribute) and (inner.attr in {"raises", "fail", "warns"} or inner.attr.startswith("assert")):
            return True
        if isinstance(inner, ast.Call) and isinstance(inner.func, (ast.Name, ast.Attribute)):
            called = getattr(inner.func, "id", getattr(inner.func, "attr", ""))
            if called in helpers and called not in seen and asserts(helpers[called], helpers, seen | {called}):
                return True
    return False
