"""What else may become of a case than a conclusion, and of a conclusion: a term is extended, the application goes back
or is refused, an appeal is opened and decided."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter

from contracts.reference import Severity, TermKind, Verdict
from contracts.rules import load
from contracts.steps import AppealOutcome
from services.desk import fields, written
from services.desk.fields import BASIS, Field, Group, Kind, Options, Parts, coded
from services.desk.forms import Filled
from services.desk.pages import steps
from services.desk.pages.allowed import extendable
from services.desk.written import Card, Written

OUTCOMES: Final[Options] = tuple((str(one), fields.worded(f"ruling.{one}")) for one in AppealOutcome)


def make_router() -> APIRouter:
    """`/case/{pilot}/extension`, `/return`, `/refusal`, `/appeal`, `/ruling`."""
    router = APIRouter()
    for page in PAGES:
        router.include_router(written.make_router(page))
    return router


# ---- what they ask for


def _extension(card: Card) -> Parts:
    rules = load().edition(card["edition"]).terms
    terms = [(one, rules[TermKind(one)]) for one in extendable(card)]
    return (Field("term", Kind.CHOICE, terms), Field("why", Kind.PROSE))


def _ending(card: Card) -> Parts:
    reasons = [(one.code, one) for one in load().edition(card["edition"]).return_reasons.entries]
    return (Field("reasons", Kind.REASONS, reasons), Field("text", Kind.PROSE, hint="if-any"))


def _appeal(_card: Card) -> Parts:
    return (Field("grounds", Kind.PROSE, label="appeal-grounds"), BASIS)


def _ruling(card: Card) -> Parts:
    remark = (
        Field("code", Kind.FIXED, value="remark-{n}"),
        Field("text", Kind.PROSE),
        Field("severity", Kind.SELECT, coded(*Severity), implied=True),
        Field("must_fix", Kind.MARK, implied=True),
    )
    before = tuple(
        (fields.same(one["text"]), Field("place", Kind.FIXED, value=one["place"])) for one in card["earlier_remarks"]
    )
    judged = (Field("met", Kind.YES_NO), Field("text", Kind.PROSE, label="grounds"))
    amended = (
        Field("verdict", Kind.CHOICE, coded(*Verdict)),
        Field("text", Kind.PROSE),
        Group("remarks", remark, many=True),
        *((Group("earlier_remarks", judged, each=before),) if before else ()),
    )
    return (
        Field("outcome", Kind.CHOICE, OUTCOMES, label="ruling"),
        Field("why", Kind.PROSE),
        BASIS,
        Group("amended", amended, hint="amended-hint"),
    )


def _ruled(card: Card, filled: Filled) -> dict[str, Any]:
    """What is said of a new conclusion is sent with an amendment alone."""
    said = fields.body(_ruling(card), filled)
    return said if said.get("outcome") == AppealOutcome.AMENDED else {k: v for k, v in said.items() if k != "amended"}


def _page(
    name: str, path: str, parts: Callable[[Card], Parts], body: Callable[[Card, Filled], dict[str, Any]] | None = None
) -> Written:
    return steps.of_parts(
        name, path, parts, lambda words: (words.code("act", name), words.code("act", name)), of=written.CASE, body=body
    )


PAGES: Final = (
    _page("extension", "extensions", _extension),
    _page("return", "return", _ending),
    _page("refusal", "refusal", _ending),
    _page("appeal", "appeal", _appeal),
    _page("ruling", "appeal/decision", _ruling, _ruled),
)
