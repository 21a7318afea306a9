"""Calls a tool: imports DIR/tool.py and calls its function NAME, or runs
DIR/tool.sh.

usage: call.py DIR NAME < arguments.json
Prints the result as JSON. When the tool raises, prints {"error": {"type",
"message"}} and exits with 1, or with 2 for arguments that it does not take.
What the tool itself prints goes to stderr, so that it cannot pass for a result.

An interpreter that waits for calls forks for each, and what it has imported is
a part of every call's time. So this imports little, and what only some calls
need where they need it.
"""

import json
import os
import sys


def plain(value):
    """What JSON has no form for, as the nearest thing that it has."""
    if hasattr(type(value), "__dataclass_fields__"):
        import dataclasses

        return dataclasses.asdict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"the result holds a {type(value).__name__}, which JSON cannot")


class ToolError(Exception):
    """A shell tool ended with a status above 0; the text is what it wrote to
    standard error."""


# A variable of the environment has at most 128 KiB on Linux.
LONGEST = 120_000


def shell(folder, name):
    """The function of a shell tool.

    FOLDER/tool.sh is run with bash in the working directory, or with sh where
    its first line says so. Each argument
    that was given is the variable ARG_ and its name in capitals: texts as they
    are, numbers, true and false as JSON writes them, lists and objects as JSON.
    All of them are one JSON object on standard input. What it prints is the
    result: a text, without the last end of line, where the manifest's returns
    says type string, and else JSON. A status above 0 is an error, and what it
    wrote to standard error is the message.
    """
    import inspect
    import subprocess

    with open(os.path.join(folder, "tool.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    schema, returns = manifest["parameters"], manifest["returns"]
    text = isinstance(returns, dict) and returns.get("type") == "string"
    required = schema.get("required", [])
    signature = inspect.Signature([
        inspect.Parameter(p, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if p in required else None)
        for p in schema.get("properties", {})
    ])
    script = os.path.abspath(os.path.join(folder, "tool.sh"))
    with open(script, "rb") as file:
        posix = file.readline(200).replace(b"/", b" ").split()[-1:] == [b"sh"]
    # Only bash can say which lines it runs (trace.sh).
    interpreter = "sh" if posix and "LATHE_TRACE" not in os.environ else "bash"

    def function(**arguments):
        signature.bind(**arguments)
        # bash complains of a locale that is not there.
        environment = os.environ | {"LC_ALL": "C.UTF-8" if os.path.exists("/usr/lib/locale/C.utf8") else "C"}
        for key, value in arguments.items():
            if value is None:
                continue
            given = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if "\0" in given or len(given.encode("utf-8", "replace")) > LONGEST:
                raise ValueError(f"{key} must have at most {LONGEST} bytes and no zero byte")
            environment["ARG_" + key.upper()] = given
        done = subprocess.run([interpreter, script], input=json.dumps(arguments).encode(), capture_output=True, env=environment, check=False)
        said = done.stderr.decode("utf-8", "replace").strip()[-4000:]
        if done.returncode in (126, 127):
            raise NameError(f"a program is missing: {said}")
        if done.returncode:
            raise ToolError(said or f"it ended with {done.returncode}")
        printed = done.stdout.decode("utf-8", "replace")
        if text:
            return printed[:-1] if printed.endswith("\n") else printed
        try:
            return json.loads(printed)
        except ValueError as error:
            raise TypeError(f"it printed no JSON: {printed[:200]!r}") from error

    function.__signature__, function.__name__ = signature, name
    return function


def load(folder):
    """Import the tool."""
    if os.path.exists(os.path.join(folder, "tool.sh")):
        import types

        name = json.load(open(os.path.join(folder, "tool.json"), encoding="utf-8"))["name"]
        return types.SimpleNamespace(**{name: shell(folder, name)})
    packages = os.path.abspath(os.path.join(folder, "deps"))
    if os.path.isdir(packages) and packages not in sys.path:
        sys.path.append(packages)
    path = os.path.join(folder, "tool.py")
    # A sandbox that waits for calls has read and compiled it already.
    code = getattr(sys.modules.get("_lathe_compiled"), "code", {}).get(path)
    if code is None:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
    module = type(sys)("tool")
    module.__file__ = path
    sys.modules["tool"] = module
    exec(code, module.__dict__)
    return module


def answer(folder, name, arguments):
    """(the JSON to print, exit status) of one call."""
    if not isinstance(arguments, dict):
        return failure("TypeError", "the arguments must be a JSON object"), 2
    try:
        function = getattr(load(folder), name)
        try:
            bind(function, arguments)
        except TypeError as error:
            return failure("TypeError", error), 2
        return json.dumps(function(**arguments), default=plain, allow_nan=False), 0
    except Exception as error:
        return failure(type(error).__name__, error), 1


def failure(kind, message):
    """The JSON that says why there is no result."""
    return json.dumps({"error": {"type": kind, "message": str(message)[:4000]}})


def bind(function, arguments):
    """Raise TypeError for arguments that the function does not take."""
    code = getattr(function, "__code__", None)
    if type(function) is not type(bind) or code.co_posonlyargcount or code.co_flags & 12 or {"__wrapped__", "__signature__"} & function.__dict__.keys():
        import inspect

        inspect.signature(function).bind(**arguments)
        return
    # The same for a plain function without *args and **kwargs (flags 4 and 8).
    count = code.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    for key in arguments:
        if key not in names:
            raise TypeError(f"got an unexpected keyword argument {key!r}")
    given = {*arguments, *(function.__kwdefaults__ or ()), *names[count - len(function.__defaults__ or ()) : count]}
    for name in names:
        if name not in given:
            raise TypeError(f"missing a required argument: {name!r}")


def run(text, folder, name):
    """(the JSON to print, exit status) of one call whose arguments are text."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError) as error:
        return failure("ValueError", f"the arguments are not JSON: {error}"), 2
    return answer(folder, name, arguments)


def main():
    out = os.dup(1)
    os.dup2(2, 1)
    printed, status = run(sys.stdin.buffer.read(), sys.argv[1], sys.argv[2])
    left = printed.encode() + b"\n"
    while left:
        left = left[os.write(out, left) :]
    # Threads and handlers that the tool left behind have no say.
    os._exit(status)


if __name__ == "__main__":
    main()
