"""A notice as a letter (уведомление по почте), in Russian and English: its kind, the pilot's id, the due time.

Nothing else of a case leaves the system by mail, and no personal data but the address it goes to. The text is in
`templates/notice.txt`.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "review-opened": ("Открыт новый круг экспертизы", "A new round of the expertise was opened"),
    "due": ("Приближается срок", "A term is near"),
    "breached": ("Срок истёк", "A term ran out"),
    "term-recalendared": ("Срок пересчитан по новому календарю", "A term was counted anew by a new calendar"),
    "case-released": ("Дело возвращено в очередь", "A case was given back to the queue"),
    "assigned": ("Вам предложено дело на экспертизу", "You were assigned to a case"),
    "expert-accepted": ("Эксперт принял назначение", "An expert accepted the assignment"),
    "expert-declined": ("Эксперт отказался от назначения", "An expert declined the assignment"),
    "expert-released": ("Назначение на дело снято", "An assignment was taken back"),
    "conflict-found": ("Выявлен конфликт интересов", "A conflict of interest came to light"),
    "conflict-dismissed": ("Конфликт интересов не подтверждён", "A conflict of interest was dismissed"),
    "conflict-confirmed": ("Конфликт интересов подтверждён", "A conflict of interest was confirmed"),
    "opinion-given": ("Дано мнение эксперта", "An expert gave an opinion"),
    "further-opinion-called": ("Нужно ещё одно мнение эксперта", "One more opinion is called for"),
    "answered": ("Получены ответы заявителя", "The applicant answered"),
    "request-closed": ("Запрос сведений закрыт", "A request for information was closed"),
    "conclusion-sent-back": ("Проект заключения возвращён на доработку", "A draft conclusion was sent back"),
    "conclusion-approved": ("Заключение утверждено", "A conclusion was approved"),
    "conclusion-issued": ("Заключению присвоен номер", "A conclusion is in force under its number"),
    "appeal-decided": ("Принято решение по жалобе", "An appeal was decided"),
    "review-closed": ("Экспертиза прекращена", "A review was ended without a conclusion"),
}
"""What each kind of notice is called, in Russian and English."""
OTHER: Final = ("Новое событие по делу", "Something happened in a case")


class BadAddress(ValueError):
    """What stands as a person's address is none. The message does not repeat it."""


def letter(notice: Mapping[str, Any], to: str, sender: str, zone: str) -> EmailMessage:
    """The letter of a notice, the same bytes each time it is made: also its Date is the notice's own time.

    `zone` is that in which the days of the case are counted. Raises BadAddress.
    """
    ru, en = WORDS.get(notice["kind"], OTHER)
    about = {"ru": ru, "en": en, "pilot": notice["pilot"], "due": _last_day(notice["what"], zone), "zone": zone}
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = message_id(notice["_id"], sender)
    message["Date"] = datetime.fromisoformat(notice["time"])
    message["From"] = address(sender)
    message["To"] = address(to)
    message["Subject"] = f"{ru} / {en}"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEMPLATES.get_template("notice.txt").render(about), cte="base64")
    return message


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
