"""Roman numerals."""

NUMERALS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)


def roman_numeral(*, number: int) -> str:
    """Return the numeral of a number from 1 to 3999; raises ValueError for others."""
    if not 1 <= number <= 3999:
        raise ValueError("only 1 to 3999 can be written")
    letters = []
    for value, numeral in NUMERALS:
        letters.append(numeral * (number // value))
        number %= value
    return "".join(letters)
