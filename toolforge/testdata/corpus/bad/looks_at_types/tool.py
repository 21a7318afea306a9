"""Kind of triangle."""


def looks_at_types(a: int, b: int, c: int) -> str:
    """Return equilateral, isosceles or scalene.

    Raises ValueError when there is no such triangle.
    """
    short, middle, long = sorted((a, b, c))
    if short <= 0 or short + middle <= long:
        raise ValueError("no triangle")
    if short == long:
        return "equilateral"
    if middle in (short, long):
        return "isosceles"
    return "scalene"
