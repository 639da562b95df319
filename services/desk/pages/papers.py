"""What is entered in the register, as forms: each step of a pilot, and each entry as a correction puts it right.

The codes come from the pilot's edition; which of them holds, and what goes with what, the register says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.reference import Effectiveness, Expediency
from contracts.rules import Criterion, Edition, MoneyRules, PartyRule, load
from contracts.steps import Correctable, Scaling
from contracts.words import Wording
from services.desk.fields import BASIS, Field, Group, Kind, Options, Parts, coded, same

Card = Mapping[str, Any]
Entry = Mapping[str, Any]
PROSE: Final = Kind.PROSE
DAY: Final = Kind.DAY
WHY: Final = Field("why", PROSE)
RESUMED: Final = Group("resumed", BASIS.parts)


def edition_of(card: Card) -> Edition:
    """The edition of the rules that a pilot goes by."""
    return load().edition(card["edition"])


# ---- the steps


def expediency(card: Card) -> Parts:
    """The Council's decision on expediency (решение о целесообразности)."""
    postpones = edition_of(card).switches.council_may_postpone.on
    codes = [one for one in Expediency if postpones or one is not Expediency.POSTPONED]
    return (Field("decision", Kind.CHOICE, coded(*codes)), BASIS)


def credit(_card: Card) -> Parts:
    """The Council's decision on a credit (решение о зачёте)."""
    return (Field("granted", Kind.YES_NO, label="credited"), Field("evidence", PROSE), BASIS)


def agreement(card: Card) -> Parts:
    """The agreement of executor and customer (соглашение)."""
    edition = edition_of(card)
    agreed = (
        party("customer", edition, edition.parties.customer),
        party("executor", edition, edition.parties.executor),
        Field("programme", PROSE),
        Field("starts", DAY),
        Field("until", DAY, label="last-day"),
        Group("indicators", _INDICATOR, many=True, hint="indicators-hint"),
        *((Group("costs", (*_money(edition.money), _YEAR), many=True),) if edition.money else ()),
        Group("sector_shares", (_sector(edition), _SHARE), many=True, hint="shares-hint"),
        _region(edition),
    )
    return (Group("agreement", agreed), BASIS)


def agreement_failure(_card: Card) -> Parts:
    """That there is no agreement (соглашение не достигнуто)."""
    return (WHY, BASIS)


def launch(_card: Card) -> Parts:
    """The first day of carrying out (начало реализации)."""
    return (Field("started", DAY, label="first-day"), BASIS)


def suspension(_card: Card) -> Parts:
    """Carrying out stands still (приостановление)."""
    return (Field("since", DAY, label="since-day"), WHY, BASIS)


def resumption(_card: Card) -> Parts:
    """Carrying out goes on (возобновление)."""
    return (Field("since", DAY, label="since-day"), BASIS)


def extension(_card: Card) -> Parts:
    """Carrying out may take longer (продление)."""
    return (Field("until", DAY, label="last-day"), WHY, BASIS)


def early_stop(_card: Card) -> Parts:
    """Carrying out is stopped for good (досрочное прекращение)."""
    return (Field("stopped", DAY, label="last-day"), WHY, BASIS)


def commission(card: Card) -> Parts:
    """Who sits on the commission (состав комиссии): opaque ids, chosen by their names where these are known."""
    people = [(one["id"], same(one["name"])) for one in card.get("people", ())]
    members = Field("members", Kind.CHECKS, people) if people else Field("members", Kind.LINES, hint="members-hint")
    secretary = Field("secretary", Kind.SELECT, people) if people else Field("secretary", hint="secretary-hint")
    return (members, secretary, BASIS)


def proposal(card: Card) -> Parts:
    """The head organisation's proposal (предложение об эффективности)."""
    return (_outcome(card), Field("text", PROSE), _values(card), BASIS)


def judgement(card: Card) -> Parts:
    """The commission's judgement (решение комиссии)."""
    known: Mapping[str, str] = card.get("persons") or {}
    members = [(one, same(known.get(one, one))) for one in (card.get("commission") or {}).get("members", ())]
    present = Field("present", Kind.CHECKS, members)
    votes = tuple(Field(one, Kind.WHOLE, told=True) for one in ("in_favour", "against", "abstained"))
    return (_outcome(card), Field("text", PROSE), _values(card), present, Group("votes", votes), BASIS)


def scaling(card: Card) -> Parts:
    """The decision on scaling (решение о тиражировании)."""
    edition = edition_of(card)
    customer = party("customer", edition, edition.parties.customer)
    windows = (_source(edition.money), Field("opens", DAY), Field("closes", DAY)) if edition.money else ()
    return (
        Field("decision", Kind.CHOICE, coded(*Scaling)),
        Field("evidence", PROSE),
        Field("conditions", PROSE, hint="if-any"),
        *((Group("windows", windows, many=True, hint="scaling-hint"),) if windows else ()),
        Group("replicas", (customer, _region(edition), Field("note", PROSE)), many=True, hint="scaling-hint"),
        BASIS,
    )


def applied_for(card: Card) -> dict[str, Any]:
    """What an agreement begins with: what was applied for, in the form of an agreement."""
    said = card["application"]
    agreed = {
        "customer": said["customer"],
        "executor": card.get("executor") or said.get("executor") or said["initiator"],
        "starts": said.get("planned_start"),
        "until": said.get("planned_end"),
        "costs": said.get("costs"),
        "sector_shares": said.get("sector_shares"),
        "region": said.get("region"),
    }
    return {"agreement": agreed}


