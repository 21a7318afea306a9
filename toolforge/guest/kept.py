"""What a tool keeps from one call to the next: it grows, and one caller's values
reach the next. Executes nothing."""

import ast

MUTATES = set("append add extend insert update setdefault appendleft clear pop popitem remove discard".split())


def kept_state(name, tree):
    """Functions that change what the module holds: it grows from call to call,
    and one caller's values reach the next."""
    shared = set()
    for node in tree.body:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []:
            if isinstance(target, ast.Name):
                shared.add(target.id)
    findings = caches(name, tree) + class_state(name, tree)
    for function in (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
        own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {a.arg for a in [*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs]}
        declared = {n for g in ast.walk(function) if isinstance(g, ast.Global) for n in g.names}
        for node in ast.walk(function):
            target = ""
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATES and isinstance(node.func.value, ast.Name):
                target = node.func.value.id
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)) and isinstance(node.value, ast.Name):
                target = node.value.id
            elif isinstance(node, ast.Global):
                target = node.names[0]
            if target in shared and (target not in own or target in declared):
                findings.append({"file": name, "line": node.lineno, "rule": "kept-state", "message": f"{function.name} changes {target}, which outlives the call"})
        for default in [*function.args.defaults, *function.args.kw_defaults]:
            if isinstance(default, (ast.List, ast.Dict, ast.Set)):
                findings.append({"file": name, "line": default.lineno, "rule": "kept-state", "message": f"{function.name} has a default that is shared between calls"})
    return findings


def caches(name, tree):
    """Caches without a bound, of functions that live as long as the module: each
    new argument stays in them. (One of a function within a call ends with it.)"""
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for statement in f.body for n in ast.walk(statement)}
    findings = []
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and id(n) not in inner):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs, function.args.vararg, function.args.kwarg]
        for decorator in function.decorator_list if any(arguments) else []:
            if unbounded(decorator):
                findings.append({"file": name, "line": decorator.lineno, "rule": "kept-state",
                                 "message": f"{function.name} keeps the result of every call: give the cache a bound, lru_cache(maxsize=...)"})
    return findings


def unbounded(decorator):
    """Whether a decorator is functools.cache or lru_cache(maxsize=None)."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    named = getattr(called, "attr", getattr(called, "id", ""))
    if named == "cache":
        return not isinstance(decorator, ast.Call)
    if named != "lru_cache" or not isinstance(decorator, ast.Call):
        return False
    size = next((k.value for k in decorator.keywords if k.arg == "maxsize"), decorator.args[0] if decorator.args else None)
    return isinstance(size, ast.Constant) and size.value is None


def class_state(name, tree):
    """Containers of a class that its methods change through self or the class:
    all objects share them."""
    findings = []
    for owner in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
        shared = {}
        for node in owner.body:
            value = getattr(node, "value", None)
            made = isinstance(value, (ast.List, ast.Dict, ast.Set)) or isinstance(value, ast.Call) and getattr(value.func, "id", getattr(value.func, "attr", "")) in CONTAINERS
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []) if made else []:
                if isinstance(target, ast.Name):
                    shared[target.id] = node.lineno
        own = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and getattr(n.value, "id", "") == "self"}
        for node in ast.walk(tree):
            holder = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATES:
                holder = node.func.value
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
                holder = node.value
            if isinstance(holder, ast.Attribute) and holder.attr in shared and holder.attr not in own and getattr(holder.value, "id", "") in {"self", "cls", owner.name}:
                findings.append({"file": name, "line": node.lineno, "rule": "kept-state", "message": f"{holder.attr} of {owner.name} is one for all calls, and is changed here"})
    return findings


CONTAINERS = set("list dict set deque defaultdict Counter OrderedDict".split())
