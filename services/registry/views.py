"""What the register shows of a pilot: the one place with the two allow-lists, internal and public.

Both views are built field by field from the tables below. A field that stands in no table is shown to nobody, one
that is not marked `public` never leaves the house; a new field is one line. Lists, cards, timelines, the search
indexes and everything that is given out are made from these views and from nothing else. The file is long and
one thing: whoever lets a field out must see at a glance what of it is public.

Never public: ids of persons and actors, correlation and trace ids, the words of remarks, opinions, conclusions,
reports and minutes, evidence, risks, why an application went back or a pilot stood still, cost lines and payments one
by one (their sums by source and year are), what was paid above the commitment, the applicant's own number, and which
pilots copy this one (they may not be public yet; each says itself what it copies).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from contracts.reference import TermKind
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    AnnulmentRecordedV1,
    ConclusionRecordedV1,
    ConflictNotedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotCompletedV1,
    PilotEnteredV1,
    PilotExtendedV1,
    PilotLaunchedV1,
    PilotResumedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
    ScalingDecidedV1,
)
from services.chassis.fold import state_json
from services.chassis.store import Row
from services.chassis.subject import Document
from services.registry.amounts import in_units
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage, next_move
from services.registry.domain.state import Pilot

View = dict[str, Any]
ZONE: Final = ZoneInfo("Europe/Minsk")
"""The zone of the register's days and years (assumption: one register, one zone, whatever the edition)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of an answer.

    `at` says how it is read from what holds it: under another name, or by a function; `of` are the fields of the
    object, or of each object of a list, that stands there. What is neither a table nor plain is not shown, unless
    it is shown `whole`, which nothing public is. `listed`: it stands in lists too.
    """

    name: str
    at: str | Callable[[Mapping[str, Any]], Any] = ""
    of: tuple["Shown", ...] = ()
    public: bool = False
    listed: bool = False
    whole: bool = False


def _next_move(state: Mapping[str, Any]) -> str | None:
    running = [term["kind"] for term in state.get("terms", ())]  # a document of an earlier program has none
    mover = next_move(Stage(state["stage"]), running)
    return None if mover is None else mover.value


def _totals(state: Mapping[str, Any]) -> View:
    """Exact sums of a pilot's money by stage and currency: planned, committed, paid."""
    sums: dict[tuple[str, str], int] = {}
    for line in state.get("money", ()):
        key = (line["stage"], line["currency"])
        sums[key] = sums.get(key, 0) + line["amount_minor"]
    ordered = sorted(sums.items())
    return {
        stage.value: [{"currency": c, "amount_minor": amount} for (of, c), amount in ordered if of == stage.value]
        for stage in MoneyStage
    }


def _units(held: Mapping[str, Any]) -> str:
    return in_units(held["amount_minor"], held["currency"])


def _published(state: Mapping[str, Any]) -> str | None:
    """When the public first saw a pilot: when it came to a stage that is public."""
    concluded = bool(state.get("conclusions"))
    stays = (stay for stay in state.get("history") or () if stay.get("since"))
    return min((stay["since"] for stay in stays if public_at(Stage(stay["stage"]), concluded=concluded)), default=None)


