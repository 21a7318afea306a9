"""Calls a tool: imports DIR/tool.py and calls its function NAME, or runs
DIR/tool.sh.

usage: call.py DIR NAME < arguments.json
Prints the result as JSON. When the tool raises, prints {"error": {"type",
"message"}} and exits with 1, or with 2 for arguments that it does not take.
What the tool itself prints goes to stderr, so that it cannot pass for a result.
"""

import dataclasses
import importlib.util
import json
import os
import sys


def plain(value):
    """What JSON has no form for, as the nearest thing that it has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
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

    FOLDER/tool.sh is run with bash in the working directory. Each argument
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
        done = subprocess.run(["bash", script], input=json.dumps(arguments).encode(), capture_output=True, env=environment, check=False)
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
    spec = importlib.util.spec_from_file_location("tool", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tool"] = module
    # A sandbox that waits for calls has read and compiled it already.
    waiting = getattr(sys.modules.get("_lathe_compiled"), "code", {})
    if path in waiting:
        exec(waiting[path], module.__dict__)
    else:
        spec.loader.exec_module(module)
    return module


def answer(folder, name, arguments):
    """(what to print, exit status) of one call."""
    if not isinstance(arguments, dict):
        return {"error": {"type": "TypeError", "message": "the arguments must be a JSON object"}}, 2
    try:
        function = getattr(load(folder), name)
        try:
            inspect_call(function, arguments)
        except TypeError as error:
            return {"error": {"type": "TypeError", "message": str(error)}}, 2
        return json.loads(json.dumps(function(**arguments), default=plain, allow_nan=False)), 0
    except Exception as error:
        return {"error": {"type": type(error).__name__, "message": str(error)[:4000]}}, 1


def inspect_call(function, arguments):
    """Raise TypeError for arguments that the function does not take."""
    import inspect

    inspect.signature(function).bind(**arguments)


def main():
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        arguments = json.load(sys.stdin)
    except ValueError as error:
        printed, status = {"error": {"type": "ValueError", "message": f"the arguments are not JSON: {error}"}}, 2
    else:
        printed, status = answer(sys.argv[1], sys.argv[2], arguments)
    json.dump(printed, out)
    out.write("\n")
    out.flush()
    # Threads and handlers that the tool left behind have no say.
    os._exit(status)


if __name__ == "__main__":
    main()
