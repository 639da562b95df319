"""Which database each service works on: the one it began with, until a rebuild puts another in its place."""

import json
from pathlib import Path

from deploy.local.home import write_private

FILE = "databases.json"


def first(service: str) -> str:
    """The database a service begins with."""
    return f"lotsman_{service}"


def current(folder: Path, service: str) -> str:
    """The database a service works on now."""
    return str(_read(folder).get(service, first(service)))


def switch(folder: Path, service: str, name: str) -> None:
    """Lets a service work on another database from its next start on."""
    write_private(folder / FILE, json.dumps({**_read(folder), service: name}, indent=1) + "\n")


def _read(folder: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    return found
