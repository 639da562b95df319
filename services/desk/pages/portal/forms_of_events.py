"""A form of which an event is made: opened with what was typed before, checked, sent; a row more.

*Check* has intake say what would become of it, and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import HTMLResponse, Response

from contracts.event import wire_moment
from services.desk import fields, forms
from services.desk.fields import Parts
from services.desk.forms import Filled
from services.desk.pages import steps
from services.desk.pages.portal import contract_form, events
from services.desk.pages.portal.events import AT, Tried
from services.desk.visit import Posted, Visit, new_key

DATA: Final = "/data"
"""With what a place in what an event says begins."""
SEND: Final = "send"


@dataclass(frozen=True)
class EventForm:
    """An event that is written in a form: its type, the pilot that it is about, its fields and what they begin with;
    what the page is called; where one goes back to, and what that is called.

    `data` is what the fields say, `place` to which field a place in it leads. `likes`: the register is asked for pilots
    that are like it. `answered`: the request that it answers, whose last day it shows.
    """

    kind: str
    parts: Parts
    title: str
    back: tuple[str, str]
    subject: str | None = None
    first: Mapping[str, Any] | None = None
    data: Callable[[Filled], dict[str, Any]] | None = None
    place: Callable[[Filled], forms.Place] | None = None
    likes: bool = False
    answered: Mapping[str, Any] | None = None
    template: str = "portal/event_form.html"

    def said(self, filled: Filled) -> dict[str, Any]:
        """What the event says."""
        return self.data(filled) if self.data else fields.body(self.parts, filled)

    def placed(self, filled: Filled) -> forms.Place:
        """To which field a place in it leads."""
        return self.place(filled) if self.place else fields.place(self.parts, filled)


async def opened(visit: Visit, form: EventForm, *, saved: bool = False) -> HTMLResponse:
    """The form, with the draft that was kept of it. Raises Away, Refused."""
    begun = fields.first(form.parts, form.first or {}, comma=visit.words.comma)
    first = (*begun.items(), (AT, wire_moment(visit.desk.now())))
    filled = await forms.opened(visit, "", (), first)
    return _shown(visit, form, filled, Tried(), said=visit.words.say("form.saved") if saved else "")


async def sent(posted: Posted, form: EventForm) -> Response:
    """A row more, a check, or the event sent. Raises Away, Refused."""
    visit, filled = posted.visit, forms.typed_in(posted)
    if posted.get(fields.MORE):
        await posted.keep()
        return _shown(visit, form, filled, Tried())
    if unread := fields.unreadable(visit.words, form.parts, filled):
        await posted.keep()
        return _shown(visit, form, filled, Tried(422), faults=unread)
    data = form.said(filled)
    event, sending = events.made(posted, form.kind, data, form.subject), posted.get("do") == SEND
    outcome = await (events.sent if sending else events.tried)(visit, event, posted.key)
    if outcome.good and sending:
        await posted.done()
        return forms.done(visit, f"/portal/mine/{outcome.receipt['pilot']}", "sent")
    await posted.keep()
    if form.likes:
        outcome = replace(outcome, similar=await events.similar(visit, data))
    return _shown(visit, form, _anew(filled, outcome), outcome, faults=_faults(visit, form, filled, outcome))


def _anew(filled: Filled, outcome: Tried) -> Filled:
    """The form with a new id where its own stands for another event already."""
    return replace(filled, key=new_key()) if outcome.status == 409 else filled


def _faults(visit: Visit, form: EventForm, filled: Filled, outcome: Tried) -> dict[str, str]:
    """What is wrong, each at its field; what belongs to none is told first."""
    place, found = form.placed(filled), dict[str, str]()
    for number, one in enumerate(outcome.faults):
        pointer = str(one["pointer"])
        at = (place(pointer.removeprefix(DATA)) if pointer.startswith(DATA) else None) or f"-{number}"
        text = events.said(one, visit.words)
        if one["action"] == "retry":
            text = f"{text} {visit.words.say('portal.retry')}"
        found[at] = f"{found[at]}; {text}" if at in found else text
    if outcome.away:
        return {"-away": outcome.away}
    return found or ({} if outcome.good else {"-": outcome.detail or visit.words.say("told.unforeseen")})


def _shown(
    visit: Visit,
    form: EventForm,
    filled: Filled,
    outcome: Tried,
    *,
    faults: Mapping[str, str] | None = None,
    said: str = "",
) -> HTMLResponse:
    needed = contract_form.needed_by(form.kind)
    words, checked = visit.words, outcome.good and bool(outcome.receipt)
    told = words.say("portal.would-be-taken") if checked else next(iter((faults or {}).values()), "")
    return visit.page(
        form.template,
        outcome.status,
        title=form.title,
        back=form.back,
        answered=form.answered,
        filled=filled,
        at=filled[AT],
        faults=faults or {},
        checked=checked,
        needed=", ".join(fields.called(words, one).lower() for one in form.parts if one.name in needed),
        warned=[events.said(one, words) for one in outcome.told],
        similar=outcome.similar,
        said=said or told,
        **steps.on_page(words, form.parts, filled),
    )
