"""Passwords and keys in a source. (Bandit's own rules for them see no string in
Python from 3.8 on before its version 1.7.) Executes nothing."""

import ast
import base64
import math
import re

NAME = re.compile(r"(?i)(password|passwd|passphrase|passcode|pwd$|secret|api_?key|auth_?token|access_?token|private_?key|credential)")
# A name that often holds something else as well: its value must look random.
PERHAPS = re.compile(r"(?i)(token|key|auth|signature|salt|cookie|session)")
# What services give out, each with its own beginning or form.
TEXT = re.compile(
    r"A[KS]IA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22,}|glpat-[0-9A-Za-z_-]{20}|xox[abeprs]-[0-9A-Za-z-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|sk-[0-9A-Za-z_-]{32,}|[srp]k_live_[0-9A-Za-z]{16,}|AIza[0-9A-Za-z_-]{35}|npm_[0-9A-Za-z]{36}|pypi-AgE[0-9A-Za-z_-]{20,}"
    r"|hf_[0-9A-Za-z]{30,}|SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|dop_v1_[0-9a-f]{64}|AccountKey=[0-9A-Za-z+/=]{40,}"
    r"|eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}|hooks\.slack\.com/services/T[0-9A-Z]{6,}/B[0-9A-Z]{6,}/[0-9A-Za-z]{16,}"
    r"|\b(?:Bearer|Basic) (?=[^ ]*[0-9])[0-9A-Za-z+/_.=-]{20,}")
ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@{}<>%$*]+:([^/\s:@{}<>%$*]+)@([^/\s:@]+)")
PLACEHOLDER = re.compile(r"(?i)example|placeholder|redact|mask|change_?me|dummy|sample|your[_-]|^[x*.#<>\[\]{}_-]*$|^(user|pass|password|passwd|pwd|secret|token|api_?key|none|null|required|hidden|string|str)$")
EXPRESSION = re.compile(r"\\|\[\^|\(\?|\.[*+]|\]\+|\s")  # regular expressions, sentences


def text_of(node, names=None):
    """The text of an expression of literals, and of names that stand for one,
    or ""."""
    if isinstance(node, ast.Name):
        return (names or {}).get(node.id, "")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left, names), text_of(node.right, names)
        return left + right if left and right else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(v.value if isinstance(v, ast.FormattedValue) else v, names) for v in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inner = node.func.value
        if node.func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)):
            return text_of(inner, names).join(text_of(e, names) for e in node.args[0].elts)
        if node.func.attr in {"encode", "decode", "strip"}:
            return text_of(inner, names)
        if node.func.attr in {"b64decode", "urlsafe_b64decode"} and node.args:
            return decoded(text_of(node.args[0], names))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and isinstance(node.slice.step, ast.UnaryOp):
        return text_of(node.value, names)[::-1]
    return ""


def decoded(text):
    """The text that a base64 text stands for, or ""."""
    if not re.fullmatch(r"[0-9A-Za-z+/_-]{12,}={0,2}", text):
        return ""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if "-" in text or "_" in text else None)
        return plain.decode("ascii")
    except ValueError:
        return ""


def random_looking(text):
    """Long, of digits and letters without spaces, and with many different ones
    (Shannon's entropy above 3.3 bits a character)."""
    if not re.fullmatch(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[0-9A-Za-z+/_=.-]{16,}", text):
        return False
    share = [text.count(c) / len(text) for c in set(text)]
    return -sum(p * math.log2(p) for p in share) > 3.3


def kind_of(letter):
    return "d" if letter.isdigit() else "u" if letter.isupper() else "l" if letter.islower() else "-"


def key_like(text):
    """Whether a text looks like a key whatever it is called: 32 or more capitals,
    small letters and digits that change places all the time, as they do in no
    alphabet, and without words. Digests, which have no capitals, are none."""
    if not re.fullmatch(r"[0-9A-Za-z+/_-]{32,200}={0,2}", text) or re.search("[a-z]{7}", text) or not random_looking(text):
        return False
    kinds = [kind_of(c) for c in text.rstrip("=")]
    changes = sum(a != b for a, b in zip(kinds, kinds[1:]))
    return {"d", "u", "l"} <= set(kinds) and changes >= 0.4 * len(kinds)


def constants(tree):
    """The texts that names of a module stand for, where they are bound once."""
    names, bound = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = bound.get(node.id, 0) + 1
    for node in tree.body:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) and node.value is not None else []:
            if isinstance(target, ast.Name) and bound.get(target.id) == 1:
                names[target.id] = text_of(node.value, names)
    return names


def secrets(name, tree):
    """Findings of one file. In a test only what a service gave out counts:
    made-up passwords are what tests are made of."""
    findings, seen, is_test, names = [], set(), name == "test_tool.py", constants(tree)

    def known(text):
        """A key by its form, or an address with a password in it."""
        match = TEXT.search(text)
        if match and not re.search(r"(?i)example|x{6}|0{8}|1234567", match.group()):
            return True
        at = ADDRESS.search(text)
        return bool(at) and not is_test and not PLACEHOLDER.search(at[1]) and not at[2].lower().startswith("example.")

    def look(target, value):
        text = text_of(value, names)
        if not text or value.lineno in seen:
            return
        named = len(text) >= 4 and not PLACEHOLDER.search(text) and not EXPRESSION.search(text) and not is_test and (
            NAME.search(target) and text.casefold() not in target.casefold() or PERHAPS.search(target) and random_looking(text))
        if named or known(text) or known(decoded(text)) or not is_test and key_like(text):
            seen.add(value.lineno)
            findings.append({"file": name, "line": value.lineno, "rule": "secret", "message": f"a secret in the source ({target or 'text'})"})

    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                look(target.slice.value if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str)
                     else getattr(target, "id", getattr(target, "attr", "")), node.value)
        elif isinstance(node, ast.keyword):
            look(node.arg or "", node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                look(text_of(key) if key is not None else "", value)
        elif isinstance(node, ast.arguments):
            pairs = [*zip(reversed([*node.posonlyargs, *node.args]), reversed(node.defaults)), *zip(node.kwonlyargs, node.kw_defaults)]
            for argument, value in pairs:
                if value is not None:
                    look(argument.arg, value)
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
            look(getattr(node.left, "id", getattr(node.left, "attr", "")), node.comparators[0])
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call)):
            look("", node)
    return findings
