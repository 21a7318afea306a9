"""What of a tool only its own command line runs."""

import ast


def command_lines(tree, tool):
    """The lines of `if __name__ == "__main__":` and of the functions that
    nothing else in the file names. The function called tool is not of them:
    callers call it, so tests must."""
    guards = [n for n in tree.body if isinstance(n, ast.If) and "__name__" in ast.dump(n.test)]
    inside = {id(n) for guard in guards for n in ast.walk(guard)}
    ours = {n.id for guard in guards for n in ast.walk(guard) if isinstance(n, ast.Name)}
    alone = []
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name in ours - {tool}:
            own = {id(n) for n in ast.walk(function)}
            if not any(isinstance(n, ast.Name) and n.id == function.name and id(n) not in inside | own for n in ast.walk(tree)):
                alone.append(function)
    return {line for node in guards + alone for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
