"""Orders tasks."""

import graphlib


def topological_order(*, dependencies: dict[str, list[str]]) -> list[str]:
    """Return the order; raises ValueError when there is a cycle."""
    try:
        return list(graphlib.TopologicalSorter(dependencies).static_order())
    except graphlib.CycleError as error:
        raise ValueError(f"there is a cycle: {error.args[1]}") from error
