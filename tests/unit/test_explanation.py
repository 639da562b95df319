"""What an explanation tells of a term: when it is due in its zone, by which rule a day is skipped, who did what."""

from datetime import UTC, date, datetime

import pytest

from contracts.calendars import Override, load_calendars
from contracts.data import Origin
from contracts.reference import LegalEffect, TermKind, TermUnit
from contracts.rules import ExtensionRule, TermRule, load
from services.law import reasons
from services.law.calendar import Calendar, from_rules
from services.law.explanation import explain
from services.law.ledger import Ledger, breach, end, extend, open_ledger, remind, resume, start, suspend
from tests.kit.calendars import BY
from tests.kit.common import minsk

MINSK = "Europe/Minsk"
LOOK_OVER = load().edition("by-2024").terms[TermKind.LOOK_OVER]
RULE = TermRule(
    ru="срок",
    be="тэрмін",
    en="term",
    budget=9,
    unit=TermUnit.WORKING_DAYS,
    calendar="BY",
    legal_effect=LegalEffect.ALARM,
    stops_while_with_applicant=True,
    extension=ExtensionRule(max_count=2, days=4),
    origin=Origin(kind="assumption", note="for a test"),
)


def ledger_of(rule: TermRule, by: Calendar = BY, at: str = "2026-04-16T12:00") -> Ledger:
    return open_ledger(start(rule, by, "expertise", minsk(at), MINSK))


def test_the_due_day_is_said_in_the_zone_of_the_term_beside_the_instant() -> None:
    told = explain(ledger_of(LOOK_OVER), minsk("2026-04-17T12:00"), BY)
    assert told.due == datetime(2026, 4, 23, 21, tzinfo=UTC)
    assert told.last_day == date(2026, 4, 23)
    assert told.due_en == "2026-04-23, end of the day, Europe/Minsk"
    assert told.due_ru == "23.04.2026, конец дня, Europe/Minsk"
    assert told.due_be == "23.04.2026, канец дня, Europe/Minsk"


def test_a_stopped_or_ended_term_has_no_due_day() -> None:
    stopped = suspend(ledger_of(RULE), RULE, minsk("2026-04-17T09:00"), "p1", "asked", BY)
    for ledger in (stopped, end(ledger_of(RULE), minsk("2026-04-17T09:00"))):
        told = explain(ledger, minsk("2026-04-18T09:00"), BY)
        assert (told.due, told.due_ru, told.due_be, told.due_en) == (None,) * 4


def test_every_kind_of_rule_that_skips_a_day_is_named_with_its_act() -> None:
    packaged = next(rules for rules in load_calendars() if rules.id == "BY")
    closed = Override(day=date(2026, 4, 22), working=False, reason_ru="карантин", reason_en="quarantine", act="№ 5")
    opened = Override(day=date(2026, 4, 18), working=True, reason_ru="р", reason_en="r", act="№ 6")
    by = from_rules(packaged.model_copy(update={"overrides": (closed, opened)}))
    told = explain(ledger_of(LOOK_OVER, by), minsk("2026-04-17T12:00"), by)
    (running,) = told.intervals
    assert [(s.day.day, s.rule, s.en, s.ru, s.be) for s in running.skipped] == [
        (19, "weekend", "weekend", "выходной день", "выхадны дзень"),
        (
            20,
            "moved-day",
            "working day moved to 2026-04-25",
            "рабочий день перенесён на 25.04.2026",
            "рабочы дзень перанесены на 25.04.2026",
        ),
        (21, "holiday", "Radunitsa (Day of Rejoicing)", "Радуница", "Радаўніца"),
        (22, "override", "quarantine", "карантин", "карантин"),
    ]
    assert [s.act for s in running.skipped if s.act] == [packaged.transfers[1].origin.act, "№ 5"]
    assert running.worked_weekends == (date(2026, 4, 18),)


