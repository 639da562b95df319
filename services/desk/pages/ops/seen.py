"""What all pages of the ops view have in common: that they are there for ops alone, what the services tell of
themselves just now, and ages in words.

A service that says nothing leaves its places empty and is in nobody's way: who watches needs the others' answers then
above all.
"""

import asyncio
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import httpx
from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from contracts.reference import Role
from contracts.topics import SERVICES
from contracts.words import Language
from services.chassis.figures import Answers, samples_of
from services.desk import forms
from services.desk.clients import Away, Refused
from services.desk.visit import Posted, Visit, posting, visiting
from services.desk.words import Words

WITHIN: Final = 3.0
"""Seconds for which one answer is waited for: the page is made anew every two (assumption)."""
AGES: Final = ((2 * 86_400, 86_400, "d"), (2 * 3600, 3600, "h"), (120, 60, "min"))
"""From how many seconds on an age is told in which unit."""
EXACT_BELOW: Final = 10
"""Seconds below which tenths are told."""
WANTED: Final = ("lotsman_", "process_start_time_seconds")
"""How the metrics begin that the pages tell; the others are not read, for reading takes longer than asking."""
UNKNOWN: Final = "–"
COUNTED: Final = "lotsman_watched_seconds"
"""The metric that says how old the others are that are counted when they are asked for."""
OLD: Final = 15.0
"""Seconds beyond which it is said that a service's figures are old: three times as often they are counted anew."""


async def as_ops(request: Request, language: Language) -> Visit:
    """The dependency of every page here: for who has not the role there is none. Raises 404, and like `visiting`."""
    return _need_ops(await visiting(request, language))


async def posted_as_ops(request: Request, language: Language) -> Posted:
    """The same of every form."""
    posted = await posting(request, language)
    _need_ops(posted.visit)
    return posted


def _need_ops(visit: Visit) -> Visit:
    if not visit.may(Role.OPS):
        raise HTTPException(404)
    return visit


OpsVisit = Annotated[Visit, Depends(as_ops)]
OpsPosted = Annotated[Posted, Depends(posted_as_ops)]


def need_service(service: str) -> str:
    """The name of one of the services. Raises 404 for any other."""
    if service not in SERVICES:
        raise HTTPException(404)
    return service


@dataclass(frozen=True, slots=True)
class Told:
    """What a service told of itself just now. `since`: since when it has answered nothing, where it does not."""

    service: str
    figures: Answers
    answers: Mapping[str, Any] = field(default_factory=dict)
    """By their paths, what else was asked for and told."""
    since: datetime | None = None
    why: Mapping[str, str] = field(default_factory=dict)
    """By their paths, why what was asked for was not told, where the service says it."""

    @property
    def state(self) -> str:
        """As a word of `ops-state`."""
        return "away" if self.since else str(self.figures.ready.get("status", "unknown")).replace(" ", "-")

    @property
    def faults(self) -> Mapping[str, str]:
        """The checks of its readiness that do not hold, each with what it found."""
        return {name: str(why) for name, why in self.figures.ready.get("checks", {}).items() if why != "ok"}

    @property
    def version(self) -> str:
        """Which program it is."""
        return self.figures.label("lotsman_build_info", "version") or UNKNOWN

    def figure(self, name: str, **labels: str) -> float | None:
        """The sum of a metric; None where it is not told."""
        return self.figures.sum(name, **labels) if name in self.figures.samples else None

    @property
    def counted(self) -> float | None:
        """How many seconds old its figures are, where that is longer than usual: it could not count them anew."""
        old = self.figure(COUNTED)
        return old if old is not None and old > OLD else None

    def rows(self, path: str) -> Sequence[Mapping[str, Any]]:
        """The rows of a list that was asked for; none where it was not told."""
        said = self.answers.get(path) or {}
        items: Sequence[Mapping[str, Any]] = said.get("items", ())
        return items


