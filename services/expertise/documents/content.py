"""A conclusion of a case as its paper says it (заключение на бумаге): which words stand for what is stored. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from contracts import reference
from contracts.data import Titled
from contracts.expertise import APPROVER, AUTHOR, ApprovedConclusion, ReviewKind, SignerRole
from contracts.reference import OrganisationId, Party, Severity, Verdict
from contracts.rules import Edition
from contracts.words import Wording
from services.expertise.documents.language import LANGUAGE, said
from services.expertise.documents.render import Paper, Remark, Score, Signer, TermLine
from services.expertise.domain.parts import Conclusion, Round
from services.expertise.domain.state import TERM_OF, Case
from services.law import reasons
from services.law.calendar import Calendars, written
from services.law.explanation import Explanation, explain, origin

KINDS: Final[Mapping[ReviewKind, str]] = {
    ReviewKind.FIRST: "paper.kind.first",
    ReviewKind.REPEAT: "paper.kind.repeat",
    ReviewKind.CREDIT: "paper.kind.credit",
    ReviewKind.REPLICATION: "paper.kind.replication",
}
VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.POSITIVE: "paper.verdict.positive",
    Verdict.POSITIVE_WITH_REMARKS: "paper.verdict.positive-with-remarks",
    Verdict.NEGATIVE: "paper.verdict.negative",
}
SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.MINOR: "paper.severity.minor",
    Severity.MAJOR: "paper.severity.major",
    Severity.CRITICAL: "paper.severity.critical",
}
ROLES: Final[Mapping[SignerRole, str]] = {AUTHOR: "paper.signer.author", APPROVER: "paper.signer.approver"}
PARTIES: Final[Mapping[str, str]] = {
    "initiator": "paper.party.initiator",
    "customer": "paper.party.customer",
    "executor": "paper.party.executor",
}
SCHEMES: Final[Mapping[str, str]] = {"BY-UNP": "paper.scheme.by-unp", "RU-INN": "paper.scheme.ru-inn"}
FIELDS: Final[Mapping[str, str]] = {
    "title": "paper.field.title",
    "problem": "paper.field.problem",
    "solution": "paper.field.solution",
    "sector": "paper.field.sector",
    "initiator": "paper.field.initiator",
    "customer": "paper.field.customer",
    "executor": "paper.field.executor",
    "territory": "paper.field.territory",
    "planned_start": "paper.field.planned-start",
    "planned_end": "paper.field.planned-end",
    "expected_effect": "paper.field.expected-effect",
    "costs": "paper.field.costs",
    "own_number": "paper.field.own-number",
    "procedure": "paper.field.procedure",
    "replicates": "paper.field.replicates",
    "evidence": "paper.field.evidence",
    "participants": "paper.field.participants",
}
"""The ids of the words for the fields of an application."""


def paper(
    case: Case,
    of: ApprovedConclusion,
    edition: Edition,
    names: Mapping[str, str],
    now: datetime,
    calendars: Calendars,
) -> Paper:
    """The paper of a conclusion with the content of its round; `names` of the signers by their ids. One that has no
    number yet is a draft on paper, too."""
    round_ = next((one for one in (*case.past, case) if one.round == of.round), case)
    application = round_.application
    told = _told(round_, now, calendars)
    sectors = {entry.code: _label(entry) for entry in edition.sectors.entries}
    return Paper(
        number=of.number if isinstance(of, Conclusion) else None,
        date=of.date,
        place_of_body=said("paper.body"),
        kind=said(KINDS[round_.kind]),
        round=round_.round,
        application_number=case.number,
        title=application.title,
        parties=tuple(_parties(round_)),
        sector=sectors.get(application.sector, application.sector),
        verdict=said(VERDICTS[of.verdict]),
        text=of.text,
        remarks=_remarks(case, round_, of),
        scores=_scores(round_, of, edition),
        term_summary=_summary(told),
        term_lines=_lines(told),
        term_note=_note(told),
        signers=_signers(of, names),
        earlier=_earlier(case, round_),
        changes=tuple(
            (_field(one.field), _value(one.before, edition), _value(one.after, edition)) for one in round_.changes
        ),
    )


def _signers(of: ApprovedConclusion, names: Mapping[str, str]) -> tuple[Signer, ...]:
    day = written(of.date).text(LANGUAGE)
    return tuple(Signer(said(ROLES[one.role]), names[one.person_id], day) for one in of.signers)


def _parties(round_: Round) -> list[tuple[str, str, str]]:
    application = round_.application
    named = [(said(PARTIES[role]), getattr(application, role)) for role in PARTIES]
    named += [(said("paper.party.participant"), one) for one in application.participants]
    return [(role, _name(one), _number(one.id)) for role, one in named if one is not None]


def _name(party: Party) -> str:
    return party.name or "—"


def _number(id_: OrganisationId) -> str:
    scheme = said(SCHEMES[id_.scheme]) if id_.scheme in SCHEMES else id_.scheme
    return f"{scheme} {id_.value}"


def _field(name: str) -> str:
    return said(FIELDS[name]) if name in FIELDS else name


def _label(entry: Titled) -> str:
    return Wording(entry.ru, entry.be, entry.en).text(LANGUAGE)


def _remarks(case: Case, round_: Round, of: ApprovedConclusion) -> tuple[Remark, ...]:
    """In a repeat the remarks of the conclusion before, each with whether it was met; then those of this one."""
    before = next((one.remarks for one in case.conclusions if one.number == round_.earlier), ())
    met = {one.place: one.met for one in of.earlier_remarks}
    old = [_remark(one, met[place]) for place, one in enumerate(before, 1) if place in met]
    return (*old, *(_remark(one, None) for one in of.remarks))


def _remark(given: reference.Remark, met: bool | None) -> Remark:
    return Remark(given.code, "", given.text, said(SEVERITIES[given.severity]), given.must_fix, met)


def _scores(round_: Round, of: ApprovedConclusion, edition: Edition) -> tuple[Score, ...]:
    """Each criterion with what every expert gave it on whose opinion the conclusion rests."""
    counted = [one.opinions[-1] for one in round_.places if one.opinions and one.expert in of.judges]
    highest = edition.criteria.scale_max
    found = list[Score]()
    for criterion in edition.criteria.entries:
        scores = [score for one in counted for score in one.scores if score.criterion == criterion.code]
        if scores:
            values = tuple(said("paper.score", value=score.value, highest=highest) for score in scores)
            found.append(Score(_label(criterion), values, tuple(score.reason for score in scores)))
    return tuple(found)


def _told(round_: Round, now: datetime, calendars: Calendars) -> Explanation | None:
    """How the round's own term came about."""
    found = [one for one in round_.terms if one.kind == TERM_OF[round_.kind]]
    return explain(found[-1].ledger, now, calendars[found[-1].ledger.term.calendar]) if found else None


