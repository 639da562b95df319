"""Forms that people write in: what stands in them, what is wrong with it, and what happens to their words.

Nothing that was typed is lost: not by a fault, by a newer revision, by a service that is away, nor by another language.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.desk.clients import Away, Refused
from services.desk.drafts import Draft, Fields, all_of, field_of
from services.desk.visit import KEY, SEEN, Posted, Visit, new_key
from services.desk.words import Words

AS_IT_WAS: Final = "as_it_was"
"""The field in which a form remembers what its subject was like when it was opened."""
NO_WORDS: Final = frozenset({KEY, SEEN, AS_IT_WAS, "do"})
"""Fields that nobody has typed."""
STALE: Final = 412
AWAY: Final = 503
WHOLE: Final = ".invalid"
"""How the rule of something ends that is faulty in its parts, each of which is told by itself."""
OF_A_BODY: Final = "/body"
"""With what a place in a body begins that was refused for its form, before anything was decided on."""
Facts = Sequence[tuple[str, str]]
"""What a subject is like in a few words: ids of words, and values."""
Place = Callable[[str], str | None]
"""To which field of the form a JSON pointer into what was sent leads."""


@dataclass(frozen=True)
class Filled:
    """A form with what stands in it: typed now, kept as a draft, or as it begins."""

    fields: Fields
    key: str
    seen: str
    then: Facts
    kept: Draft | None = None

    def __getitem__(self, name: str) -> str:
        """What stands in a field; empty where nothing does."""
        return field_of(self.fields, name)

    def all(self, name: str) -> list[str]:
        """Everything that stands under a name."""
        return all_of(self.fields, name)


async def opened(visit: Visit, etag: str, facts: Facts, first: Fields = ()) -> Filled:
    """A form as somebody opens it: with the draft that was kept of it, on the revision on which that was begun."""
    kept = await visit.desk.drafts.find(visit.person, visit.here)
    if kept is None:
        return Filled(first, new_key(), etag, facts)
    known = dict(kept.fields)
    return Filled(kept.fields, known.get(KEY) or new_key(), known.get(SEEN) or etag, _facts(known, facts), kept)


def typed_in(posted: Posted, facts: Facts = ()) -> Filled:
    """A form as it was sent."""
    known = dict(posted.fields)
    return Filled(posted.fields, posted.key, posted.seen, _facts(known, facts))


def _facts(known: Mapping[str, str], otherwise: Facts) -> Facts:
    try:
        return tuple((str(id), str(value)) for id, value in json.loads(known[AS_IT_WAS]))
    except (KeyError, TypeError, ValueError):
        return otherwise


def remembered(facts: Facts) -> str:
    """Facts as a field of a form carries them."""
    return json.dumps(list(facts), ensure_ascii=False)


def changed(then: Facts, now: Facts) -> list[dict[str, str]]:
    """What is otherwise now than it was when the form was opened: both versions."""
    before, after = dict(then), dict(now)
    return [
        {"id": id, "then": before.get(id, ""), "now": after.get(id, "")}
        for id in dict.fromkeys((*before, *after))
        if before.get(id, "") != after.get(id, "")
    ]


@dataclass(frozen=True)
class Trouble:
    """Why a form was not taken: faults by their fields, and whether its subject has changed meanwhile."""

    faults: Mapping[str, str]
    status: int
    stale: bool = False


async def begun(visit: Visit, *, once: bool = False) -> Filled | None:
    """What somebody began to type into the forms of a page that has several and has not sent, if there is something;
    `once`: it is not kept any longer. The page goes on from what its subject is like now, under the same key."""
    kept = await visit.desk.drafts.find(visit.person, visit.here)
    if kept is None:
        return None
    if once:
        await visit.desk.drafts.drop(visit.person, visit.here)
    if not any(value.strip() for name, value in kept.fields if name not in NO_WORDS):
        return None
    return Filled(kept.fields, field_of(kept.fields, KEY) or new_key(), "", (), kept)


def is_begun(filled: Filled | None, button: str, fields: Iterable[str]) -> bool:
    """Whether somebody has typed something into the fields of one of several actions, or pressed its button."""
    return filled is not None and (filled["do"] == button or any(filled[name].strip() for name in fields))


async def not_taken(posted: Posted, trouble: Trouble, page: HTMLResponse) -> HTMLResponse:
    """The page on which stands what was not taken: it is no draft any more, unless a service was away."""
    if trouble.status != AWAY:
        await posted.done()
    return page


async def sent(
    posted: Posted,
    service: str,
    path: str,
    body: Any,
    place: Place = lambda _pointer: None,
    method: str = "POST",
    part: str = "",
) -> Trouble | None:
    """Sends what a form says, on the revision on which it was opened; what stands in the way, if anything does. What is
    not taken is kept as the writer's draft. `part`: what of a form is sent that can be sent in parts."""
    visit = posted.visit
    key = f"{posted.key}:{part}" if part else posted.key
    try:
        await visit.send(service, path, body, key=key, etag=posted.seen, method=method)
    except Away as away:
        await posted.keep()
        return Trouble({"-away": visit.is_away(away)}, AWAY)
    except Refused as error:
        if error.status == 401:  # whoever it is signs in again, and finds the words there
            await posted.keep()
            raise
        if error.status == 404:
            raise
        await posted.keep()
        return Trouble(faults_of(error, place, visit.words), error.status, stale=error.status == STALE)
    await posted.done()
    return None


def again(posted: Posted | None, trouble: Trouble | None, facts: Facts, begun: Filled | None = None) -> dict[str, Any]:
    """What a page with forms shows of what was sent, or was begun and not sent, beside what its subject is like now."""
    filled = typed_in(posted, facts) if posted else begun
    same = begun is not None or (trouble is not None and trouble.status == AWAY)
    return {
        "filled": filled,
        "key": filled.key if filled and same else None,
        "as_it_was": remembered(facts),
        "changed": changed(filled.then, facts) if filled and trouble and trouble.stale else [],
        "faults": trouble.faults if trouble else {},
    }


def faults_of(error: Refused, place: Place, words: Words) -> dict[str, str]:
    """All that is wrong, at the fields where it is; what belongs to no field is told first."""
    if error.status == STALE:
        return {"-stale": words.say("form.stale")}
    found = dict[str, str]()
    problems: Sequence[Mapping[str, Any]] = error.problem.get("problems", ())
    for number, one in enumerate(problems):
        field = place(str(one.get("pointer", "")).removeprefix(OF_A_BODY)) or f"-{number}"
        found[field] = f"{found[field]}; {one['message']}" if field in found else str(one["message"])
    named = {one.get("rule") for one in problems}
    for number, one in enumerate(error.problem.get("refusals", ())):  # of a refusal that is made of several
        if one["rule"] not in named and not one["rule"].endswith(WHOLE):
            found[f"-{number}-"] = str(one["detail"])
    return found or {"-": error.detail or words.say("told.unforeseen")}


def done(visit: Visit, path: str, what: str) -> Response:
    """On to the page of what was changed, where it is said that it was."""
    return RedirectResponse(visit.address(path, done=what), 303)
