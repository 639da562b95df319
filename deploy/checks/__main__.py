"""One check by its name: `python -m deploy.checks words`. Says what it finds; the exit code tells whether it did."""

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(name: str) -> int:
    """Runs one check on the project."""
    found: list[str] = import_module(f"deploy.checks.{name}").findings(ROOT)
    for one in found:
        print(one)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
