"""Cases as the expertise shows them, made by its own domain, and services that answer with them."""

from collections.abc import Callable
from typing import Any

import httpx

from deploy.samples.common import BOOK
from services.chassis.subject import Document
from services.expertise.cards import expert_card, operator_card
from services.law.explanation import explain
from tests.kit.expertise.play import Play

Answers = Callable[[httpx.Request], httpx.Response]
PILOT = "p-1"


def card_of(play: Play, expert: str | None = None) -> dict[str, Any]:
    """A case as operators see it, or as one of its experts."""
    document, edition = Document(PILOT, "review", state=play.case), BOOK.edition(play.case.edition)
    if expert is None:
        return {**operator_card(document, edition, play.now, play.calendars), "persons": {"e-1": "Вера Пробная"}}
    return expert_card(document, edition, play.now, play.calendars, expert)


def clock_of(play: Play) -> dict[str, Any]:
    """How its term comes about."""
    term = play.case.main() or play.case.terms[-1]
    said = explain(term.ledger, play.now, play.calendars[term.ledger.term.calendar])
    return {**said.model_dump(mode="json"), "number": play.case.number, "title": "", "persons": {}}


def answering(play: Play, expert: str | None = None, command: Answers | None = None) -> Answers:
    """Services that know this case; `command` answers what is done with it."""

    def answers(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method != "GET":
            done = httpx.Response(200, json={"subject": PILOT, "version": 2}, headers={"ETag": '"8"'})
            return command(request) if command else done
        if path == f"/v1/reviews/{PILOT}":
            return httpx.Response(200, json=card_of(play, expert), headers={"ETag": '"7"'})
        if path.endswith("/clock"):
            return httpx.Response(200, json=clock_of(play))
        if path.endswith("/proposals"):
            one = {"expert_id": "e-1", "free": True, "competent": True, "load": 1, "capacity": 5, "against": []}
            items = [{**one, "reasons": [], "conflicts": []}]
            return httpx.Response(
                200, json={"items": items, "more": 0, "whole": True, "persons": {"e-1": "Вера Пробная"}}
            )
        return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})

    return answers
