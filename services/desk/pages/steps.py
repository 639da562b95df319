"""What officials enter in the register: for each step who may, at which stage, and what is missing where it is not its
turn.

It is a help for the eye: the register decides, and says why not in its own words.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from contracts.reference import Procedure, Role
from contracts.rules import load
from contracts.topics import EXPERTISE, REGISTRY
from contracts.words import Language
from services.desk import fields, forms
from services.desk.clients import Answer
from services.desk.fields import BASIS, Field, Group, Kind, Parts
from services.desk.forms import Filled
from services.desk.pages import papers
from services.desk.pages.papers import RECORD_OF, RECORDS, Card, Record
from services.desk.visit import Visit
from services.desk.words import Words
from services.desk.written import About, Written

HERE: Final = "/decisions"
CORRECTION: Final = "correction"
MOST_CHOSEN: Final = 200
"""From how many people a commission is chosen by name."""


def stage(words: Words, code: str) -> str:
    """What a stage is called."""
    return fields.capital(fields.contract(words, f"stage.{code}", code))


@cache
def terms(language: Language) -> Mapping[str, str]:
    """What the kinds of terms are called: as the newest edition that has one says it."""
    book = load()
    rules = [book.edition(id_).terms for id_ in reversed([*book.digests])]
    return {str(kind): str(getattr(one[kind], language)) for one in rules for kind in one}


# ---- the steps, and their order


@dataclass(frozen=True, slots=True)
class Step:
    """A step: its name, the command of the register, whose it is, at which stages, and what its form asks for."""

    name: str
    path: str
    role: Role
    stages: tuple[str, ...]
    parts: Callable[[Card], Parts]
    when: Callable[[Card, Words], str | None] = lambda _card, _words: None
    """Why not at its stage, in words; None: it can be done."""
    first: Callable[[Card], Mapping[str, Any]] = lambda _card: {}


def _goes_for_credit(card: Card) -> bool:
    credits = card["application"].get("procedure") == Procedure.CREDIT
    return credits and papers.edition_of(card).switches.credit.on


def _no_credit(card: Card, words: Words) -> str | None:
    return None if _goes_for_credit(card) else words.say("why-not.no-credit")


def _credit(card: Card, words: Words) -> str | None:
    return words.say("why-not.by-credit") if _goes_for_credit(card) else None


def _often_extended(card: Card, words: Words) -> str | None:
    most = papers.edition_of(card).numbers.pilot_extensions_max.value
    return words.say("why-not.extended-enough") if len(card["prolongations"]) >= most else None


def _no_commission(card: Card, words: Words) -> str | None:
    return None if card["commission"] else missing(words, [("enter.commission", Role.HEAD_ORGANISATION)])


CARRIED_OUT: Final = ("running", "suspended")
STEPS: Final = (
    Step("expediency", "expediency-decision", Role.COUNCIL_SECRETARY, ("council",), papers.expediency, _credit),
    Step("credit", "credit-decision", Role.COUNCIL_SECRETARY, ("council",), papers.credit, _no_credit),
    Step("agreement", "agreement", Role.REGISTRAR, ("expedient",), papers.agreement, first=papers.applied_for),
    Step("agreement-failure", "agreement-failure", Role.REGISTRAR, ("expedient",), papers.agreement_failure),
    Step("launch", "launch", Role.REGISTRAR, ("agreed",), papers.launch),
    Step("suspension", "suspension", Role.REGISTRAR, ("running",), papers.suspension),
    Step("resumption", "resumption", Role.REGISTRAR, ("suspended",), papers.resumption),
    Step("prolongation", "extension", Role.REGISTRAR, CARRIED_OUT, papers.extension, _often_extended),
    Step("early-stop", "early-stop", Role.REGISTRAR, ("agreed", *CARRIED_OUT), papers.early_stop),
    Step(
        "commission",
        "commission",
        Role.HEAD_ORGANISATION,
        (*CARRIED_OUT, "finished", "at-commission"),
        papers.commission,
    ),
    Step("proposal", "effectiveness-proposal", Role.HEAD_ORGANISATION, ("finished",), papers.proposal),
    Step("judgement", "judgement", Role.COMMISSION_SECRETARY, ("at-commission",), papers.judgement, _no_commission),
    Step("scaling", "scaling-decision", Role.COUNCIL_SECRETARY, ("effective", "partly-effective"), papers.scaling),
)
BY_NAME: Final[Mapping[str, Step]] = {one.name: one for one in STEPS}
AWAITED: Final[Mapping[str, tuple[str, ...]]] = {
    "council": ("council",),
    "agreement": ("expedient",),
    "launch": ("agreed",),
    "resumption": ("suspended",),
    "proposal": ("finished",),
    "judgement": ("at-commission",),
    "scaling": ("effective", "partly-effective"),
}
"""What pilots wait for, and at which stages; at the Council for one of two decisions."""
STEP_OF: Final[Mapping[str, Step]] = {one: BY_NAME["expediency" if one == "council" else one] for one in AWAITED}
Missing = tuple[str, str]
"""A step that is missing: the id of its words, and whose it is."""
NEXT: Final[Mapping[str, tuple[Missing, str]]] = {
    "look-over": (("missing.acceptance", Role.OFFICER), EXPERTISE),
    "returned": (("missing.resubmission", Role.PUBLISHER), "look-over"),
    EXPERTISE: (("missing.conclusion", Role.OPERATOR), "council"),
    "negative-conclusion": (("missing.resubmission", Role.PUBLISHER), EXPERTISE),
    "council": (("enter.expediency", Role.COUNCIL_SECRETARY), "expedient"),
    "expedient": (("enter.agreement", Role.REGISTRAR), "agreed"),
    "agreed": (("enter.launch", Role.REGISTRAR), "running"),
    "running": (("missing.completion", Role.PUBLISHER), "finished"),
    "suspended": (("missing.completion", Role.PUBLISHER), "finished"),
    "finished": (("enter.proposal", Role.HEAD_ORGANISATION), "at-commission"),
    "at-commission": (("enter.judgement", Role.COMMISSION_SECRETARY), "effective"),
}
"""The step that leads on from each stage on the usual way, and where to. One stage is called as a service is."""


def missing(words: Words, steps: list[Missing]) -> str:
    """Which steps are missing, and who makes each."""
    told = [f"{words.say(id)} ({words.code('role', role)})" for id, role in steps]
    return words.say("why-not.missing", steps=", ".join(told))


def out_of_order(card: Card, step: Step, words: Words) -> str | None:
    """Why it is not this step's turn: which steps are missing before it, or that none leads to it from here."""
    at, before = card["stage"], list[Missing]()
    if at in step.stages:
        return step.when(card, words)
    while at in NEXT and at not in step.stages:
        one, at = NEXT[at]
        before.append(one)
    if at in step.stages:
        return missing(words, before)
    if (record := RECORD_OF.get(step.name)) and record.entries(card):
        return words.say("why-not.recorded")
    return words.say("why-not.other-stage", stage=stage(words, card["stage"]))


