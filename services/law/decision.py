"""What a decision is made of: what it may know, the refusal it may end in, and how far it is (ход решения).

Pure: time, identity, numbers and calendars come in through the context.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from contracts.event import Actor, Fact
from contracts.reference import Problem
from contracts.rules import Edition
from contracts.words import Language, Value, say
from services.law.calendar import Calendars

S = TypeVar("S")
G = TypeVar("G")


class Refusal(Exception):
    """A person's command that the law of the domain does not allow. Nothing changes; the person is told why.

    `rule` is the stable id of the rule, whose words stand in `contracts/words`, with its values; `status` is the HTTP
    status that fits it (409: not in this state; 403: not you; 422: the content is wrong, see `problems`). `parts` are
    the refusals of which this one is made.
    """

    def __init__(self, rule: str, /, *, status: int = 409, problems: Sequence[Problem] = (), **values: Value) -> None:
        super().__init__(rule)
        self.rule = rule
        self.status = status
        self.problems = tuple(problems)
        self.values = values
        self.parts: tuple[Refusal, ...] = ()

    @property
    def code(self) -> str:
        """The id of the rule."""
        return self.rule

    def said(self, language: Language) -> str:
        """The words in a language; those of every part."""
        if self.parts:
            return " ".join(dict.fromkeys(one.said(language) for one in self.parts))
        return say(self.rule, language, self.values)


@dataclass(frozen=True, slots=True)
class Context(Generic[G]):
    """What `decide` may know besides state and command: the time (UTC), the subject, who acts, what the service was
    given for this input (rules, a fresh number, a directory entry), and the calendars that terms are counted by.

    `arrived` is when an agency's event came to Lotsman, which may have been long before it is decided on; None where
    that is not known. Terms are counted from `now`."""

    now: datetime
    subject: str
    actor: Actor
    given: G
    calendars: Calendars
    arrived: datetime | None = None


def together(*checks: Callable[[], object]) -> None:
    """Makes every check, and raises one Refusal that names all that they refuse: nobody is told one fault at a time.

    Code and status are those of the first; what only one check refuses is raised as it is.
    """
    refused = list[Refusal]()
    for check in checks:
        try:
            check()
        except Refusal as refusal:
            refused.append(refusal)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        problems = [problem for one in refused for problem in one.problems or (_as_problem(one),)]
        joined = Refusal(refused[0].rule, status=refused[0].status, problems=problems)
        joined.parts = tuple(part for one in refused for part in one.parts or (one,))
        raise joined


def _as_problem(one: Refusal) -> Problem:
    en, ru, be = one.said("en"), one.said("ru"), one.said("be")
    return Problem(pointer="", rule=one.rule, message=en, message_ru=ru, message_be=be)


class Decision(Generic[S]):
    """Gathers the facts of a decision, each decided on the state as the ones before have left it."""

    def __init__(
        self, state: S | None, evolve: Callable[[S | None, Fact], S | None], edition: Edition, context: Context[Any]
    ) -> None:
        self._state = state
        self._evolve = evolve
        self.edition = edition
        self.now: datetime = context.now
        self.actor: Actor = context.actor
        self.calendars: Calendars = context.calendars
        self.facts: list[Fact] = []

    @property
    def state(self) -> S:
        """The state after the facts so far."""
        assert self._state is not None, "there is a state to decide on"
        return self._state

    @property
    def today(self) -> date:
        """The day of the decision in the zone of the edition."""
        return self.now.astimezone(ZoneInfo(self.edition.zone)).date()

    def then(self, *facts: Fact) -> None:
        """What follows next."""
        for fact in facts:
            self.facts.append(fact)
            self._state = self._evolve(self._state, fact)
