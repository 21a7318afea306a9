"""Static rules for a tool: reads sources, executes nothing of them.

usage: rules.py syntax|imports|secrets|complexity|contract... < request.json
Prints {"syntax": [{"file", "line", "rule", "message"}], ...}.
"""

import ast
import io
import json
import os
import re
import sys
import tokenize

sys.dont_write_bytecode = True  # beside the sources of others
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from contract import contract
from credentials import secrets
from patterns import slow_patterns
from kept import kept_state
from reach import SQL_WRITES, Reach, literal
from statements import built_statements

ALWAYS = set(
    "ctypes cffi pickle cPickle marshal shelve dill importlib imp pkgutil zipimport runpy pty code codeop "
    "multiprocessing builtins gc inspect site sysconfig atexit faulthandler mmap resource signal trace "
    "webbrowser antigravity venv ensurepip distutils concurrent threading _thread "
    # Those that run a text as code, or look a name up in one.
    "timeit cProfile profile pdb bdb doctest pydoc test idlelib lib2to3 tkinter turtle turtledemo rlcompleter pipes modulefinder "
    # Those that reach the terminal, the interpreter's own files or the system.
    "curses readline tracemalloc fcntl termios tty syslog pstats py_compile compileall zipapp uu crypt spwd nis msvcrt winreg".split()
)
DENIED_PARTS = {
    "logging.config", "typing.get_type_hints", "typing.ForwardRef", "string.Formatter", "types.CodeType", "types.FunctionType", "types.LambdaType",
    "asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec", "asyncio.subprocess", "logging.currentframe", "sys.path", "sys.path_importer_cache",
}
# Attributes of frames and code: from any of them all names can be reached.
FRAMES = set("f_builtins f_globals f_locals f_back f_code tb_frame gi_frame gi_code cr_frame cr_code ag_frame ag_code co_code func_globals".split())
# Modules that must be imported by their own name: others hold them too
# (shutil.os), and a check by names would not see them there.
OWN_NAME = {"os", "posix", "sys", "subprocess", "shutil", "io", "operator"}
RUNS = {"subprocess." + n for n in ("run", "call", "check_call", "check_output", "Popen")}
CALLED_ONLY = RUNS | {"getattr", "hasattr", "open", "operator.attrgetter", "operator.methodcaller"}
NETWORK = set(
    "socket ssl http urllib ftplib smtplib poplib imaplib nntplib telnetlib xmlrpc socketserver asyncio asyncore "
    "asynchat wsgiref select selectors smtpd requests httpx aiohttp".split()
)
NETWORK_FINE = {"urllib.parse", "http.HTTPStatus"}
CALLS = set("eval exec compile __import__ globals locals vars input breakpoint setattr delattr memoryview".split())
OS_DENIED = set(
    "system popen fork forkpty kill killpg setuid setgid seteuid setegid chroot putenv unsetenv "
    "posix_spawn posix_spawnp startfile setsid nice _exit abort".split()
)
# Variables that every sandbox sets.
VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "LC_ALL", "PWD"}
DUNDER_FINE = {"__name__", "__file__", "__doc__", "__init__", "__enter__", "__exit__", "__iter__", "__len__", "__future__", "__main__",
               "__all__", "__version__", "__author__", "__slots__", "__match_args__"}
FORMAT_DUNDER = re.compile(r"\{[^{}]*\.__[a-z]")
MAX_COMPLEXITY, MAX_LINES, MAX_FUNCTION = 15, 1200, 120