def _from_application(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda state: state["application"].get(name)


def day_of(moment: str) -> str:
    """The day, in the zone of the register, of a moment in its wire form."""
    return datetime.fromisoformat(moment).astimezone(ZONE).date().isoformat()


BASIS: Final = (
    Shown("body", public=True),
    Shown("kind", public=True),
    Shown("number", public=True),
    Shown("date", public=True),
)
ORGANISATION: Final = (Shown("scheme", public=True), Shown("value", public=True))
PARTY: Final = (Shown("id", of=ORGANISATION, public=True), Shown("name", public=True))
COST_LINE: Final = (Shown("source"), Shown("year"), Shown("amount_minor"), Shown("currency"))
MONEY: Final = (
    Shown("stage", public=True),
    Shown("sector", public=True),
    Shown("source", public=True),
    Shown("year", public=True),
    Shown("currency", public=True),
    Shown("amount_minor", public=True),
    Shown("amount", _units, public=True),
)
OVERPAID: Final = (Shown("source"), Shown("currency"), Shown("committed_minor"), Shown("paid_minor"))
SUM: Final = (
    Shown("currency", public=True),
    Shown("amount_minor", public=True),
    Shown("amount", _units, public=True),
)
TOTALS: Final = tuple(Shown(stage.value, of=SUM, public=True) for stage in MoneyStage)
SHARE: Final = (Shown("sector", public=True), Shown("basis_points", public=True))
APPLICATION: Final = (
    Shown("title", public=True),
    Shown("problem", public=True),
    Shown("solution", public=True),
    Shown("sector", public=True),
    Shown("initiator", of=PARTY, public=True),
    Shown("customer", of=PARTY, public=True),
    Shown("executor", of=PARTY, public=True),
    Shown("territory", public=True),
    Shown("planned_start", public=True),
    Shown("planned_end", public=True),
    Shown("expected_effect", public=True),
    Shown("costs", of=COST_LINE),
    Shown("own_number"),
    Shown("procedure", public=True),
    Shown("replicates", public=True),
    Shown("evidence"),
    Shown("participants", of=PARTY),
    Shown("region", public=True),
    Shown("office", public=True),
    Shown("sector_shares", of=SHARE, public=True),
    Shown("adaptation", public=True),
)
TERM: Final = (Shown("kind"), Shown("due_at"), Shown("breached"))
PAST: Final = (Shown("kind"), Shown("kept"), Shown("broken"))
REMARK: Final = (Shown("code"), Shown("text"), Shown("severity"), Shown("must_fix"))
CONCLUSION: Final = (
    Shown("round", public=True),
    Shown("number", public=True),
    Shown("date", public=True),
    Shown("verdict", public=True),
    Shown("text"),
    Shown("remarks", of=REMARK),
    Shown("replaces", public=True),
    Shown("standing", public=True),
)
DECISION: Final = (Shown("decision", public=True), Shown("basis", of=BASIS, public=True))
REASON: Final = (Shown("code"), Shown("text"))
INDICATOR: Final = (
    Shown("code", public=True),
    Shown("title", public=True),
    Shown("unit", public=True),
    Shown("baseline", public=True),
    Shown("target", public=True),
    Shown("method", public=True),
)
AGREEMENT: Final = (
    Shown("customer", of=PARTY, public=True),
    Shown("executor", of=PARTY, public=True),
    Shown("programme"),
    Shown("starts", public=True),
    Shown("until", public=True),
    Shown("indicators", of=INDICATOR, public=True),
    Shown("costs", of=COST_LINE),
    Shown("sector_shares", of=SHARE, public=True),
    Shown("region", public=True),
)
AGREED: Final = (Shown("agreement", of=AGREEMENT, public=True), Shown("basis", of=BASIS, public=True))
LAUNCH: Final = (Shown("started", public=True), Shown("basis", of=BASIS, public=True))
PERIOD: Final = (Shown("since"), Shown("until"))
REPORT: Final = (Shown("event_id"), Shown("at"), Shown("period", of=PERIOD), Shown("summary"))
VALUE: Final = (
    Shown("indicator", public=True),
    Shown("value", public=True),
    Shown("measured", public=True),
    Shown("evidence"),
)
PROGRESS: Final = (
    Shown("indicator", public=True),
    Shown("value", public=True),
    Shown("measured", public=True),
    Shown("percent", public=True),
    Shown("reached", public=True),
)
PAYMENT: Final = (
    Shown("source"),
    Shown("year"),
    Shown("amount_minor"),
    Shown("currency"),
    Shown("paid"),
    Shown("document"),
)
SPENDING: Final = (Shown("event_id"), Shown("payments", of=PAYMENT))
RISK: Final = (
    Shown("id"),
    Shown("title"),
    Shown("scenario"),
    Shown("probability"),
    Shown("impact"),
    Shown("answer"),
    Shown("owner", of=(Shown("scheme"), Shown("value"))),
    Shown("open"),
)
PAUSE: Final = (
    Shown("since", public=True),
    Shown("why"),
    Shown("basis", of=BASIS, public=True),
    Shown("until", public=True),
    Shown("resumed", of=BASIS, public=True),
)
PROLONGATION: Final = (Shown("until", public=True), Shown("why"), Shown("basis", of=BASIS, public=True))
ENDING: Final = (Shown("on", public=True), Shown("text"), Shown("basis", of=BASIS, public=True))
COMMISSION: Final = (Shown("members"), Shown("secretary"), Shown("basis", of=BASIS, public=True))
CRITERION: Final = (Shown("criterion", public=True), Shown("value", public=True), Shown("reason"))
PROPOSAL: Final = (
    Shown("outcome"),
    Shown("text"),
    Shown("values", of=(Shown("criterion"), Shown("value"), Shown("reason"))),
    Shown("basis", of=BASIS),
)
VOTES: Final = (
    Shown("in_favour", public=True),
    Shown("against", public=True),
    Shown("abstained", public=True),
)
JUDGEMENT: Final = (
    Shown("outcome", public=True),
    Shown("text"),
    Shown("values", of=CRITERION, public=True),
    Shown("present"),
    Shown("votes", of=VOTES, public=True),
    Shown("basis", of=BASIS, public=True),
)
WINDOW: Final = (Shown("source", public=True), Shown("opens", public=True), Shown("closes", public=True))
PLAN: Final = (Shown("customer", of=PARTY, public=True), Shown("region", public=True), Shown("note"))
SCALING: Final = (
    Shown("decision", public=True),
    Shown("evidence"),
    Shown("conditions", public=True),
    Shown("windows", of=WINDOW, public=True),
    Shown("replicas", of=PLAN, public=True),
    Shown("basis", of=BASIS, public=True),
)
CREDIT: Final = (Shown("granted", public=True), Shown("evidence"), Shown("basis", of=BASIS, public=True))
REPLICA: Final = (Shown("pilot"), Shown("number"), Shown("adaptation"), Shown("outcome"))
STAY: Final = (Shown("stage"), Shown("sector"), Shown("since"), Shown("until"))
PILOT: Final = (
    Shown("id", public=True, listed=True),
    Shown("number", public=True, listed=True),
    Shown("title", _from_application("title"), public=True, listed=True),
    Shown("sector", _from_application("sector"), public=True, listed=True),
    Shown("procedure", _from_application("procedure"), public=True, listed=True),
    Shown("agency", public=True, listed=True),
    Shown("agency_name", public=True, listed=True),
    Shown("stage", public=True, listed=True),
    Shown("next_move", _next_move, listed=True),
    Shown("term", of=TERM, listed=True),
    Shown("entered", public=True, listed=True),
    Shown("published", _published, public=True, listed=True),
    Shown("version"),
    Shown("correlation"),
    Shown("edition", public=True),
    Shown("submitted"),
    Shown("application", of=APPLICATION, public=True),
    Shown("money", of=MONEY, public=True),
    Shown("totals", _totals, of=TOTALS, public=True, listed=True),
    Shown("overpaid", lambda state: state.get("overpaid") or [], of=OVERPAID, listed=True),
    Shown("region", public=True, listed=True),
    Shown("sectors", public=True, listed=True),
    Shown("executor", of=PARTY, public=True),
    Shown("terms", of=TERM),
    Shown("past_terms", of=PAST),
    Shown("reasons", of=REASON),
    Shown("text"),
    Shown("basis", of=BASIS, public=True),
    Shown("conclusion", of=CONCLUSION, public=True),
    Shown("conclusions", of=CONCLUSION, public=True),
    Shown("decisions", of=DECISION, public=True),
    Shown("credit", of=CREDIT, public=True),
    Shown("agreement", of=AGREED, public=True),
    Shown("launch", of=LAUNCH, public=True),
    Shown("started", public=True, listed=True),
    Shown("until", public=True, listed=True),
    Shown("reports", of=REPORT),
    Shown("values", of=VALUE, public=True),
    Shown("progress", of=PROGRESS, public=True),
    Shown("spending", of=SPENDING),
    Shown("risks", of=RISK),
    Shown("pauses", of=PAUSE, public=True),
    Shown("prolongations", of=PROLONGATION, public=True),
    Shown("ending", of=ENDING, public=True),
    Shown("commission", of=COMMISSION, public=True),
    Shown("proposal", of=PROPOSAL),
    Shown("judgement", of=JUDGEMENT, public=True),
    Shown("scaling", of=SCALING, public=True),
    Shown("replicas", of=REPLICA),
    Shown("history", of=STAY),
)
"""A pilot: its state, its id, its version, what it began with."""
BESIDE: Final = frozenset({"id", "version", "correlation"})
"""What stands beside the state in a document."""
HIDDEN: Final = frozenset(
    {"turn", "own_terms", "past_own_terms", "foreign_terms", "calendars", "reported", "of_old", "hidden_from", "tied"}
)
"""What the state holds for the engine alone: shown to nobody. Of the terms, `terms` shows how they stand; what was
reported is shown entry by entry, and what it comes to in `money` and `progress`; from whom a conflict of interest
hides the pilot is told to nobody."""


def _row_day(row: Mapping[str, Any]) -> str:
    """The day that a fact belongs to: that of the document it rests on, else its own, else that of the entry."""
    basis, own = row.get("basis"), row.get("what", {}).get("date")
    return str(basis["date"]) if basis else str(own) if own else day_of(row["time"])


KEPT_IN: Final = frozenset({ConflictNotedV1.TYPE})
"""The facts of which nobody is told more than that there was one: from whom a pilot is hidden."""


def _row_says(row: Mapping[str, Any]) -> Any:
    return {} if row["type"] in KEPT_IN else row.get("what")


ACTOR: Final = (Shown("id"), Shown("organisation"), Shown("role"))
TIMELINE: Final = (
    Shown("sequence"),
    Shown("time"),
    Shown("type", public=True),
    Shown("date", _row_day, public=True),
    Shown("event"),
    Shown("actor", of=ACTOR),
    Shown("basis", of=BASIS, public=True),
    Shown("correlation"),
    Shown("trace"),
    Shown("what", _row_says, whole=True),
)


def _open(*names: str) -> tuple[Shown, ...]:
    return tuple(Shown(name, public=True) for name in names)


PUBLIC_FACTS: Final[Mapping[str, tuple[Shown, ...]]] = {
    PilotEnteredV1.TYPE: _open("agency", "number", "edition", "entered"),
    ConclusionRecordedV1.TYPE: _open("round", "number", "date", "verdict", "replaces"),
    AnnulmentRecordedV1.TYPE: _open("round", "number"),
    ExpediencyDecidedV1.TYPE: (*_open("decision"), Shown("executor", of=PARTY, public=True)),
    CreditDecidedV1.TYPE: _open("granted"),
    AgreementRecordedV1.TYPE: (Shown("agreement", of=AGREEMENT, public=True),),
    AgreementFailedV1.TYPE: (),
    PilotLaunchedV1.TYPE: _open("started"),
    PilotSuspendedV1.TYPE: _open("since"),
    PilotResumedV1.TYPE: _open("since"),
    PilotExtendedV1.TYPE: _open("until"),
    PilotStoppedV1.TYPE: _open("stopped"),
    PilotCompletedV1.TYPE: (*_open("finished"), Shown("values", of=VALUE, public=True)),
    EffectivenessJudgedV1.TYPE: (
        *_open("outcome"),
        Shown("values", of=CRITERION, public=True),
        Shown("votes", of=VOTES, public=True),
    ),
    ScalingDecidedV1.TYPE: tuple(one for one in SCALING if one.name != "basis"),
    EntryCorrectedV1.TYPE: _open("what", "place"),
}
"""The facts that stand in the public timeline, and what of each is said there under `what`: a fact that is not named
is kept in, and so is every field that is not. Of a correction the public learns which entry it speaks of and on what
basis; the card says what holds now."""

PUBLIC_TERMS: Final = (
    TermKind.LOOK_OVER,
    TermKind.EXPERTISE,
    TermKind.REPEAT_EXPERTISE,
    TermKind.REPLICATION_EXPERTISE,
    TermKind.CREDIT_EXPERTISE,
    TermKind.COUNCIL_ALARM,
    TermKind.AGREEMENT,
    TermKind.LAUNCH,
    TermKind.CARRYING_OUT,
    TermKind.EFFECTIVENESS_PROPOSAL,
    TermKind.JUDGEMENT,
    TermKind.SCALING_DECISION,
)
"""The terms of which the public learns in how many, and in which, public pilots they were kept or broken: those that
public bodies have to keep, and whose ends are public themselves. What an applicant owes, and that there was a request,
an appeal or a report, is not told (assumption)."""

When = Literal["always", "once-concluded", "never"]
PUBLIC_STAGES: Final[Mapping[Stage, When]] = {
    Stage.LOOK_OVER: "never",
    Stage.RETURNED: "never",
    Stage.EXPERTISE: "never",
    Stage.NEGATIVE: "never",
    Stage.COUNCIL: "always",
    Stage.EXPEDIENT: "always",
    Stage.NOT_EXPEDIENT: "always",
    Stage.AGREED: "always",
    Stage.NOT_AGREED: "always",
    Stage.RUNNING: "always",
    Stage.SUSPENDED: "always",
    Stage.STOPPED_EARLY: "always",
    Stage.FINISHED: "always",
    Stage.AT_COMMISSION: "always",
    Stage.EFFECTIVE: "always",
    Stage.PARTLY_EFFECTIVE: "always",
    Stage.INEFFECTIVE: "always",
    Stage.SCALED: "always",
    Stage.NOT_SCALED: "always",
    Stage.CATALOGUED: "always",
    Stage.CREDITED: "always",
    Stage.NOT_CREDITED: "always",
    Stage.WITHDRAWN: "once-concluded",
    Stage.STOPPED: "always",
    Stage.LAPSED: "always",
    Stage.REFUSED: "always",
}
"""At which stages the public sees a pilot (assumption; no text of an act was found that says it): from the Council
on, and every final outcome, the failed ones too; what was withdrawn only if a conclusion had been issued. A stage
that is not named is never public. Where an annulled conclusion brings a pilot back into the expertise, it leaves
the public register until it is before the Council again."""


def internal(pilot: Row | Document) -> View:
    """All that the register shows of a pilot inside the house. Takes a loaded document with all that was reported
    (`history.whole`), or a row that has it."""
    return _shown(_flat(pilot), PILOT, public=False)


def internal_state(state: Pilot) -> View:
    """The same of a state alone, without what stands beside it in a document."""
    return _shown(stated(state), tuple(one for one in PILOT if one.name not in BESIDE), public=False)


def internal_part(pilot: Row | Document, *names: str) -> View:
    """These fields of it alone; of the pilot no more need be there than they are made of."""
    return _shown(_flat(pilot), _named(names), public=False)


def internal_row(pilot: Row | Document) -> View:
    """A line of a list inside the house: where it stands, who has the next move, which term is due first."""
    return _shown(_flat(pilot), PILOT, public=False, listed=True)


def public(pilot: Row | Document) -> View:
    """What the public sees of a pilot. Ask `is_public` first: this does not."""
    return _shown(_flat(pilot), PILOT, public=True)


def public_part(pilot: Row | Document, *names: str) -> View:
    """These fields of what the public sees; of the pilot no more need be there than they are made of."""
    return _shown(_flat(pilot), _named(names), public=True)


def public_row(pilot: Row | Document) -> View:
    """A line of a public list. Ask `is_public` first: this does not."""
    return _shown(_flat(pilot), PILOT, public=True, listed=True)


def _named(names: tuple[str, ...]) -> tuple[Shown, ...]:
    return tuple(one for one in PILOT if one.name in names)


def is_public(pilot: Row | Document) -> bool:
    """Whether the public sees this pilot at all."""
    state = _flat(pilot)
    return public_at(Stage(state["stage"]), concluded=bool(state.get("conclusions")))


def is_seen(row: Row) -> bool:
    """The same of any row that names a pilot, of one that is not entered yet, too."""
    return bool(row["state"].get("entered")) and is_public(row)


def public_at(stage: Stage, *, concluded: bool) -> bool:
    """The same of a pilot at a stage, with or without a conclusion."""
    when = PUBLIC_STAGES.get(stage, "never")
    return when == "always" or (when == "once-concluded" and concluded)


def public_stages(*when: When) -> list[str]:
    """The stages of which the table says one of these."""
    return [stage for stage, said in PUBLIC_STAGES.items() if said in when]


def timeline(row: Row) -> View:
    """A line of the timeline inside the house: who, when, what, on which basis, and by what it was caused."""
    return _shown(row, TIMELINE, public=False)


def agencys_timeline(row: Row) -> View:
    """The same line for the pilot's agency: without its place in the order, whose gaps would tell of lines that are
    kept from it (`KEPT_IN`)."""
    return {name: value for name, value in timeline(row).items() if name != "sequence"}


def public_timeline(row: Row) -> View:
    """A line of the public timeline: what, when, on which basis. Only for `PUBLIC_FACTS`."""
    what = _shown(row.get("what") or {}, PUBLIC_FACTS.get(row["type"], ()), public=True)
    return {**_shown(row, TIMELINE, public=True), "what": what}


def fingerprint() -> str:
    """Changes with the tables, so that what was derived from an earlier list (an index) is made anew."""
    said = repr([_names(PILOT), sorted(PUBLIC_STAGES.items())])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _names(table: Iterable[Shown]) -> list[object]:
    return [(one.name, one.public, one.listed, _names(one.of)) for one in table]


def _flat(pilot: Row | Document) -> Mapping[str, Any]:
    """A pilot's state with what stands beside it in the document."""
    if isinstance(pilot, Document):
        assert isinstance(pilot.state, Pilot)
        beside = {"id": pilot.subject, "version": pilot.version, "correlation": pilot.correlation}
        return {**stated(pilot.state), **beside}
    beside = {"id": pilot["_id"], "version": pilot.get("version"), "correlation": pilot.get("correlation")}
    return {**pilot["state"], **beside}


def stated(state: Pilot) -> dict[str, Any]:
    """A state with what was reported, where it was asked for."""
    entries = {} if state.entries is None else state_json(state.entries)
    return {**state_json(state), **entries}


def _shown(held: Mapping[str, Any], table: Sequence[Shown], *, public: bool, listed: bool = False) -> View:
    asked = (one for one in table if (one.public or not public) and (one.listed or not listed))
    return {one.name: _value(held, one, public) for one in asked}


def _value(held: Mapping[str, Any], one: Shown, public: bool) -> Any:
    value = one.at(held) if callable(one.at) else held.get(one.at or one.name)
    if one.whole:
        return None if public else value
    if isinstance(value, (list, tuple)):
        shown = [_part(each, one, public) for each in value]
        return [each for each in shown if each is not None]
    return _part(value, one, public)


def _part(value: Any, one: Shown, public: bool) -> Any:
    if one.of:
        return _shown(value, one.of, public=public) if isinstance(value, Mapping) else None
    return value if isinstance(value, (str, int, float, bool)) else None
