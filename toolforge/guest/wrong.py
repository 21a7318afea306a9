"""A tool that gives wrong results of the right kind, for the mutation check:
whether its tests look at what it gives, or only at its type, its length, or
that there is something. Executes nothing.
"""

import os

# Appended to a tool's source. Every number is another one, every text has
# another letter, in lists and objects too; what has no value in it stays as it
# is. That something was changed is noted beside the tool.
SOURCE = '''

def _wrong_result(value):
    import dataclasses

    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        place = next((i for i, c in enumerate(value) if c.isalnum()), 0)
        letter = value[place : place + 1]
        return value[:place] + ("8" if letter == "7" else "7" if letter.isdigit() else "y" if letter == "x" else "x") + value[place + 1 :] if value else value
    if isinstance(value, (list, tuple)):
        parts = [_wrong_result(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: _wrong_result(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **{f.name: _wrong_result(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init})
    return value


def _wrong_tool(right):
    import functools

    @functools.wraps(right)
    def call(*args, **kwargs):
        result = right(*args, **kwargs)
        try:
            wrong = _wrong_result(result)
            changed = wrong != result
        except Exception:
            return result
        if changed:
            with open(%(mark)r, "w", encoding="utf-8"):
                pass
        return wrong

    return call


%(name)s = _wrong_tool(%(name)s)
'''


def wrong(folder, name):
    """What is appended to the source of the tool in a folder."""
    return SOURCE % {"name": name, "mark": os.path.join(folder, "wrong")}


def judged(folder, lives):
    """How the tests took it: noticed, survived, or unchanged where no call of
    theirs gave anything that could be wrong."""
    if not os.path.exists(os.path.join(folder, "wrong")):
        return "unchanged"
    return "survived" if lives else "noticed"