class Rules(Reach, ast.NodeVisitor):
    """Denied imports and calls, by the permissions."""

    def __init__(self, name, permissions, is_test, packages=(), tool=""):
        self.tool, self.file, self.permissions, self.is_test, self.packages = tool, name, permissions, is_test, set(packages)
        self.aliases, self.findings = {}, []
        self.modules, self.placed = set(), set()  # names of modules; nodes that stand where they may
        self.xml = self.config = False

    def found(self, node, rule, message):
        self.findings.append({"file": self.file, "line": getattr(node, "lineno", 0), "rule": rule, "message": message})

    def names(self, tree):
        """What the imports bind, wherever they stand: a call may stand before
        its import."""
        for node in ast.walk(tree):
            for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []:
                if isinstance(node, ast.ImportFrom):
                    name, full = alias.asname or alias.name, f"{node.module}.{alias.name}"
                else:
                    name = alias.asname or alias.name.split(".")[0]
                    full = alias.name if alias.asname else name
                    self.modules.add(name)
                if full == "os.path":
                    self.modules.add(name)
                if self.aliases.setdefault(name, full) != full:
                    self.found(node, "rebound-import", f"{name} is {self.aliases[name]} and {full}: give each a name of its own")
                self.xml = self.xml or full.startswith("xml.")
                self.config = self.config or full.startswith("configparser")
        self.gather(tree)

    def check_module(self, node, module):
        top = module.split(".")[0]
        if top in ALWAYS or module in DENIED_PARTS:
            self.found(node, "denied-import", f"module {module} is never allowed")
        elif top.startswith("_") and top != "__future__":
            self.found(node, "denied-import", f"module {top} is the interpreter's own")
        elif top == "unittest" and not self.is_test:
            self.found(node, "denied-import", "module unittest is for tests")
        elif top in NETWORK and module not in NETWORK_FINE and not self.permissions.get("network"):
            self.found(node, "network-import", f"module {module} needs the network, which the manifest does not ask for")
        elif self.is_test and top in {"tool", "pytest", "hypothesis"}:
            pass
        elif top not in sys.stdlib_module_names and top not in self.packages:
            self.found(node, "unknown-import", f"module {top} is not in the standard library, and no declared dependency brings it")

    def visit_Import(self, node):
        for alias in node.names:
            self.check_module(node, alias.name)

    def visit_ImportFrom(self, node):
        if node.level:
            self.found(node, "relative-import", "relative imports are not allowed")
        self.check_module(node, node.module or "")
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if alias.name == "*":
                self.found(node, "star-import", "import names, not *")
            if full.split(".")[0] in NETWORK and full not in NETWORK_FINE and alias.name in {"request", "client", "server"}:
                self.check_module(node, full)
            if full in DENIED_PARTS:
                self.found(node, "denied-import", f"{full} is never allowed")
            self.check_name(node, full)
            self.check_inner(node, full)

    def full(self, node):
        """The dotted name of an expression with imports resolved, or ""."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.aliases.get(node.id, node.id))
        return ".".join(reversed(parts))

    def check_name(self, node, name):
        """A dotted name that may not even be mentioned."""
        module, _, last = name.rpartition(".")
        if module in {"os", "posix"} and (last in OS_DENIED or last.startswith(("exec", "spawn"))):
            self.found(node, "denied-call", f"{name} is never allowed")
        if self.is_test:
            return
        if name in {"subprocess.getoutput", "subprocess.getstatusoutput"}:
            self.found(node, "shell", f"{name} runs a shell")
        self.reach_name(node, name)

    def check_inner(self, node, name):
        """A module that is reached through another one."""
        parts = name.split(".")
        for i, part in enumerate(parts[1:], 1):
            inner = part.strip("_")
            if i == 1 and inner == parts[0] or inner not in ALWAYS | NETWORK | OWN_NAME:
                continue
            self.check_name(node, ".".join([inner, *parts[i + 1:]]))
            if not self.is_test:
                self.found(node, "hidden-import", f"{name} reaches module {inner} through another: import it by its name")
            return

    def check_place(self, node, name):
        """What may only be called where it is named: passed on under another
        name, no rule would see the call."""
        if id(node) in self.placed or self.is_test and name != "getattr":
            return
        if name in CALLED_ONLY:
            self.found(node, "denied-call", f"{name} may be called, not passed on under another name")
        elif isinstance(node, ast.Name) and node.id in self.modules:
            self.found(node, "module-value", f"module {node.id} may not be passed on as a value")

    def place(self, node):
        self.placed |= {id(n) for n in ast.walk(node)}

    def visit_AnnAssign(self, node):
        self.place(node.annotation)
        self.generic_visit(node)

    def visit_arg(self, node):
        if node.annotation:
            self.place(node.annotation)
        self.generic_visit(node)

    def visit_FunctionDef(self, node):
        if self.is_test and node.name.startswith("pytest_"):
            self.found(node, "test-hook", f"{node.name} would change how tests are run")
        if node.returns:
            self.place(node.returns)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_MatchClass(self, node):
        for name in node.kwd_attrs:
            if name.startswith("_"):
                self.found(node, "dunder", f"attribute {name} reaches into the interpreter")
        self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str) and FORMAT_DUNDER.search(node.value):
            self.found(node, "dunder", "a format that reaches into the interpreter")
        if isinstance(node.value, str) and SQL_WRITES.search(node.value) and not self.is_test:
            self.writes(node, "SQL that makes another database file")

    def visit_Name(self, node):
        if self.is_test and node.id == "pytest_plugins":
            self.found(node, "test-hook", "pytest_plugins would change how tests are run")
        self.check_place(node, self.aliases.get(node.id, node.id))
        if node.id in CALLS and not (self.is_test and node.id == "vars"):
            self.found(node, "denied-call", f"{node.id} is never allowed")
        if node.id.startswith("__") and node.id not in DUNDER_FINE:
            self.found(node, "dunder", f"{node.id} reaches into the interpreter")
        if node.id in self.aliases:
            self.check_name(node, self.aliases[node.id])

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) or node.attr in {"get", "pop"}:
            self.placed.add(id(node.value))
        if node.attr in {"__name__", "__qualname__"} and isinstance(node.value, ast.Attribute) and node.value.attr == "__class__":
            self.visit(node.value.value)  # the name of a class, and no way further
            return
        self.generic_visit(node)
        if node.attr.startswith("__") and node.attr not in DUNDER_FINE:
            self.found(node, "dunder", f"attribute {node.attr} reaches into the interpreter")
        name = self.full(node)
        if node.attr in FRAMES:
            self.found(node, "dunder", f"attribute {node.attr} reaches into the interpreter")
        if node.attr in {"eval", "exec", "__import__"} and isinstance(node.value, ast.Name) and node.value.id in self.aliases or name == "enum.bltns":
            self.found(node, "denied-call", f"{name} is never allowed")
        if not self.is_test:
            self.reach_attribute(node)
            if name == "os.environ" and id(node) not in self.placed:
                self.found(node, "environment", "takes all variables: name those that are needed")
        self.check_name(node, name)
        self.check_place(node, name)
        if name.split(".")[0] in {self.aliases[m].split(".")[0] for m in self.modules}:
            self.check_inner(node, name)
        if name in DENIED_PARTS and not (self.is_test and name == "sys.path"):
            self.found(node, "denied-call", f"{name} is never allowed")
        if name in {"sys.modules", "sys.meta_path", "sys.path_hooks", "sys.settrace", "sys.setprofile", "sys._getframe"}:
            self.found(node, "denied-call", f"{name} is never allowed")

    def check_variable(self, node, key):
        """A variable of the environment that is read."""
        given = {*(self.permissions.get("environment") or []), *(self.permissions.get("secrets") or []), *VARIABLES}
        if not self.is_test and not (literal(key) and key.value in given):
            what = key.value if literal(key) else "that is not named here"
            self.found(node, "environment", f"reads the variable {what}, which the manifest does not ask for")

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.BitOr):  # os.environ | {...} for a program
            self.placed |= {id(node.left), id(node.right)}
        self.generic_visit(node)

    def visit_Compare(self, node):
        self.placed |= {id(n) for n in node.comparators}
        self.generic_visit(node)

    def visit_keyword(self, node):
        if node.arg == "env":
            self.placed.add(id(node.value))
        self.generic_visit(node)

    def visit_Subscript(self, node):
        self.placed.add(id(node.value))
        self.generic_visit(node)
        if self.full(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
            self.check_variable(node, node.slice)

    def visit_Call(self, node):
        self.placed.add(id(node.func))
        self.generic_visit(node)
        name = self.full(node.func)
        if name in {"os.getenv", "os.getenvb", "os.environ.get", "os.environ.pop"} and node.args:
            self.check_variable(node, node.args[0])
        if name in {"operator.attrgetter", "operator.methodcaller"}:
            names = node.args if name.endswith("attrgetter") else node.args[:1]
            if not all(literal(a) and not re.search(r"(^|\.)_", str(a.value)) for a in names):
                self.found(node, "denied-call", f"{name} only with literal public names")
        if name in {"getattr", "hasattr"} and not (len(node.args) > 1 and literal(node.args[1]) and not str(node.args[1].value).startswith("_")):
            self.found(node, "denied-call", "getattr only with a literal public name")
        if name in {"getattr", "operator.attrgetter", "operator.methodcaller"} and not self.is_test:
            for named in (a.value for a in node.args if literal(a) and isinstance(a.value, str)):
                for part in named.split("."):
                    self.reach_attribute(ast.copy_location(ast.Attribute(value=ast.Constant(value=None), attr=part, ctx=ast.Load()), node))
                    if part in FRAMES | CALLS:
                        self.found(node, "dunder", f"attribute {part} reaches into the interpreter")
        if self.is_test:
            return
        self.reach_call(node, name)
        if name in RUNS:
            self.check_process(node)

    def check_process(self, node):
        for keyword in node.keywords:
            if keyword.arg is None:
                self.found(node, "shell", "subprocess with ** arguments hides what it runs")
            if keyword.arg == "shell" and not (literal(keyword.value) and keyword.value.value is False):
                self.found(node, "shell", "shell=True makes a value into a command")
            if keyword.arg in {"preexec_fn", "executable", "creationflags"}:
                self.found(node, "denied-call", f"subprocess with {keyword.arg} is never allowed")
        argv = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "args"), None)
        if isinstance(argv, (ast.Constant, ast.JoinedStr, ast.BinOp)):
            self.found(node, "shell", "give subprocess a list of arguments, not a text")
        if isinstance(argv, ast.Call) and isinstance(argv.func, ast.Attribute) and argv.func.attr in {"split", "rsplit", "splitlines"}:
            self.found(node, "shell", "give subprocess a list of arguments, not the words of a text")
        if self.chosen(argv):
            self.found(node, "dynamic-program", "which program is run is a caller's to say: name it")
        if isinstance(argv, ast.Tuple) or isinstance(argv, ast.List) and len(argv.elts) == 1:
            self.reach_program(argv, 0)

    def chosen(self, argv):
        """Whether the first word of a command is an argument of a function, or
        of a text that is split into words."""
        for _ in range(10):
            if isinstance(argv, ast.Name) and argv.id in self.bound:
                argv = self.bound[argv.id]
            elif isinstance(argv, ast.BinOp):
                argv = argv.left
            elif isinstance(argv, (ast.List, ast.Tuple)) and argv.elts:
                argv = argv.elts[0]
            elif isinstance(argv, ast.Starred):
                argv = argv.value
            else:
                break
        if isinstance(argv, ast.Call):
            splits = self.full(argv.func) == "shlex.split" or isinstance(argv.func, ast.Attribute) and argv.func.attr == "split"
            return splits and not (argv.args and literal(argv.args[0]) and self.full(argv.func) == "shlex.split" or literal(getattr(argv.func, "value", None)))
        return isinstance(argv, ast.Name) and argv.id in self.given

    def visit_List(self, node):
        self.generic_visit(node)
        if not self.is_test:
            self.reach_program(node, 1)


GUARDS = {"realpath", "resolve", "basename", "readlink"}
# These compare names. A link below the folder leads out of it all the same, so
# they hold only what was resolved, or where links are refused.
BY_NAME = {"is_relative_to", "relative_to", "commonpath", "normpath", "abspath", "absolute"}
LINKS = {"islink", "is_symlink", "O_NOFOLLOW", "follow_symlinks"}
OPENERS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "listdir", "scandir", "walk", "unlink", "remove", "rmtree"}


def filled(node):
    """Whether a text is a literal folder with something put in after it: by %
    or by format."""
    text = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        text = node.left
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = node.func.value
    return text is not None and literal(text) and isinstance(text.value, str) and re.match(r"[\w.-]*\w[\w./-]*/[\w.-]*[%{]", text.value) is not None


def traversal(name, tree):
    """Files opened under a folder joined with an argument that is not held in
    it: ".." or an absolute path leads out (CWE-22)."""
    findings = []
    for function in (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
        tainted = {a.arg for a in [*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs]}
        guarded = opens = by_name = links = False
        joins = []

        def reaches(node):
            return any(isinstance(n, ast.Name) and n.id in tainted for n in ast.walk(node))

        def based(node):
            """A literal folder, or a module's constant."""
            return any(literal(n) and isinstance(n.value, str) and len(n.value.strip("/.")) > 0 for n in ast.walk(node)) or any(
                isinstance(n, ast.Name) and (n.id.isupper() or n.id == "__file__") for n in ast.walk(node))

        rooted = {t.id for n in ast.walk(function) if isinstance(n, ast.Assign) and not reaches(n.value) and isinstance(n.value, (ast.Call, ast.Constant, ast.BinOp)) and based(n.value)
                  for t in n.targets if isinstance(t, ast.Name)}

        def below(node):
            return based(node) or any(isinstance(n, ast.Name) and n.id in rooted for n in ast.walk(node))

        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and reaches(node.value):
                tainted |= {t.id for t in node.targets if isinstance(t, ast.Name)}
            if isinstance(node, ast.Attribute) and (node.attr in GUARDS or node.attr in {"parts", "name"}):
                guarded = True
            if isinstance(node, ast.Name) and node.id in GUARDS or literal(node) and node.value == "..":
                guarded = True
            word = getattr(node, "attr", getattr(node, "id", getattr(node, "arg", ""))) if isinstance(node, (ast.Attribute, ast.Name, ast.keyword)) else ""
            by_name, links = by_name or word in BY_NAME, links or word in LINKS
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                opens = opens or called in OPENERS
                if called in {"join", "joinpath", "Path", "PurePath"} and len(node.args) > 1 and any(
                        below(a) and any(reaches(b) for b in node.args[i + 1:]) for i, a in enumerate(node.args)):
                    joins.append(node)
            if isinstance(node, ast.BinOp) and (isinstance(node.op, ast.Div) and below(node.left) or isinstance(node.op, ast.Add) and based(node.left)) and reaches(node.right):
                text = node.left
                while isinstance(text, ast.BinOp):
                    text = text.right
                if isinstance(node.op, ast.Div) or literal(text) and str(text.value).endswith("/") or isinstance(text, ast.Name):
                    joins.append(node)
            if filled(node) and reaches(node):
                joins.append(node)
            if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
                first = node.values[0]
                if (literal(first) and str(first.value).endswith("/") or isinstance(first, ast.FormattedValue) and based(first)) and reaches(node):
                    joins.append(node)
        if opens and joins and not guarded and by_name and links:
            continue
        if opens and joins and not guarded:
            findings.append({"file": name, "line": joins[0].lineno, "rule": "path-traversal",
                             "message": f"{function.name} opens what a caller names below a folder, and " + (
                                 "compares names only: a link leads out of it; resolve it first" if by_name else "does not hold it there: refuse what resolves outside")})
    return findings


