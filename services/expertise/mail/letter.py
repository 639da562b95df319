"""A notice as a letter (уведомление по почте), in Russian and English: its kind, the pilot's number and title, the
due time; to the operator who has the case in hand also who acted, and of which expert it tells, by name.

Nothing else of a case leaves the system by mail, and no other personal data but the address it goes to. The words
stand in `contracts/words`, their order in `templates/notice.txt`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.words import Language, Wording, wording

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)

WORDS: Final[Mapping[str, str]] = {
    "review-opened": "notice.review-opened",
    "due": "notice.due",
    "breached": "notice.breached",
    "term-recalendared": "notice.term-recalendared",
    "case-released": "notice.case-released",
    "assigned": "notice.assigned",
    "expert-accepted": "notice.expert-accepted",
    "expert-declined": "notice.expert-declined",
    "expert-released": "notice.expert-released",
    "conflict-found": "notice.conflict-found",
    "conflict-dismissed": "notice.conflict-dismissed",
    "conflict-confirmed": "notice.conflict-confirmed",
    "opinion-given": "notice.opinion-given",
    "further-opinion-called": "notice.further-opinion-called",
    "answered": "notice.answered",
    "request-closed": "notice.request-closed",
    "conclusion-sent-back": "notice.conclusion-sent-back",
    "conclusion-approved": "notice.conclusion-approved",
    "conclusion-issued": "notice.conclusion-issued",
    "appeal-decided": "notice.appeal-decided",
    "review-closed": "notice.review-closed",
}
"""The id of what each kind of notice is called."""
OTHER: Final = "notice.other"
SAID_IN: Final[tuple[Language, ...]] = ("ru", "en")
"""The languages of a letter, one after the other: nobody is asked which one he reads."""


class BadAddress(ValueError):
    """What stands as a person's address is none. The message does not repeat it."""


@dataclass(frozen=True, slots=True)
class Called:
    """What people call a case, and whom its letter names: `names` by opaque id, none where the recipient may not know
    them. `zone` is that in which the days of the case are counted."""

    number: str
    title: str
    zone: str
    names: Mapping[str, str] = field(default_factory=dict)


def letter(notice: Mapping[str, Any], to: str, sender: str, called: Called) -> EmailMessage:
    """The letter of a notice, the same bytes each time it is made of the same names: also its Date is the notice's own
    time. Raises BadAddress."""
    what = wording(WORDS.get(notice["kind"], OTHER))
    said = [_said(one, what, notice, called) for one in SAID_IN]
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = message_id(notice["_id"], sender)
    message["Date"] = datetime.fromisoformat(notice["time"])
    message["From"] = address(sender)
    message["To"] = address(to)
    message["Subject"] = " / ".join(one["what"] for one in said)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEMPLATES.get_template("notice.txt").render(said=said), cte="base64")
    return message


def _said(language: Language, what: Wording, notice: Mapping[str, Any], called: Called) -> dict[str, str]:
    """The lines of a letter in one language."""
    case = wording("letter.case", number=called.number, title=called.title)
    lines = {"what": what, "case": case, "closing": wording("letter.closing")}
    by, expert = notice.get("by"), notice["what"].get("expert_id")
    if (name := called.names.get(by or "")) is not None:
        lines["by"] = wording("letter.by", name=name)
    if expert != by and (name := called.names.get(expert or "")) is not None:
        lines["expert"] = wording("letter.expert", name=name)
    if (last := _last_day(notice["what"], called.zone)) is not None:
        lines["last_day"] = wording("letter.last-day", day=last, zone=called.zone)
    return {name: one.text(language) for name, one in lines.items()}


def message_id(notice: str, sender: str) -> str:
    """The Message-ID of a notice's letter. It follows from the notice's id, so that a second copy can be known."""
    return f"<{hashlib.sha256(notice.encode()).hexdigest()[:40]}@{address(sender).domain}>"


def address(text: str) -> Address:
    """An address of the form `name@domain`, with nothing around it. Raises BadAddress."""
    try:
        found = Address(addr_spec=text)
    except Exception:  # the parser raises all sorts of things for what is no address
        found = None
    if found is None or not found.domain:
        raise BadAddress("no e-mail address") from None
    return found


def _last_day(what: Mapping[str, Any], zone: str) -> str | None:
    """The last day of the term: it is due at the first instant after that day."""
    if what.get("due_at") is None:
        return None
    last = datetime.fromisoformat(what["due_at"]) - timedelta(milliseconds=1)
    return last.astimezone(ZoneInfo(zone)).date().isoformat()
