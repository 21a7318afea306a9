"""SQL that is put together from a caller's text (CWE-89). Executes nothing."""

import ast

RUNS_SQL = {"execute", "executemany", "executescript"}
# What a name can be held to before it stands in a statement.
CHECKS = {"isidentifier", "isalnum", "isalpha", "isdigit", "isdecimal", "fullmatch", "match", "replace", "index"}
NUMBERS = {"int", "float", "len", "bool"}


def built_statements(name, tree):
    """Statements for a database into which a function puts an argument of its
    own, without having looked at it. Values belong in parameters (?); a name of
    a table or column is compared with those there are first."""
    findings = []
    for function in (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        free = {a.arg for a in arguments if getattr(a.annotation, "id", "") not in {"int", "float", "bool"}} - checked(function)
        built = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                built.update({t.id: node.value for t in node.targets if isinstance(t, ast.Name)})
        for call in (n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in RUNS_SQL and n.args):
            put_in = sorted(parts(call.args[0], built, 0) & free)
            if put_in:
                findings.append({"file": name, "line": call.lineno, "rule": "sql-injection",
                                 "message": f"{put_in[0]} becomes part of an SQL statement: give values as parameters (?), and compare names with those there are"})
    return findings


def checked(function):
    """Names that a function compares with others, or whose form it looks at."""
    seen = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops) and isinstance(node.left, ast.Name):
            seen.add(node.left.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHECKS:
            seen |= {n.id for part in [node.func.value, *node.args] for n in ast.walk(part) if isinstance(n, ast.Name)}
    return seen


def parts(node, built, depth):
    """The names whose text a statement is put together from."""
    if depth > 8:
        return set()
    if isinstance(node, ast.Name):
        inner = built.get(node.id)
        return {node.id} | (parts(inner, {k: v for k, v in built.items() if k != node.id}, depth + 1) if isinstance(inner, (ast.BinOp, ast.JoinedStr, ast.Call, ast.IfExp)) else set())
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
        return parts(node.left, built, depth + 1) | parts(node.right, built, depth + 1)
    if isinstance(node, ast.JoinedStr):
        return set().union(*(parts(v.value, built, depth + 1) for v in node.values if isinstance(v, ast.FormattedValue)))
    if isinstance(node, ast.Tuple):
        return set().union(*(parts(e, built, depth + 1) for e in node.elts))
    if isinstance(node, ast.IfExp):
        return parts(node.body, built, depth + 1) | parts(node.orelse, built, depth + 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "join", "strip", "lower", "upper"}:
        given = [*node.args, *(k.value for k in node.keywords)]
        return set().union(parts(node.func.value, built, depth + 1), *(parts(a, built, depth + 1) for a in given))
    return set()
