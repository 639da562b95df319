"""Teams of operators (группы операторов): their members, and the sectors whose unclaimed cases they look after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.event import Contract, Fact
from contracts.expertise import TeamEnteredV1
from contracts.reference import Code
from services.expertise.domain.expert import Given
from services.law.decision import Context

KIND = "team"


class Team(Contract):
    """A team as it stands."""

    code: str
    name: str
    members: tuple[str, ...]
    sectors: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class EnterTeam:
    """Enter a team, or change its entry."""

    code: str
    name: str
    members: tuple[str, ...]
    sectors: tuple[str, ...]


def subject_of(code: str) -> str:
    """The subject of a team's entry."""
    return f"{KIND}:{code}"


def decide(state: Team | None, command: EnterTeam, context: Context[Given]) -> Sequence[Fact]:
    """The entry as it is asked for; no fact if nothing changes."""
    match command:
        case EnterTeam(code, name, members, sectors):
            wanted = Team(
                code=code,
                name=name,
                members=tuple(sorted(set(members))),
                sectors=tuple(sorted(set(sectors))),
            )
            return () if state == wanted else (TeamEnteredV1(actor=context.actor, **wanted.model_dump()),)
        case _:
            assert_never(command)


def evolve(state: Team | None, fact: Fact) -> Team | None:
    """The entry is what the last fact says."""
    match fact:
        case TeamEnteredV1():
            return Team(code=fact.code, name=fact.name, members=fact.members, sectors=fact.sectors)
        case _:
            return state