def _summary(told: Explanation | None) -> str:
    return "" if told is None else said("paper.term.used", used=told.used, total=told.total)


def _note(told: Explanation | None) -> str:
    if told is None:
        return ""
    return said("paper.term.origin", origin=origin(told.term))


def _lines(told: Explanation | None) -> tuple[TermLine, ...]:
    found = list[TermLine]()
    for one in told.intervals if told is not None else ():
        if one.first is None or one.last is None:
            continue
        days = one.counted if one.state == "running" else (one.last - one.first).days + 1
        why = reasons.told(one.why).text(LANGUAGE) if one.why is not None else None
        since, until = (written(day).text(LANGUAGE) for day in (one.first, one.last))
        found.append(TermLine(one.state, since, until, days, why))
    return tuple(found)


def _earlier(case: Case, round_: Round) -> str | None:
    before = next((one for one in case.conclusions if one.number == round_.earlier), None)
    return None if before is None else said("paper.earlier", number=before.number, date=written(before.date))


def _value(value: JsonValue, edition: Edition) -> str:
    """A value of an application in words that can be read."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            return "; ".join(_value(one, edition) for one in value)
        case {"amount_minor": int(amount), "currency": str(currency), "source": source, "year": year}:
            return f"{source}, {year or '—'}: {_money(amount, currency, edition)}"
        case {"id": {"scheme": str(scheme), "value": str(number)}, **rest}:
            known_as = _number(OrganisationId.model_construct(scheme=scheme, value=number))
            return f"{name}, {known_as}" if (name := rest.get("name")) else known_as
        case _:
            return json.dumps(value, ensure_ascii=False)


def _money(minor: int, currency: str, edition: Edition) -> str:
    known = edition.money.currencies if edition.money is not None else ()
    decimals = next((one.decimals for one in known if one.code == currency), 0)
    return f"{Decimal(minor).scaleb(-decimals)} {currency}"