async def told_by_all(visit: Visit, *paths: str) -> list[Told]:
    """What each service tells: its readiness, its metrics, and what these paths answer. Raises Refused 401 where the
    sign-in has run out."""
    return list(await asyncio.gather(*(_told(visit, one, paths) for one in SERVICES)))


async def _told(visit: Visit, service: str, paths: Sequence[str]) -> Told:
    asked = ("/health/ready", "/metrics", *paths)
    clients, who = visit.desk.clients, visit.session.who
    found = await asyncio.gather(
        *(clients.peek(service, one, token=who.token, language=visit.language, within=WITHIN) for one in asked)
    )
    if any(one is not None and one.status_code == 401 for one in found):
        raise Refused(401, {})
    ready, metrics, *rest = found
    figures = Answers(0.0, _samples(metrics), _json(ready) or {})
    said = dict(zip(paths, rest, strict=True))
    answers = {path: body for path, one in said.items() if (body := _json(one, good=True)) is not None}
    if all(one is None for one in found):
        return Told(service, figures, answers, clients.away.get(service, visit.desk.now()))
    clients.away.pop(service, None)  # one question may have been waited for in vain: the service is there
    why = {path: _reason(visit, body) for path, one in said.items() if isinstance(body := _problem(one), dict)}
    return Told(service, figures, answers, None, why)


def _json(answer: httpx.Response | None, *, good: bool = False) -> Any:
    """What an answer says; `good`: only of one that is a success."""
    if answer is None or (good and answer.is_error):
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def _problem(answer: httpx.Response | None) -> Any:
    return _json(answer) if answer is not None and answer.is_error else None


def _reason(visit: Visit, problem: Mapping[str, Any]) -> str:
    """Why something was not told, to who only looks: what the service says may ask to send the same again."""
    named = f"ops-why.{problem.get('title')}"
    return visit.words.say(named) if visit.words.has(named) else str(problem.get("detail", ""))


def unsaid(told: Sequence[Told], *paths: str) -> list[dict[str, Any]]:
    """The services whose answer to one of these is missing: since when nothing comes of them at all, or why this does
    not, where they say it."""
    return [
        {
            "service": one.service,
            "since": one.since,
            "why": next((one.why[path] for path in lacks if path in one.why), ""),
        }
        for one in told
        if (lacks := [path for path in paths if path not in one.answers])
    ]


def _samples(answer: httpx.Response | None) -> Mapping[str, Any]:
    if answer is None or answer.is_error:
        return {}
    try:
        return samples_of("".join(_wanted(answer.text)))
    except ValueError:
        return {}


def _wanted(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(WANTED) and "_bucket{" not in line:
            yield f"{line}\n"


async def card_and_form(
    visit: Visit, service: str, path: str, posted: Posted | None, trouble: forms.Trouble | None
) -> tuple[Any, dict[str, Any]]:
    """What a form is about, None where the form came back because its service is away; and what stands in the form: as
    it was sent, or as it is opened. Raises Away, Refused."""
    try:
        card = (await visit.ask(service, path)).body
    except Away:
        if trouble is None:
            raise
        card = None
    again = forms.again(posted, trouble, ())
    if again["filled"] is None:
        again["filled"] = await forms.opened(visit, "", ())
    return card, again


# ---- words


def as_json(value: Any) -> str:
    """A value as it is read: a member on a line."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def age(words: Words, seconds: float | None) -> str:
    """A time as one reads it at a glance: 0.3 s, 41 s, 12 min, 5 h, 3 d."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    for least, length, unit in AGES:
        if seconds >= least:
            return words.say(f"ops-age.{unit}", n=words.number(round(seconds / length)))
    exact = round(Decimal(seconds), 1) if 0 < seconds < EXACT_BELOW else Decimal(round(seconds))
    return words.say("ops-age.s", n=words.number(exact.normalize() if exact else exact))


def since(words: Words, moment: str | datetime, now: datetime) -> str:
    """How long ago a moment was."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return age(words, max(0.0, (now - at).total_seconds()))


def number(words: Words, value: float | None) -> str:
    """A count, or that it is not known."""
    return UNKNOWN if value is None else words.number(round(value))
