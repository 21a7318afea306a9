"""Calls a tool: imports DIR/tool.py and calls its function NAME.

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


def load(folder):
    """Import the tool."""
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