def why_not(card: Card, step: Step, visit: Visit) -> list[str]:
    """Why the reader cannot enter it now: what is missing, and who may; nothing: it can be entered."""
    order = out_of_order(card, step, visit.words)
    who = None if visit.may(step.role) else visit.words.say("why-not.whose", role=visit.words.code("role", step.role))
    return [one for one in (order, who) if one]


def awaited(card: Card) -> Step | None:
    """The step that a pilot waits for, of those that are entered here."""
    for name, stages in AWAITED.items():
        if card["stage"] in stages:
            return BY_NAME["credit"] if name == "council" and _goes_for_credit(card) else STEP_OF[name]
    return None


# ---- the card in a few words, and what was recorded


def facts_of(words: Words, card: Card) -> forms.Facts:
    """A pilot in a few words, by which two versions of its card are told apart."""
    recorded = [
        ", ".join([fields.capital(fields.contract(words, f"said.{one.what}", one.what)), *_number(entry)])
        for one, _place, entry in recorded_of(card)
    ]
    return (
        ("decision.stage", stage(words, card["stage"])),
        ("decision.until", words.day(card["until"]) if card["until"] else ""),
        ("decision.recorded", "; ".join(recorded)),
        ("case.conclusions", ", ".join(one["number"] for one in card["conclusions"])),
    )


