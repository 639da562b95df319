"""Teams of operators (группы операторов): their members, and the sectors whose unclaimed cases they look after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.event import Fact
from contracts.expertise import TeamEnteredV1
from contracts.steps import TeamEntry
from services.expertise.domain.expert import Given
from services.law.decision import Context

KIND = "team"


class Team(TeamEntry):
    """A team as it stands."""

    code: str


@dataclass(frozen=True, slots=True)
class EnterTeam:
    """Enter a team, or change its entry."""

    code: str
    entry: TeamEntry


def subject_of(code: str) -> str:
    """The subject of a team's entry."""
    return f"{KIND}:{code}"


def decide(state: Team | None, command: EnterTeam, context: Context[Given]) -> Sequence[Fact]:
    """The entry as it is asked for; no fact if nothing changes."""
    match command:
        case EnterTeam(code, entry):
            members, sectors = tuple(sorted(set(entry.members))), tuple(sorted(set(entry.sectors)))
            wanted = Team(code=code, name=entry.name, members=members, sectors=sectors)
            return () if state == wanted else (TeamEnteredV1.made_of(wanted, actor=context.actor),)
        case _:
            assert_never(command)


def evolve(state: Team | None, fact: Fact) -> Team | None:
    """The entry is what the last fact says; there is one fact of it."""
    return Team.made_of(fact) if isinstance(fact, TeamEnteredV1) else state
