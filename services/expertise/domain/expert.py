"""The directory of experts (база экспертов): where from, in what competent, how much at once, when away.

Names and contacts are not here: they are personal data and live in a collection of their own, where they can be
erased. What decisions on cases are given of the directory is `Given`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, assert_never

from pydantic import computed_field

from contracts.event import Fact
from contracts.expertise import DirectoryFact, ExpertEnteredV1, PersonErasedV1, Seat
from contracts.reference import Problem
from contracts.rules import Edition, RuleBook
from contracts.steps import ExpertEntry
from contracts.words import problem
from services.law.decision import Context, Refusal
from services.law.faults import organisation_faults, sector_faults
from services.law.parties import EXPERT, key_of
from services.law.years import need_years

KIND: Final = EXPERT
OWN: Final = frozenset({"absences", "capacity"})
"""What of an entry the expert may change who it is about: when away, and how much at once."""


class Expert(ExpertEntry):
    """An expert's entry as it stands. `version` counts its changes."""

    expert_id: str
    version: int = 1

    @computed_field  # type: ignore[prop-decorator]
    @property
    def organisations(self) -> tuple[str, ...]:
        """Whose part in an application would tie this person to it: by them the entry is found."""
        tying = (self.organisation, *self.affiliated, *self.interests)
        return tuple(dict.fromkeys(key_of(one) for one in tying))

    def absent(self, day: date) -> bool:
        """Whether the expert is away on a day."""
        return any(absence.since <= day <= absence.until for absence in self.absences)

    def seat(self) -> Seat:
        """What a case keeps of the entry."""
        return Seat.made_of(self, entry=self.version)


@dataclass(frozen=True, slots=True)
class Known:
    """An expert's entry, and the load (нагрузка): how many reviews wait for the expert's opinion."""

    entry: Expert
    load: int


@dataclass(frozen=True, slots=True)
class Given:
    """What expertise's decisions are given besides state and command: the rule book, and the experts they name."""

    rules: RuleBook
    experts: Mapping[str, Known] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnterExpert:
    """Enter an expert, or change the entry."""

    expert_id: str
    entry: ExpertEntry


@dataclass(frozen=True, slots=True)
class Retire:
    """The expert's personal data was erased: the entry stays, inactive."""


Command = EnterExpert | Retire


def subject_of(expert_id: str) -> str:
    """The subject of an expert's entry."""
    return f"{KIND}:{expert_id}"


def decide(state: Expert | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """An entry must fit its edition, in every part; all that does not is named at once. No fact if nothing changes."""
    match command:
        case EnterExpert():
            return _entered(state, command, context)
        case Retire():
            return _retired(state, context)
        case _:
            assert_never(command)


def _entered(state: Expert | None, command: EnterExpert, context: Context[Given]) -> Sequence[Fact]:
    _need_another_person(state, command, context.actor.id)
    rules, wanted = context.given.rules, command.entry.edition
    if wanted not in rules:
        raise Refusal("edition.unknown", status=422, edition=wanted, editions=sorted(rules))
    edition = rules.edition(wanted)
    need_years(command.entry, edition)
    if problems := _faults(command.entry, edition):
        raise Refusal("expert.invalid", status=422, problems=problems)
    absences = tuple(sorted(command.entry.absences, key=lambda one: one.since))
    fact = ExpertEnteredV1.made_of(command.entry, actor=context.actor, expert_id=command.expert_id, absences=absences)
    after = evolve(state, fact)
    same = state is not None and after == state.model_copy(update={"version": state.version + 1})
    return () if same else (fact,)


def _need_another_person(state: Expert | None, command: EnterExpert, acting: str) -> None:
    """Raises Refusal 403 for one who enters, in the own entry, more than absences and capacity: organisations,
    interests and competences say where one may judge (assumption)."""
    if command.expert_id != acting:
        return
    changed = [
        name
        for name in ExpertEntry.model_fields
        if name not in OWN and (state is None or getattr(state, name) != getattr(command.entry, name))
    ]
    if changed:
        raise Refusal("expert.own-entry", status=403, fields=changed)


def _faults(entry: ExpertEntry, edition: Edition) -> list[Problem]:
    found = list[Problem]()
    schemes = tuple(scheme.scheme for scheme in edition.schemes)
    named = [("/organisation", entry.organisation)]
    named += [(f"/affiliated/{n}", one) for n, one in enumerate(entry.affiliated)]
    named += [(f"/interests/{n}", one) for n, one in enumerate(entry.interests)]
    for pointer, organisation in named:
        found += organisation_faults(organisation, pointer, schemes, edition)
    for place, code in enumerate(entry.competences):
        found += sector_faults(code, f"/competences/{place}", edition)
    for place, absence in enumerate(entry.absences):
        if absence.until < absence.since:
            found.append(problem(f"/absences/{place}", "absence.dates"))
    return found


def _retired(state: Expert | None, context: Context[Given]) -> Sequence[Fact]:
    if state is None:
        raise Refusal("expert.unknown", status=404, experts=context.subject.removeprefix(f"{KIND}:"))
    return (ExpertEnteredV1.made_of(state, actor=context.actor, active=False),) if state.active else ()


def evolve(state: Expert | None, fact: Fact) -> Expert | None:
    """The entry is what the last fact says; what was erased never stood in it. An erasure is a fact of the person's own
    subject (`services/law/erasing.py`); an earlier program noted it here."""
    return _evolve(state, fact) if isinstance(fact, DirectoryFact) else state


def _evolve(state: Expert | None, fact: DirectoryFact) -> Expert | None:
    match fact:
        case ExpertEnteredV1():
            return Expert.made_of(fact, version=1 if state is None else state.version + 1)
        case PersonErasedV1():
            return state
        case _:
            assert_never(fact)
