"""A conclusion of a case as its paper says it (заключение на бумаге): which words stand for what is stored. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from contracts import reference
from contracts.expertise import ReviewKind
from contracts.reference import OrganisationId, Party, Severity, Standing, Verdict
from contracts.rules import Edition
from services.expertise.documents.render import Paper, Remark, Score, Signer, TermLine
from services.expertise.domain.parts import Conclusion, Round
from services.expertise.domain.requests import WAITING
from services.expertise.domain.state import TERM_OF, Case
from services.law.calendar import Calendars
from services.law.explanation import Explanation, explain

BODY: Final = "Оператор экспертизы"
KINDS: Final = {
    ReviewKind.FIRST: "первичная экспертиза",
    ReviewKind.REPEAT: "повторная экспертиза",
    ReviewKind.CREDIT: "зачёт",
    ReviewKind.REPLICATION: "тиражирование",
}
VERDICTS: Final = {
    Verdict.POSITIVE: "Положительное",
    Verdict.POSITIVE_WITH_REMARKS: "Положительное с замечаниями",
    Verdict.NEGATIVE: "Отрицательное",
}
SEVERITIES: Final = {
    Severity.MINOR: "незначительное",
    Severity.MAJOR: "существенное",
    Severity.CRITICAL: "критическое",
}
STANDINGS: Final = {
    Standing.IN_FORCE: None,
    Standing.REPLACED: "Изменено по результатам обжалования",
    Standing.ANNULLED: "Отменено по результатам обжалования",
}
ROLES: Final = {"author": "Составил", "approver": "Утвердил"}
PARTIES: Final = {"initiator": "Инициатор", "customer": "Заказчик", "executor": "Исполнитель"}
FIELDS: Final = {
    "title": "Название",
    "problem": "Проблема",
    "solution": "Решение",
    "sector": "Отрасль",
    "initiator": "Инициатор",
    "customer": "Заказчик",
    "executor": "Исполнитель",
    "territory": "Территория",
    "planned_start": "Начало",
    "planned_end": "Окончание",
    "expected_effect": "Ожидаемый эффект",
    "costs": "Стоимость",
    "own_number": "Номер заявителя",
    "procedure": "Порядок",
    "replicates": "Тиражируемый проект",
    "evidence": "Подтверждение",
    "participants": "Участники",
}
"""The fields of an application in Russian."""


def paper(
    case: Case, of: Conclusion, edition: Edition, names: Mapping[str, str], now: datetime, calendars: Calendars
) -> Paper:
    """The paper of a conclusion with the content of its round; `names` of the signers by their ids."""
    round_ = next((one for one in (*case.past, case) if one.round == of.round), case)
    application = round_.application
    told = _told(round_, now, calendars)
    sectors = {entry.code: entry.ru for entry in edition.sectors.entries}
    return Paper(
        number=of.number,
        date=of.date,
        place_of_body=BODY,
        kind=KINDS[round_.kind],
        round=round_.round,
        application_number=case.number,
        title=application.title,
        parties=tuple(_parties(round_)),
        sector=sectors.get(application.sector, application.sector),
        verdict=VERDICTS[of.verdict],
        text=of.text,
        remarks=_remarks(case, round_, of),
        scores=_scores(round_, of, edition),
        term_summary=_summary(told),
        term_lines=_lines(told),
        term_note=_note(told),
        signers=tuple(Signer(ROLES[one.role], names[one.person_id], f"{of.date:%d.%m.%Y}") for one in of.signers),
        earlier=_earlier(case, round_),
        changes=tuple(
            (FIELDS.get(one.field, one.field), _said(one.before, edition), _said(one.after, edition))
            for one in round_.changes
        ),
        standing=STANDINGS[of.standing],
    )


def _parties(round_: Round) -> list[tuple[str, str, str]]:
    application = round_.application
    named = [(ru, getattr(application, role)) for role, ru in PARTIES.items()]
    named += [("Участник", one) for one in application.participants]
    return [(role, _name(one), _number(one.id)) for role, one in named if one is not None]


def _name(party: Party) -> str:
    return party.name or "—"


def _number(id_: OrganisationId) -> str:
    schemes = {"BY-UNP": "УНП", "RU-INN": "ИНН"}
    return f"{schemes.get(id_.scheme, id_.scheme)} {id_.value}"


def _remarks(case: Case, round_: Round, of: Conclusion) -> tuple[Remark, ...]:
    """In a repeat the remarks of the conclusion before, each with whether it was met; then those of this one."""
    before = next((one.remarks for one in case.conclusions if one.number == round_.earlier), ())
    met = {one.place: one.met for one in of.earlier_remarks}
    old = [_remark(one, met[place]) for place, one in enumerate(before, 1) if place in met]
    return (*old, *(_remark(one, None) for one in of.remarks))


def _remark(given: reference.Remark, met: bool | None) -> Remark:
    return Remark(given.code, "", given.text, SEVERITIES[given.severity], given.must_fix, met)


def _scores(round_: Round, of: Conclusion, edition: Edition) -> tuple[Score, ...]:
    """Each criterion with what every expert gave it on whose opinion the conclusion rests."""
    counted = [one.opinions[-1] for one in round_.places if one.opinions and one.expert in of.judges]
    highest = edition.criteria.scale_max
    found = list[Score]()
    for criterion in edition.criteria.entries:
        scores = [score for one in counted for score in one.scores if score.criterion == criterion.code]
        if scores:
            values = tuple(f"{score.value} из {highest}" for score in scores)
            found.append(Score(criterion.ru, values, tuple(score.reason for score in scores)))
    return tuple(found)


def _told(round_: Round, now: datetime, calendars: Calendars) -> Explanation | None:
    """How the round's own term came about."""
    found = [one for one in round_.terms if one.kind == TERM_OF[round_.kind]]
    return explain(found[-1].ledger, now, calendars[found[-1].ledger.term.calendar]) if found else None


def _summary(told: Explanation | None) -> str:
    return "" if told is None else f"Израсходовано дней: {told.used} из {told.total}."


def _note(told: Explanation | None) -> str:
    if told is None:
        return ""
    return f"Источник срока: {'норма закона' if told.term.origin == 'law' else 'допущение'}."


def _lines(told: Explanation | None) -> tuple[TermLine, ...]:
    found = list[TermLine]()
    for one in told.intervals if told is not None else ():
        if one.first is None or one.last is None:
            continue
        days = one.counted if one.state == "running" else (one.last - one.first).days + 1
        why = "ожидание сведений от заявителя" if one.why == WAITING else one.why
        found.append(TermLine(one.state, f"{one.first:%d.%m.%Y}", f"{one.last:%d.%m.%Y}", days, why))
    return tuple(found)


def _earlier(case: Case, round_: Round) -> str | None:
    before = next((one for one in case.conclusions if one.number == round_.earlier), None)
    return f"№ {before.number} от {before.date:%d.%m.%Y}" if before is not None else None


def _said(value: JsonValue, edition: Edition) -> str:
    """A value of an application in words that can be read."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            return "; ".join(_said(one, edition) for one in value)
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