def _number(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry.get("basis"):
        yield f"№ {entry['basis']['number']}"


def recorded_of(card: Card) -> Iterator[tuple[Record, int, Mapping[str, Any]]]:
    """Everything that was recorded and can be corrected, each with its place among those of its kind (from 1)."""
    for one in RECORDS:
        for place, entry in enumerate(one.entries(card), 1):
            yield one, place, entry


async def read(visit: Visit, pilot: str) -> Answer:
    """A pilot's card as its reader may see it. Raises Away, Refused."""
    return await visit.ask(REGISTRY, f"/v1/pilots/{pilot}")


async def read_with_people(visit: Visit, pilot: str) -> Answer:
    """The card with those who are known by name, from whom a commission is chosen; nobody where the register does not
    tell. Raises Away, Refused."""
    found = await read(visit, pilot)
    people = await visit.rows_if_let_in(REGISTRY, "/v1/persons", limit=MOST_CHOSEN)
    return Answer({**found.body, "people": sorted(people, key=lambda one: str(one["name"]))}, found.etag)


PILOT: Final = About(f"{HERE}/{{id}}", "/v1/pilots/{id}", read, facts_of, f"{HERE}/{{id}}", REGISTRY)


# ---- the pages on which they are entered


def of_parts(
    name: str,
    path: str,
    parts: Callable[[Card], Parts],
    says: Callable[[Words], tuple[str, str]],
    *,
    of: About,
    first: Callable[[Card], Mapping[str, Any]] = lambda _card: {},
    body: Callable[[Card, Filled], dict[str, Any]] | None = None,
    not_now: Callable[[Card, Words], str | None] = lambda _card, _words: None,
) -> Written:
    """A page whose form is made of data: what it begins with, sends, and why not now, follow from its parts."""
    return Written(
        name,
        path,
        body=body or (lambda card, filled: fields.body(parts(card), filled)),
        lacks=lambda words, card, filled: fields.unreadable(words, parts(card), filled),
        shows=lambda words, card, filled: {**on_page(words, parts(card), filled), "not_now": not_now(card, words)},
        place=lambda card, filled: fields.place(parts(card), filled),
        first=lambda words, card: tuple(fields.first(parts(card), first(card), comma=words.comma).items()),
        of=of,
        template="entered.html",
        says=says,
    )


def on_page(words: Words, parts: Parts, filled: Filled) -> dict[str, Any]:
    """What the template of a form that is made of data asks for."""
    return {
        "form": parts,
        "called": lambda part: fields.called(words, part),
        "hinted": lambda part: fields.hint(words, part),
        "options": lambda field: fields.options(words, field),
        "row_count": lambda group, at: fields.rows(group, filled, at),
        "labels": fields.names(words, parts, filled),
        "titled": lambda named: getattr(named, words.language),
    }


def page_of(step: Step) -> Written:
    """The page on which a step is entered."""
    read_it = read_with_people if step.name == "commission" else read
    return of_parts(
        step.name,
        step.path,
        step.parts,
        lambda words: (words.code("enter", step.name), words.say("decision.enter")),
        of=replace(PILOT, read=read_it),
        first=step.first,
        not_now=lambda card, words: out_of_order(card, step, words),
    )


PAGES: Final[Mapping[str, Written]] = {one.name: page_of(one) for one in STEPS}


def correction(what: str, place: int) -> Written | None:
    """The page on which an entry is corrected; None where there is no such kind of entry."""
    record = RECORD_OF.get(what)
    if record is None:
        return None

    def entry(card: Card) -> Mapping[str, Any]:
        found = record.entries(card)
        return found[place - 1] if 1 <= place <= len(found) else {}

    def parts(card: Card) -> Parts:
        content = Group("content", record.editable(card, entry(card)))
        return (content, Field("reason", Kind.PROSE), Group("basis", BASIS.parts, label="correcting-basis"))

    def body(card: Card, filled: Filled) -> dict[str, Any]:
        said = fields.body(parts(card), filled)
        kept = {name: value for name in record.fixed if (value := entry(card).get(name)) is not None}
        return {**said, "what": what, "place": place, "content": {**kept, **said["content"]}}

    def no_entry(card: Card, words: Words) -> str | None:
        return None if entry(card) else words.say("why-not.no-entry")

    return of_parts(
        CORRECTION,
        "corrections",
        parts,
        lambda words: (
            f"{words.say('enter.correction')}: {fields.contract(words, f'said.{what}', what)}",
            words.say("decision.correct"),
        ),
        of=PILOT,
        first=lambda card: {"content": entry(card)},
        body=body,
        not_now=no_entry,
    )