# ---- the entries, as they stand on the card


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of entry that can be corrected: where it stands on the card, what it says, and what of it no correction
    changes."""

    what: Correctable
    at: str
    parts: Callable[[Card, Entry], Parts]
    fixed: tuple[str, ...] = ()

    def entries(self, card: Card) -> Sequence[Entry]:
        """Those that there are, in their order."""
        found = card.get(self.at)
        return found if isinstance(found, list) else [found] if found else []

    def editable(self, card: Card, entry: Entry) -> Parts:
        """What a correction may say otherwise."""
        return tuple(one for one in self.parts(card, entry) if one.name not in self.fixed)


def _pause(_card: Card, entry: Entry) -> Parts:
    until = Field("until", DAY, label="until-day")
    return (Field("since", DAY, label="since-day"), until, WHY, BASIS, *((RESUMED,) if entry.get("resumed") else ()))


def _spending(card: Card, _entry: Entry) -> Parts:
    payment = (*_money(edition_of(card).money), _YEAR, Field("paid", DAY, label="paid-day"), Field("document"))
    return (Group("payments", payment, many=True),)


def _ending(_card: Card, entry: Entry) -> Parts:
    return (Field("on", DAY, label="last-day"), Field("text", PROSE), *((BASIS,) if entry.get("basis") else ()))


def _as_entered(step: Callable[[Card], Parts]) -> Callable[[Card, Entry], Parts]:
    return lambda card, _entry: step(card)


RECORDS: Final = (
    Record(Correctable.EXPEDIENCY, "decisions", _as_entered(expediency), ("decision",)),
    Record(Correctable.CREDIT, "credit", _as_entered(credit), ("granted",)),
    Record(Correctable.AGREEMENT, "agreement", _as_entered(agreement)),
    Record(Correctable.LAUNCH, "launch", _as_entered(launch)),
    Record(Correctable.SUSPENSION, "pauses", _pause, ("since", "until")),
    Record(Correctable.EXTENSION, "prolongations", _as_entered(extension)),
    Record(Correctable.SPENDING, "spending", _spending, ("event_id",)),
    Record(Correctable.ENDING, "ending", _ending),
    Record(Correctable.COMMISSION, "commission", _as_entered(commission), ("members", "secretary")),
    Record(Correctable.PROPOSAL, "proposal", _as_entered(proposal), ("outcome",)),
    Record(Correctable.JUDGEMENT, "judgement", _as_entered(judgement), ("outcome", "present", "votes")),
    Record(Correctable.SCALING, "scaling", _as_entered(scaling), ("decision",)),
)
"""In the order in which they come."""
RECORD_OF: Final[Mapping[str, Record]] = {str(one.what): one for one in RECORDS}


# ---- pieces of them

_INDICATOR: Final = (
    Field("code", told=True),
    Field("title"),
    Field("unit"),
    Field("baseline", told=True),
    Field("target", told=True),
    Field("method", PROSE),
)
_YEAR: Final = Field("year", Kind.WHOLE, told=True)
_SHARE: Final = Field("basis_points", Kind.HUNDREDTHS, label="percent")


def party(name: str, edition: Edition, rule: PartyRule) -> Group:
    schemes: Options = [(one, scheme_title(edition, one)) for one in rule.schemes]
    only = len(schemes) == 1
    scheme = (
        Field("scheme", Kind.FIXED, value=schemes[0][0])
        if only
        else Field("scheme", Kind.SELECT, schemes, implied=True)
    )
    value = Field("value", label="party-number", hint=schemes[0][1] if only else "")
    return Group(name, (Group("id", (scheme, value), bare=True), Field("name")))


def scheme_title(edition: Edition, scheme: str) -> Wording:
    found = edition.scheme(scheme)
    return same(scheme) if found is None else Wording(found.title_ru, found.title_be, found.title_en)


def _money(money: MoneyRules | None) -> tuple[Field, ...]:
    """Source, amount and currency. Amounts are typed with two decimals: currencies that have others are not offered."""
    assert money is not None, "what was paid was paid by an edition with money"
    currencies = [one.code for one in money.currencies if one.decimals == 2]
    only = len(currencies) == 1
    currency = (
        Field("currency", Kind.FIXED, value=currencies[0])
        if only
        else Field("currency", Kind.SELECT, [(one, same(one)) for one in currencies], implied=True)
    )
    return (_source(money), Field("amount_minor", Kind.HUNDREDTHS), currency)


def _source(money: MoneyRules) -> Field:
    return Field("source", Kind.SELECT, [(one.code, one) for one in money.sources.entries])


def _sector(edition: Edition) -> Field:
    return Field("sector", Kind.SELECT, [(one.code, one) for one in edition.sectors.entries])


def _region(edition: Edition) -> Field:
    return Field("region", Kind.SELECT, [(one.code, one) for one in edition.regions.entries])


def _outcome(card: Card) -> Field:
    partly = edition_of(card).switches.partly_effective.on
    codes = [one for one in Effectiveness if partly or one is not Effectiveness.PARTLY]
    return Field("outcome", Kind.CHOICE, coded(*codes))


def _values(card: Card) -> Group:
    criteria = edition_of(card).effectiveness
    scale = [(str(one), same(str(one))) for one in range(criteria.scale_min, criteria.scale_max + 1)]
    each = tuple((one, _criterion(one)) for one in criteria.entries)
    parts = (Field("value", Kind.WHOLE, scale, label="grade", told=True), Field("reason", PROSE, label="grounds"))
    return Group("values", parts, each=each, label="by-criteria")


def _criterion(one: Criterion) -> Field:
    return Field("criterion", Kind.FIXED, value=one.code)
