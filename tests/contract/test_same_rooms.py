"""The rooms of the three services: the same files stand under the same names, so that who knows one finds the rest."""

from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
EACH = (
    "__main__.py",
    "service.py",
    "handlers.py",
    "queries.py",
    "api/__init__.py",
    "domain/commands.py",
    "domain/decide.py",
    "domain/evolve.py",
    "domain/state.py",
    "domain/terms.py",
)


@pytest.mark.parametrize("service", ["intake", "expertise", "registry"])
def test_a_service_has_the_files_that_every_service_has(service: str) -> None:
    assert [name for name in EACH if not (SERVICES / service / name).is_file()] == []


def test_what_only_intake_fills_stands_at_its_own_door() -> None:
    assert [one.parent.name for one in sorted(SERVICES.glob("*/door.py"))] == ["intake"]
