"""What happened to a case, step by step, as far as its card tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.desk.words import Words

Card = Mapping[str, Any]


def of(card: Card, words: Words, names: Mapping[str, str]) -> list[dict[str, str]]:
    """The steps, the newest first; each with when it was, and what it was in words."""
    found = [(at, text) for at, text in _steps(card, words, names) if at]
    return [{"when": _when(at, words), "text": text} for at, text in sorted(found, key=_order, reverse=True)]


def _when(at: str, words: Words) -> str:
    return words.moment(at) if "T" in at else words.day(at)


def _order(step: tuple[str, str]) -> str:
    """By moments; what is known by its day alone stands after all else of that day."""
    at, _text = step
    return at if "T" in at else f"{at}T24"


def _steps(card: Card, words: Words, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    def called(id_: str | None) -> str:
        return names.get(id_, id_) if id_ else ""

    yield card["opened"], words.say("step.opened", round=card["round"])
    for place in card.get("places", ()):
        expert = called(place["seat"]["expert_id"])
        yield place["assigned"], words.say("step.assigned", expert=expert, by=called(place["assigned_by"]))
        for opinion in place["opinions"]:
            yield opinion["given"], words.say("step.opinion", expert=expert, version=opinion["version"])
    own = card.get("place")
    if own:
        yield own["assigned"], words.say("step.assigned-you")
        for opinion in own["opinions"]:
            yield opinion["given"], words.say("step.opinion-yours", version=opinion["version"])
    for request in card["requests"]:
        yield request["asked"], words.say("step.asked", items=len(request["items"]))
    for conflict in card.get("conflicts", ()):
        yield conflict["found"], words.say("step.conflict", expert=called(conflict["expert_id"]))
    draft = card.get("draft")
    if draft:
        yield draft["written"], words.say("step.drafted", by=called(draft["author"]))
    for term in card["terms"]:
        for stop in term["ledger"]["suspensions"]:
            yield stop["since"], words.say("step.stopped", why=_why(stop, words))
            yield stop["until"] or "", words.say("step.runs-again")
        for more in term["ledger"]["extensions"]:
            yield more["at"], words.say("step.extended", days=more["days"])
    for one in card["conclusions"]:
        yield one["date"], words.say("step.concluded", number=one["number"])
    for appeal in card.get("appeals", ()):
        yield appeal["opened"], words.say("step.appealed")


def _why(stop: Mapping[str, Any], words: Words) -> str:
    """Why a clock was stopped: in the reader's words where the law itself gave the reason."""
    return str(stop.get(f"why_{words.language}") or stop["why"])
