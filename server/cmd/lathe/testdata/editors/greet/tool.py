"""Greet somebody by name."""
import json
import sys


def greet(name: str) -> str:
    """Return a greeting for name."""
    if not isinstance(name, str):
        raise TypeError("name must be a string")
    return f"Hello, {name}!"


def main() -> int:
    """Read arguments from stdin, print the result."""
    try:
        result = greet(**json.load(sys.stdin))
    except (TypeError, ValueError) as error:
        print(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