def test_who_stopped_and_extended_the_term_and_why_is_told_in_three_languages() -> None:
    ledger = suspend(ledger_of(RULE), RULE, minsk("2026-04-22T09:00"), "p7", "papers asked for", BY)
    ledger = resume(ledger, minsk("2026-04-24T17:30"))
    ledger = extend(ledger, RULE, minsk("2026-04-27T10:00"), "p8", "a second expert", BY)
    ledger = suspend(ledger, RULE, minsk("2026-04-28T09:00"), "p9", "a sample is missing", BY)
    told = explain(ledger, minsk("2026-04-29T12:00"), BY)
    stops = [(i.who, i.why) for i in told.intervals if i.state == "stopped"]
    assert stops == [("p7", "papers asked for"), ("p9", "a sample is missing")]
    assert [(e.who, e.why, e.days) for e in told.extensions] == [("p8", "a second expert", 4)]
    assert told.en.endswith(
        "The clock is stopped. Used: 3, left: 10. "
        "Stopped from 2026-04-22 09:00 to 2026-04-24 17:30: papers asked for (p7). "
        "Stopped from 2026-04-28 09:00: a sample is missing (p9). "
        "Extended on 2026-04-27 10:00, days: 4: a second expert (p8)."
    )
    assert told.ru.endswith(
        "Срок приостановлен. Использовано: 3, осталось: 10. "
        "Остановлен с 22.04.2026 09:00 по 24.04.2026 17:30: papers asked for (p7). "
        "Остановлен с 28.04.2026 09:00: a sample is missing (p9). "
        "Продлён 27.04.2026 10:00, дней: 4: a second expert (p8)."
    )
    assert told.be.endswith(
        "Тэрмін прыпынены. Выкарыстана: 3, засталося: 10. "
        "Спынены з 22.04.2026 09:00 па 24.04.2026 17:30: papers asked for (p7). "
        "Спынены з 28.04.2026 09:00: a sample is missing (p9). "
        "Падоўжаны 27.04.2026 10:00, дзён: 4: a second expert (p8)."
    )


@pytest.mark.parametrize("why", [reasons.WAITING_APPLICANT, "waiting for the applicant"])
def test_a_reason_that_the_law_gives_is_said_in_words_also_where_an_earlier_fact_has_a_sentence(why: str) -> None:
    stopped = suspend(ledger_of(RULE), RULE, minsk("2026-04-22T09:00"), "p7", why, BY)
    told = explain(stopped, minsk("2026-04-29T12:00"), BY)
    stop = told.intervals[-1]
    assert (stop.why, stop.why_en) == (why, "waiting for the applicant")
    assert (stop.why_ru, stop.why_be) == ("ожидание сведений от заявителя", "чаканне звестак ад заяўніка")
    assert "waiting for the applicant (p7)" in told.en and "why." not in told.ru + told.be + told.en
    assert "ожидание сведений от заявителя (p7)" in told.ru and "чаканне звестак ад заяўніка (p7)" in told.be


def test_what_a_person_gave_as_reason_or_an_earlier_fact_said_with_values_is_shown_as_it_stands() -> None:
    for why in ("papers asked for", "totals: 4000 and 9000 of 10000", "weekend", "unforeseen"):
        said = reasons.told(why)
        assert (said.ru, said.be, said.en) == (why, why, why)
        assert reasons.beside({"why": why, "kind": "x"}) == {"why": why, "kind": "x"}
    assert reasons.beside({"kind": "x"}) == {"kind": "x"}
    for why in (reasons.SUSPENDED, "carrying out is suspended", reasons.VERDICTS_APART, "verdicts: for and against"):
        shown = reasons.beside({"why": why})
        assert shown["why"] == why and shown["why_ru"] != shown["why_be"] != shown["why_en"] and "why_ru" in shown


def test_what_was_announced_is_told() -> None:
    plain = explain(ledger_of(LOOK_OVER), minsk("2026-04-24T12:00"), BY)
    assert (plain.state, plain.reminded, plain.breached) == ("overdue", (), False)
    told = explain(breach(remind(ledger_of(LOOK_OVER), (2, 1))), minsk("2026-04-24T12:00"), BY)
    assert (told.state, told.reminded, told.breached) == ("overdue", (2, 1), True)
    assert told.en == f"{plain.en} Reminders were given with days left: 2, 1. The breach was announced."
    assert told.ru == f"{plain.ru} Напоминания сделаны, когда оставалось дней: 2, 1. О нарушении срока сообщено."
    assert told.be == f"{plain.be} Напаміны зроблены, калі заставалася дзён: 2, 1. Пра парушэнне тэрміну паведамлена."


@pytest.mark.parametrize(("at", "said"), [("2026-12-30T12:00", True), ("2026-04-16T12:00", False)])
def test_it_is_said_when_the_due_day_rests_on_a_year_without_its_act(at: str, said: bool) -> None:
    told = explain(ledger_of(LOOK_OVER, at=at), minsk(at), BY)
    assert told.provisional is said
    assert ("provisional" in told.en) is said
    assert ("предварительная" in told.ru) is said
    assert ("папярэдняя" in told.be) is said


def test_an_explanation_by_another_version_than_the_ledgers_own_says_so() -> None:
    packaged = next(rules for rules in load_calendars() if rules.id == "BY")
    newer = from_rules(packaged.model_copy(update={"version": "2026.9"}))
    told = explain(ledger_of(LOOK_OVER), minsk("2026-04-17T12:00"), newer)
    assert told.counted_by == newer.version != told.term.calendar_version
    assert told.en.endswith(f"Counted by calendar {newer.version} instead of {BY.version}.")
