"""Regular expressions that take exponential time on some texts (CWE-1333):
a repetition without an end of something that is itself such a repetition and
needs nothing else, as in (a+)+ and (a+ ?)*. Executes nothing."""

import ast
import re
import warnings

COMPILES = {"re." + n for n in "compile match search fullmatch findall finditer sub subn split".split()}

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants
    import sre_parse

REPEATS = {getattr(sre_constants, n) for n in ("MAX_REPEAT", "MIN_REPEAT")}
LOOSE = 100  # repeats that often are as bad as those without an end


def inner(items):
    """The parts of a sub-pattern, with groups opened."""
    for op, value in items:
        if op is sre_constants.SUBPATTERN:
            yield from inner(value[-1]) if len(value[-1]) else ()
        else:
            yield op, value


def endless(op, value):
    return op in REPEATS and value[1] >= LOOSE


def explodes(items):
    """Whether a parsed pattern holds such a repetition."""
    for op, value in items:
        if endless(op, value):
            body = list(inner(value[2]))
            loops = [part for part in body if endless(*part)]
            needed = [part for part in body if not endless(*part) and not (part[0] in REPEATS and part[1][0] == 0)]
            # Of two loops that must both match, one sets the other apart, as the
            # blanks do in (\s+\w+)*.
            apart = {str(part[1][2]) for part in loops if part[1][0] > 0}
            if loops and not needed and len(apart) < 2:
                return True
        if op in REPEATS and explodes(value[2]) or op is sre_constants.SUBPATTERN and explodes(value[-1]):
            return True
        if op is sre_constants.BRANCH and any(explodes(branch) for branch in value[1]):
            return True
    return False


def slow_patterns(name, tree, full):
    """Findings of one file: literals that are given to re."""
    findings = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and full(node.func) in COMPILES and node.args and isinstance(node.args[0], ast.Constant)):
            continue
        try:
            parsed = sre_parse.parse(node.args[0].value)
        except (re.error, TypeError, RecursionError, OverflowError):
            continue
        if explodes(parsed):
            findings.append({"file": name, "line": node.lineno, "rule": "slow-pattern",
                             "message": f"a regular expression that can take for ever: {str(node.args[0].value)[:80]!r} repeats a repetition"})
    return findings