def comments(name, source):
    """Comments that switch off the other gates."""
    findings = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.lower().replace(" ", "")
        if token.type == tokenize.COMMENT and any(mark in text for mark in ("nosec", "pylint:", "type:ignore", "mypy:", "coding:", "coding=")):
            findings.append({"file": name, "line": token.start[0], "rule": "silenced", "message": "a comment that switches off a check"})
    return findings


def complexity(name, tree, source):
    """McCabe's number (1976), length of functions and of the file."""
    findings = []

    def found(node, rule, message):
        findings.append({"file": name, "line": getattr(node, "lineno", 0), "rule": rule, "message": message})

    if source.count("\n") > MAX_LINES:
        found(tree, "long-file", f"more than {MAX_LINES} lines")
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        branches = 1
        for inner in ast.walk(node):
            branches += isinstance(inner, (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension, ast.Assert))
            branches += len(inner.values) - 1 if isinstance(inner, ast.BoolOp) else 0
        if branches > MAX_COMPLEXITY:
            found(node, "complex", f"{node.name} has complexity {branches}, at most {MAX_COMPLEXITY}")
        if (node.end_lineno or 0) - node.lineno > MAX_FUNCTION:
            found(node, "long-function", f"{node.name} has more than {MAX_FUNCTION} lines")
    return findings


