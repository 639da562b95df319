"""What the kits of all services share: an application, organisations, the people of a project, documents of a day."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final

from pydantic import BaseModel

from contracts.event import Actor, Basis
from contracts.reference import Application, OrganisationId, Party, Role
from contracts.rules import Edition, RuleBook, load
from services.law.terms import CountedTerm, CountedTerms

NOW: Final = datetime(2026, 4, 16, 9, 0, tzinfo=UTC)
"""When everything begins: a working day of a year whose calendar is published."""
SUBJECT: Final = "7f841494-a5a7-5cad-89a9-dc08e49b30fa"
EDITION: Final = "by-2024"
BOOK: Final = load()
AGENCY: Final = "vedomstvo"
NUMBER: Final = "ПП-2026-000123"
DAY: Final = NOW.date()
TIMER: Final = Actor(id="timer", role="timer")


def party(value: str, name: str = "ООО «Пример»", scheme: str = "BY-UNP") -> Party:
    """A fictional organisation."""
    return Party(id=OrganisationId(scheme=scheme, value=value), name=name)


APPLICATION: Final = Application(
    title="Запись к врачу без очереди",
    problem="Пациенты ждут.",
    solution="Электронная очередь.",
    sector="health",
    initiator=party("700000112"),
    customer=party("700000125"),
    executor=party("700000138"),
    own_number="17-04/2026",
)


def body(said: BaseModel) -> dict[str, Any]:
    """What is said, as JSON has it."""
    return said.model_dump(mode="json", exclude_none=True)


def of_the_past(terms: Iterable[CountedTerm]) -> CountedTerms:
    """These terms, the open ones counted by a calendar that is no longer the newest."""
    return tuple(_older(one) if one.open else one for one in terms)


def _older(one: CountedTerm) -> CountedTerm:
    term = one.ledger.term.model_copy(update={"calendar_version": "BY-of-the-past"})
    return one.model_copy(update={"ledger": one.ledger.model_copy(update={"term": term})})


def person(id_: str, role: Role) -> Actor:
    """Somebody in a role."""
    return Actor(id=id_, role=role)


def basis(day: date = DAY, number: str = "5", body: str = "Совет", kind: str = "протокол") -> Basis:
    """A document of a day."""
    return Basis(body=body, kind=kind, number=number, date=day)


def with_switches(edition: str = EDITION, book: RuleBook = BOOK, **switches: bool) -> RuleBook:
    """The rule book with some switches of one edition turned."""
    found = book.edition(edition)
    turned = {name: getattr(found.switches, name).model_copy(update={"on": on}) for name, on in switches.items()}
    return with_edition(found.model_copy(update={"switches": found.switches.model_copy(update=turned)}), book)


def with_edition(changed: Edition, book: RuleBook = BOOK) -> RuleBook:
    """The rule book with another edition in the place of the one of its name."""
    return RuleBook(tuple(changed if one.id == changed.id else one for one in book.values()))
