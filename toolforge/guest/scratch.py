"""Files that lie in the sandbox's own /tmp: what tempfile made, and what is
joined to it from literals. They are nobody's files, so no permission is asked
for them. Executes nothing."""

import ast

MAKES = {"tempfile." + n for n in "NamedTemporaryFile mkstemp mkdtemp TemporaryDirectory TemporaryFile SpooledTemporaryFile".split()}
PATHS = {"pathlib.Path", "pathlib.PosixPath", "os.path.join", "str", "os.fspath"}
CALLS = PATHS | {"os." + n for n in "unlink remove rmdir mkdir makedirs listdir walk scandir stat chmod close".split()} | {"shutil.rmtree", "open", "io.open"} | {
    "os.path." + n for n in "exists isfile isdir getsize".split()}
STAY = set("joinpath with_suffix absolute resolve".split())


class Scratch:
    """The expressions of a source that stand for such files."""

    def __init__(self, tree, full):
        self.full, self.names, self.fine = full, set(), set()
        stored = {}  # name: what it is ever bound to
        for node in ast.walk(tree):
            for target, value in bindings(node):
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        stored.setdefault(name.id, []).append((target, value))
        arguments = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        others = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                others[node.id] = others.get(node.id, 0) + 1
        while True:
            more = {name for name, bound in stored.items() if name not in self.names | arguments and others.get(name) == len(bound)
                    and all(self.is_scratch(value) and (isinstance(target, ast.Name) or self.made(value, "tempfile.mkstemp")) for target, value in bound)}
            if not more:
                break
            self.names |= more
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and self.full(node.func) in CALLS and self.is_scratch(node.args[0]):
                self.fine.add(id(node.func))
            if self.names and isinstance(node, ast.ImportFrom) and node.module == "pathlib":
                self.fine.add(id(node))

    def made(self, node, name):
        return isinstance(node, ast.Call) and self.full(node.func) == name

    def is_scratch(self, node):
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return node.attr in {"name", "parent"} and isinstance(node.value, ast.Name) and node.value.id in self.names
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.is_scratch(node.left) and plain_part(node.right)
        if not isinstance(node, ast.Call):
            return False
        name = self.full(node.func)
        if name in MAKES:
            return not any(k.arg in {"dir", None} for k in node.keywords)
        if name in PATHS | {"open", "io.open"} and node.args:
            return self.is_scratch(node.args[0]) and (name in {"open", "io.open"} or all(plain_part(a) for a in node.args[1:]))
        return isinstance(node.func, ast.Attribute) and node.func.attr in STAY | {"open"} and self.is_scratch(node.func.value) and (
            node.func.attr == "open" or all(plain_part(a) for a in node.args))


def bindings(node):
    """(target, value) of what a node binds."""
    if isinstance(node, ast.Assign):
        out = []
        for target in node.targets:
            both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts)
            out += zip(target.elts, node.value.elts) if both else [(target, node.value)]
        return out
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        return [(node.target, node.value)]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def plain_part(node):
    """A literal name that leads nowhere else."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and ".." not in node.value and not node.value.startswith("/")