def judge(which, request):
    """What one set of rules finds."""
    findings, trees = [], {}
    files = request.get("files") or ["tool.py", "test_tool.py"]
    for name in files:
        try:
            with open("tool/" + name, encoding="utf-8") as file:
                source = file.read()
            tree = trees[name] = ast.parse(source, name)
            compile(source, name, "exec", dont_inherit=True)
            if which == "imports":
                rules = Rules(name, request["permissions"], name == "test_tool.py", request.get("modules") or [], request["name"])
                rules.names(tree)
                rules.visit(tree)
                findings += rules.findings + comments(name, source)
            elif which == "secrets":
                findings += secrets(name, tree)
                if name == "tool.py":
                    findings += kept_state(name, tree) + traversal(name, tree) + built_statements(name, tree)
            elif which == "complexity":
                findings += complexity(name, tree, source)
                if name == "tool.py":
                    rules = Rules(name, request["permissions"], False)
                    rules.names(tree)
                    findings += slow_patterns(name, tree, rules.full)
        except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
            findings.append({"file": name, "line": getattr(error, "lineno", 0) or 0, "rule": "syntax", "message": f"{type(error).__name__}: {error}"})
    if which == "imports":
        for module in sorted(set(request.get("modules") or []) & {*sys.stdlib_module_names, "pytest", "hypothesis", "coverage", "_pytest", "pluggy", "call"}):
            findings.append({"file": "tool.json", "line": 0, "rule": "shadowed-module", "message": f"a dependency brings a module {module}, which is there already"})
    if which == "contract" and len(trees) == len(files):
        findings += contract(request, trees)
    return findings


def main():
    request = json.load(sys.stdin)
    json.dump({which: judge(which, request) for which in sys.argv[1:]}, sys.stdout)


main()
