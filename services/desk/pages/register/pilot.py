"""A pilot as everybody may see it: what it is, where it stands, its timeline with documents, its money against the
plan, its indicators, its copies; as of a day what stood there then."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.desk import fields
from services.desk.clients import Refused
from services.desk.pages import decisions
from services.desk.pages.register import said
from services.desk.pages.register.said import STAGES_OF_MONEY
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER
from services.desk.words import Words

ENTRIES: Final = 200
COPIES: Final = 50
ABOUT: Final = ("problem", "solution", "expected_effect")
PARTIES: Final = ("initiator", "customer")
INVALID: Final = 422
GONE: Final = 404
LONGEST: Final = 200
"""Characters of a description for other sites."""
Card = Mapping[str, Any]


def make_router() -> APIRouter:
    """`/register/{pilot}`."""
    router = APIRouter()

    async def pilot(reader: ReaderOf, pilot: str) -> Response:
        """One pilot."""
        return await _shown(reader, pilot)

    router.add_api_route(f"/{{language}}{REGISTER}/{{pilot}}", pilot, methods=["GET", "HEAD"])
    return router


async def _shown(reader: Reader, pilot: str) -> Response:
    params = reader.request.query_params
    day, after = params.get("as_of", "").strip(), params.get("after", "")
    path = f"/pilots/{quote(pilot, safe='')}"
    faults = dict[str, str]()
    try:
        card, life, copies = await _as_of(reader, path, day, after)
    except Refused as error:
        if not day or error.status not in (INVALID, GONE):
            raise
        faults = {"as_of": error.detail if error.status == INVALID else reader.words.say("register.not-then")}
        card, life, copies = await _as_of(reader, path, "", after)
    words = reader.words
    return reader.page(
        "register/pilot.html",
        INVALID if faults else 200,
        card=card,
        day=day,
        then=bool(card.get("as_of")),
        faults=faults,
        about=[(name, card["application"][name]) for name in ABOUT if card["application"].get(name)],
        facts=list(_facts(words, card)),
        money=list(_money(words, card["money"])),
        indicators=list(_indicators(card)),
        others=_others(card),
        life=[decisions.told(row, card, words, {}) | {"date": row["date"]} for row in life["items"]],
        later=urlencode({**({"as_of": day} if day else {}), "after": life["next"]}) if life["next"] else "",
        first=bool(after),
        copies=copies,
        conclusions=card["conclusions"],
        planned=(card["scaling"] or {}).get("replicas") or (),
        conditions=(card["scaling"] or {}).get("conditions"),
        windows=(card["scaling"] or {}).get("windows") or (),
        party=fields.party,
        description=_described(words, card),
        said=said.then(words, card, day),
        **said.shown(reader),
    )


async def _as_of(reader: Reader, path: str, day: str, after: str) -> tuple[Card, Card, Card]:
    """Card, timeline and copies; of now where no day is said."""
    card, life, copies = await asyncio.gather(
        reader.ask(path, as_of=day),
        reader.ask(f"{path}/timeline", as_of=day, after=after, limit=ENTRIES),
        reader.ask(f"{path}/replicas", as_of=day, limit=COPIES),
    )
    return card, life, copies


def _facts(words: Words, card: Card) -> Iterator[tuple[str, str]]:
    """What stands beside the title."""
    application = card["application"]
    yield words.code("field", "sector"), said.sectors(words, card)
    yield words.say("work.column-agency"), said.agency(card)
    for name in PARTIES:
        if application.get(name):
            yield words.code("field", name), fields.party(application[name])
    if executor := card["executor"] or application.get("executor"):
        yield words.code("field", "executor"), fields.party(executor)
    if card["region"]:
        yield words.code("field", "region"), said.title(words, "region", card["region"])
    if application.get("territory"):
        yield words.code("field", "territory"), application["territory"]
    if application.get("office"):
        yield words.code("field", "office"), said.title(words, "office", application["office"])
    begun, until = card["started"] or application.get("planned_start"), card["until"] or application.get("planned_end")
    if begun or until:
        name = words.say("decision.carried-out") if card["started"] else words.say("register.planned-time")
        yield name, f"{words.day(begun) if begun else '…'} – {words.day(until) if until else '…'}"
    yield words.say("register.entered"), words.moment(card["entered"])
    if application.get("replicates"):
        yield words.code("field", "replicates"), application["replicates"]


def _money(words: Words, lines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A pilot's money by currency: planned, committed and paid in all, and by year and source."""
    for currency in sorted({one["currency"] for one in lines}):
        own = [one for one in lines if one["currency"] == currency]
        totals = {stage: sum(one["amount_minor"] for one in own if one["stage"] == stage) for stage in STAGES_OF_MONEY}
        yield {
            "currency": currency,
            "totals": [
                {"stage": stage, "amount": amount, "share": said.share(amount, totals.values())}
                for stage, amount in totals.items()
            ],
            "years": _by(
                own, lambda one: one["year"] or 0, lambda key: str(key) if key else words.say("register.unspecified")
            ),
            "sources": _by(own, lambda one: one["source"], lambda key: said.title(words, "source", key)),
            "sectors": _by(own, lambda one: one["sector"], lambda key: said.title(words, "sector", key)),
        }


def _by(lines: Sequence[Mapping[str, Any]], key: Any, name: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": name(one),
            **{
                stage: sum(line["amount_minor"] for line in lines if key(line) == one and line["stage"] == stage)
                for stage in STAGES_OF_MONEY
            },
        }
        for one in sorted({key(line) for line in lines})
    ]


def _indicators(card: Card) -> Iterator[dict[str, Any]]:
    """What was agreed on, with how far it has come, and all values."""
    agreed = card["agreement"]["agreement"]["indicators"] if card["agreement"] else []
    come = {one["indicator"]: one for one in card["progress"]}
    for one in agreed:
        last = come.get(one["code"], {})
        percent = last.get("percent")
        yield {
            **one,
            "value": last.get("value"),
            "measured": last.get("measured"),
            "percent": percent,
            "reached": last.get("reached"),
            "share": max(0, min(100, percent)) if percent is not None else 0,
            "values": [each for each in card["values"] if each["indicator"] == one["code"]],
        }


def _others(card: Card) -> list[Mapping[str, Any]]:
    """Values of what is not agreed on any more."""
    codes = {one["code"] for one in card["agreement"]["agreement"]["indicators"]} if card["agreement"] else set()
    return [one for one in card["values"] if one["indicator"] not in codes]


def _described(words: Words, card: Card) -> str:
    """A pilot in a few words, as other sites show it."""
    text = (
        f"{said.stage(words, card['stage'])}. {said.sectors(words, card)}. {card['application'].get('problem') or ''}"
    )
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= LONGEST else f"{one_line[: LONGEST - 1].rstrip()}…"
