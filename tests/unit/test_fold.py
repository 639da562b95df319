"""The pure fold: watermarks, causal order, claims, timers, numbers without holes, and what happens when it breaks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Fact, parse_own_fact
from services.chassis.fold import MARGIN, Fold, Writer, commands_of, fold, ready
from services.chassis.service import Service
from services.chassis.subject import (
    Absent,
    Aggregate,
    Broken,
    Claimed,
    Conflict,
    Document,
    Done,
    Duplicate,
    Input,
    Outcome,
    Refused,
    Stale,
    Waiting,
)
from services.expertise import service as expertise
from services.intake import service as intake
from services.law.decision import Context
from services.registry import service as registry
from tests.effort import examples
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import (
    LANGUAGE,
    ROBOT,
    START,
    TALLY,
    Explode,
    Forbid,
    Note,
    Pass,
    Spoil,
    Tally,
    claimed,
    from_source,
    notes_of,
    numbered,
    timed,
)
from tests.kit.engine.tiny import decide as tiny_decide

NEW = Document("p1", "pilot")


def folded(document: Document, *inputs: Input, max_bytes: int = 10**6, aggregate: Aggregate = TALLY) -> Fold:
    """The inputs applied by a service `tiny` that reads `left` and `right`."""
    writer = Writer("tiny", frozenset({"left", "right"}), numbered(), max_bytes)
    contexts = [Context(START, one.subject, one.actor, None, CALENDARS) for one in inputs]
    return fold(document, inputs, aggregate, writer, contexts)


def stored(done: Fold) -> Document:
    """The document as it is loaded after the write."""
    return done.after


def kinds(done: Fold) -> list[type[Outcome]]:
    """The outcomes' classes."""
    return [type(outcome) for outcome in done.outcomes]


def events(entries: Sequence[Any]) -> list[dict[str, Any]]:
    """The events in outbox entries."""
    return [json.loads(entry.value) for entry in entries]


def note(sequence: int, what: str = "", source: str = "left", after: Mapping[str, int] | None = None) -> Input:
    """A fact of a source that makes one note."""
    return from_source("p1", source, sequence, Note((what or f"{source}{sequence}",)), after)


# ---- watermarks


def test_the_next_fact_of_a_series_is_applied_and_moves_the_watermark() -> None:
    done = folded(NEW, note(1), note(2))
    assert kinds(done) == [Done, Done]
    assert done.after.seen == {"left": 2}
    assert notes_of(done.after.state) == ("left1", "left2")


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_fact_at_or_below_the_watermark_is_dropped_without_a_write(sequence: int) -> None:
    before = stored(folded(NEW, note(1), note(2)))
    done = folded(before, note(sequence, "again"))
    assert done.outcomes == (Duplicate(before.version, before.rev),)
    assert not done.changed and done.after is before


def test_a_fact_above_the_next_one_waits_and_leaves_the_document_alone() -> None:
    before = stored(folded(NEW, note(1)))
    done = folded(before, note(3))
    assert done.outcomes == (Waiting("gap: left 2 has not arrived"),)
    assert not done.changed


def test_each_source_has_a_watermark_of_its_own() -> None:
    done = folded(NEW, note(1), note(1, source="right"), note(2, source="right"), note(3))
    assert kinds(done) == [Done, Done, Done, Waiting]
    assert done.after.seen == {"left": 1, "right": 2}


def test_a_duplicate_inside_one_batch_has_no_second_effect() -> None:
    done = folded(NEW, note(1), note(1), note(2))
    assert kinds(done) == [Done, Duplicate, Done]
    assert notes_of(done.after.state) == ("left1", "left2")


def test_a_fact_of_no_interest_moves_seen_and_rev_but_not_the_version() -> None:
    done = folded(NEW, from_source("p1", "left", 1, None))
    after = done.after
    assert (after.seen, after.rev, after.version, after.state, after.outbox) == ({"left": 1}, 1, 0, None, ())
    assert done.changed and done.outcomes == (Done(0, 1, ()),)


def test_a_command_that_makes_no_fact_moves_seen_alone() -> None:
    after = folded(NEW, from_source("p1", "left", 1, Pass())).after
    assert (after.seen, after.version, after.correlation) == ({"left": 1}, 0, None)


# ---- causal order


def test_a_fact_waits_until_the_source_that_its_writer_had_seen_has_caught_up() -> None:
    done = folded(NEW, note(1, source="right", after={"left": 2}), note(1))
    assert done.outcomes[0] == Waiting("after: left 2 has not arrived")
    later = folded(done.after, note(2), note(1, source="right", after={"left": 2}))
    assert kinds(later) == [Done, Done]


def test_in_a_batch_of_several_sources_what_waits_is_applied_behind_what_it_waits_for() -> None:
    done = folded(NEW, note(2, after={"right": 1}), note(1, source="right", after={"left": 1}), note(4), note(1))
    assert kinds(done) == [Done, Done, Waiting, Done]
    assert notes_of(done.after.state) == ("left1", "right1", "left2")
    assert [outcome.version for outcome in done.outcomes if isinstance(outcome, Done)] == [3, 2, 1]
    assert done.after.rev == 1, "one write for them all"


def test_after_counts_only_for_sources_that_this_service_reads() -> None:
    assert kinds(folded(NEW, note(1, after={"elsewhere": 7}))) == [Done]


def test_own_facts_carry_what_their_writer_had_seen_with_the_cause_included() -> None:
    done = folded(NEW, note(1), note(1, source="right"), note(2))
    assert [e["data"]["after"] for e in events(done.entries)] == [
        {"left": 1},
        {"left": 1, "right": 1},
        {"left": 2, "right": 1},
    ]


def test_ready_gives_what_is_next_in_its_order_and_leaves_the_rest() -> None:
    writer = Writer("tiny", frozenset({"left", "right"}), numbered(), 10**6)
    waiting = [note(3), note(1, source="right", after={"left": 2}), note(2), note(5), note(2, source="right")]
    before = stored(folded(NEW, note(1)))
    found = ready(before, waiting, writer)
    assert [i.cause_id for i in found] == ["left-p1-2", "left-p1-3", "right-p1-1", "right-p1-2"]
    assert kinds(folded(before, *found)) == [Done] * 4


def test_ready_also_gives_what_was_seen_meanwhile_so_that_it_leaves_the_parking() -> None:
    writer = Writer("tiny", frozenset({"left"}), numbered(), 10**6)
    before = stored(folded(NEW, note(1), note(2)))
    assert ready(before, [note(1), note(4)], writer) == [note(1)]


# ---- claims


def test_the_same_claim_again_gets_the_version_that_it_led_to_then() -> None:
    first = folded(NEW, claimed("p1", "k1", Note(("a", "b"))))
    assert first.outcomes[0].__class__ is Done
    later = folded(stored(first), claimed("p1", "k2", Note(("c",))))
    again = folded(stored(later), claimed("p1", "k1", Note(("a", "b"))))
    assert again.outcomes == (Duplicate(2, 2),)
    assert not again.changed


def test_the_same_claim_with_another_digest_is_a_conflict_and_changes_nothing() -> None:
    first = stored(folded(NEW, claimed("p1", "k1", Note(("a",)))))
    done = folded(first, claimed("p1", "k1", Note(("b",)), digest="other"))
    assert done.outcomes == (Conflict(),) and not done.changed


def test_claims_of_different_owners_do_not_meet() -> None:
    mine = claimed("p1", "k1", Note(("a",)))
    assert isinstance(mine.mark, Claimed)
    yours = replace(mine, mark=replace(mine.mark, owner="person:p2", digest="other"))
    assert kinds(folded(NEW, mine, yours)) == [Done, Done]


def test_a_claim_that_makes_no_fact_is_remembered_too() -> None:
    first = folded(NEW, claimed("p1", "k1", Pass()))
    assert kinds(folded(stored(first), claimed("p1", "k1", Pass()))) == [Duplicate]


def test_a_refused_command_changes_nothing_and_is_not_remembered() -> None:
    done = folded(NEW, claimed("p1", "k1", Forbid()))
    (outcome,) = done.outcomes
    assert isinstance(outcome, Refused) and outcome.refusal.code == "tiny.forbidden"
    assert not done.changed and not done.after.ids


# ---- the revision that a person saw


def test_a_command_on_the_present_revision_goes_and_one_on_an_older_is_stale() -> None:
    first = stored(folded(NEW, claimed("p1", "k1", Note(("a",)))))
    assert kinds(folded(first, claimed("p1", "k2", Note(("b",)), if_match=1))) == [Done]
    moved = stored(folded(first, note(1)))
    stale = folded(moved, claimed("p1", "k2", Note(("b",)), if_match=1))
    assert stale.outcomes == (Stale(2, 2),) and not stale.changed


def test_what_is_only_seen_moves_the_revision_and_leaves_what_a_person_saw_as_it_is() -> None:
    first = stored(folded(NEW, claimed("p1", "k1", Note(("a",)))))
    seen = stored(folded(first, from_source("p1", "left", 1, None)))
    assert (seen.version, seen.rev, seen.moved) == (first.version, 2, 1)
    for etag, outcome in ((0, Stale), (1, Done), (2, Done), (3, Stale)):
        assert kinds(folded(seen, claimed("p1", "k2", Note(("b",)), if_match=etag))) == [outcome], etag


def test_in_one_batch_the_second_who_saw_the_same_is_stale_unless_the_first_changed_nothing() -> None:
    first = stored(folded(NEW, claimed("p1", "k1", Note(("a",)))))
    note_b, note_c = (claimed("p1", key, Note((key,)), if_match=1) for key in ("b", "c"))
    assert kinds(folded(first, note_b, note_c)) == [Done, Stale]
    assert kinds(folded(first, from_source("p1", "left", 1, None), note_c)) == [Done, Done]


def test_a_subject_of_which_something_was_only_seen_can_still_be_created() -> None:
    seen = stored(folded(NEW, from_source("p1", "left", 1, None)))
    assert kinds(folded(seen, claimed("p1", "k1", Note(("a",)), if_match=0))) == [Done]


def test_a_resend_meets_its_answer_although_the_revision_that_it_names_is_gone() -> None:
    first = stored(folded(NEW, claimed("p1", "k0", Note(("z",)))))
    second = stored(folded(first, claimed("p1", "k1", Note(("a",)), if_match=1)))
    assert folded(second, claimed("p1", "k1", Note(("a",)), if_match=1)).outcomes == (Duplicate(2, 2),)


# ---- timers


def test_a_timer_fires_at_its_due_time_and_not_twice() -> None:
    due = START + timedelta(days=1)
    before = stored(folded(NEW, claimed("p1", "k1", Note(("a",), due=due))))
    assert before.due == due
    fired = folded(before, timed("p1", due), timed("p1", due))
    assert kinds(fired) == [Done, Duplicate]
    assert fired.after.due is None and notes_of(fired.after.state) == ("a", "ticked")


def test_a_timer_whose_due_time_was_moved_meanwhile_is_dropped() -> None:
    due = START + timedelta(days=1)
    before = stored(folded(NEW, claimed("p1", "k1", Note(("a",), due=due + timedelta(days=1)))))
    done = folded(before, timed("p1", due))
    assert kinds(done) == [Duplicate] and not done.changed


def test_a_timers_decision_that_does_not_move_its_due_time_is_broken() -> None:
    due = START + timedelta(days=1)
    before = stored(folded(NEW, claimed("p1", "k1", Note(("stuck",), due=due))))
    done = folded(before, timed("p1", due))
    assert done.outcomes == (Broken("TimerStuck: the timer's decision did not move its due time"),)
    assert not done.changed


# ---- numbers, causes, what an event carries


def test_versions_and_sequences_rise_without_holes_and_rev_by_one_for_a_whole_batch() -> None:
    before = stored(folded(NEW, claimed("p1", "k1", Note(("a", "b")))))
    done = folded(
        before, note(1), from_source("p1", "left", 2, Pass()), claimed("p1", "k2", Note(("c", "d", "e"))), note(7)
    )
    assert [e.sequence for e in done.entries] == [3, 4, 5, 6]
    assert [e["sequence"] for e in events(done.entries)] == [f"{n:020d}" for n in (3, 4, 5, 6)]
    assert (before.rev, done.after.rev, done.after.version) == (1, 2, 6)
    assert [getattr(o, "version", None) for o in done.outcomes] == [3, 3, 6, None]
    assert [e.sequence for e in done.after.outbox] == [1, 2, 3, 4, 5, 6]


def test_only_the_last_fact_of_a_command_carries_its_cause() -> None:
    due = START + timedelta(days=1)
    done = folded(NEW, from_source("p1", "left", 1, Note(("a", "b"))), claimed("p1", "k", Note(("c", "d"), due=due)))
    assert [e["data"]["cause"] for e in events(done.entries)] == [
        None,
        {"kind": "fact", "source": "left", "sequence": 1},
        None,
        {"kind": "claim", "owner": "person:p1", "id": "k", "digest": "d"},
    ]
    fired = folded(done.after, timed("p1", due))
    assert events(fired.entries)[0]["data"]["cause"] == {"kind": "timer", "due": "2026-03-03T09:00:00.000Z"}


def test_an_event_carries_envelope_trace_and_the_correlation_of_what_began_it() -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    first = claimed("p1", "k1", Note(("a",)), correlation="began", trace=trace)
    second = claimed("p1", "k2", Note(("b",)))
    begun, later = events(folded(NEW, first, second).entries)
    assert {k: v for k, v in begun.items() if k != "data"} == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "/services/tiny",
        "type": "pilots.tiny.noted.v1",
        "subject": "p1",
        "time": "2026-03-02T09:00:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:lotsman:schema:pilots.tiny.noted.v1",
        "sequence": "00000000000000000001",
        "causationid": "k1",
        "correlationid": "began",
        **trace,
    }
    assert begun["data"]["actor"] == ROBOT.model_dump(mode="json")
    assert later["correlationid"] == "began" and later["causationid"] == "k2" and later["id"] == "id-2"


def test_a_document_belongs_to_what_it_began_with_whatever_else_comes_for_it() -> None:
    first = claimed("p1", "k1", Note(("a",)), correlation="began")
    other = claimed("p1", "k2", Note(("b",)), correlation="of another pilot")
    third = claimed("p1", "k3", Note(("c",)))
    done = folded(NEW, first, other, third)
    assert done.after.correlation == "began"
    assert [event["correlationid"] for event in events(done.entries)] == ["began", "of another pilot", "began"]


def test_a_document_keeps_the_trace_of_what_last_made_a_fact() -> None:
    first, second, third = ({"traceparent": f"00-{c * 32}-{'b' * 16}-01"} for c in "123")
    done = folded(NEW, claimed("p1", "k1", Note(("a",)), trace=first))
    assert done.after.trace == first
    done = folded(done.after, claimed("p1", "k2", Pass(), trace=second))
    assert done.after.trace == first
    assert folded(done.after, claimed("p1", "k3", Note(("b",)), trace=third)).after.trace == third


# ---- what breaks


@pytest.mark.parametrize("command", [Explode(), Spoil()], ids=["decide", "evolve"])
def test_an_input_whose_decision_raises_is_broken_and_what_follows_in_its_series_waits(command: object) -> None:
    inputs = (note(1), from_source("p1", "left", 2, command), note(3), note(1, source="right"), note(4))
    done = folded(NEW, *inputs)
    assert kinds(done) == [Done, Broken, Waiting, Done, Waiting]
    assert notes_of(done.after.state) == ("left1", "right1")
    assert done.after.seen == {"left": 1, "right": 1}
    assert [e.sequence for e in done.entries] == [1, 2]


def test_a_fact_too_large_for_its_topic_is_broken_and_leaves_nothing_behind() -> None:
    big = from_source("p1", "left", 1, Note(("small", "x" * 3000)))
    done = folded(NEW, big, note(1, source="right"), max_bytes=MARGIN + 2000)
    assert kinds(done) == [Broken, Done]
    assert "FactTooLarge" in str(done.outcomes[0])
    assert notes_of(done.after.state) == ("right1",) and done.after.version == 1


def test_a_fact_that_cannot_be_encoded_is_broken_alone() -> None:
    done = folded(NEW, from_source("p1", "left", 1, Note(("\ud800",))), note(1, source="right"))
    assert kinds(done) == [Broken, Done]


# ---- all interleavings


def chained(order: Sequence[str]) -> list[Input]:
    """Facts of two sources, each made after its writer had seen all that came before: one causal chain."""
    made, seen = list[Input](), dict[str, int]()
    for source in order:
        other = "right" if source == "left" else "left"
        seen[source] = seen.get(source, 0) + 1
        made.append(note(seen[source], source=source, after={other: seen.get(other, 0)}))
    return made


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[Input], list[Input]]:
    """A causal chain, and one way in which a reader of both topics may meet its facts (some of them twice)."""
    chain = chained(draw(st.lists(st.sampled_from(["left", "right"]), max_size=9)))
    series = {s: [i for i in chain if i.cause_id.startswith(s)] for s in ("left", "right")}
    met = list[Input]()
    while any(series.values()):
        source = draw(st.sampled_from([s for s, some in series.items() if some]))
        met.append(series[source].pop(0))
        if draw(st.integers(0, 4)) == 0:
            met.append(draw(st.sampled_from(met)))
    return chain, met


def consumed(met: Sequence[Input], batch: int) -> tuple[Document, list[dict[str, Any]]]:
    """Reads batches as the engine does: what must wait is parked and fed again when its turn comes."""
    writer = Writer("tiny", frozenset({"left", "right"}), numbered(), 10**6)
    document, parked = NEW, list[Input]()
    for start in range(0, len(met), batch):
        some: Sequence[Input] = met[start : start + batch]
        while some:
            contexts = [Context(START, "p1", ROBOT, None, CALENDARS)] * len(some)
            done = fold(document, some, TALLY, writer, contexts)
            document = done.after
            outcomes = zip(some, done.outcomes, strict=True)
            parked += [one for one, outcome in outcomes if isinstance(outcome, Waiting)]
            some = ready(document, parked, writer)
            parked = [one for one in parked if one not in some]
    assert not parked
    made = events(document.outbox)
    return document, [{k: v for k, v in event.items() if k != "id"} for event in made]


@given(interleaved(), st.integers(1, 4))
@examples(300)
def test_all_interleavings_of_two_sources_give_one_state_and_one_list_of_facts(
    drawn: tuple[list[Input], list[Input]], batch: int
) -> None:
    chain, met = drawn
    wanted, facts = consumed(chain, len(chain) or 1)
    found, made = consumed(met, batch)
    assert (found.state, found.seen, found.version) == (wanted.state, wanted.seen, wanted.version)
    assert made == facts
    assert notes_of(found.state) == tuple(i.cause_id.replace("-p1-", "") for i in chain)


# ---- what goes out with a fact


def test_a_fact_that_was_just_decided_is_what_reading_its_bytes_gives() -> None:
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "a=b"}
    [entry] = folded(NEW, claimed("p1", "a", Note(("x",), START), trace=trace)).after.outbox
    assert entry.event is not None
    assert entry.event == parse_own_fact(entry.value, LANGUAGE)
    assert entry.event.trace == {"traceparent": trace["traceparent"]}


# ---- what a person may know of


def hidden(state: Any) -> bool:
    """Nobody sees it."""
    return False


@pytest.mark.parametrize(
    ("document", "kind", "sees"),
    [
        (NEW, "pilot", None),
        (replace(NEW, rev=1), "pilot", None),
        (replace(NEW, rev=1, version=1, state=Tally(notes=("a",))), "agency", None),
        (replace(NEW, rev=1, version=1, state=Tally(notes=("a",))), "pilot", hidden),
    ],
    ids=["nothing is stored", "something was only seen", "it is of another kind", "it is not shown"],
)
@pytest.mark.parametrize("command", [Note(("b",)), Forbid(), Explode()])
@pytest.mark.parametrize("etag", [0, 1])
def test_what_is_not_there_for_a_person_has_one_outcome_whatever_is_asked_of_it(
    document: Document, kind: str, sees: Any, command: object, etag: int
) -> None:
    done = folded(document, claimed("p1", "k", command, if_match=etag, existing=kind, sees=sees))
    assert done.outcomes == (Absent(),) and not done.changed


def test_an_answer_given_before_is_not_told_again_to_one_who_may_no_longer_know() -> None:
    first = stored(folded(NEW, claimed("p1", "k1", Note(("a",)))))
    for sees, outcome in ((hidden, Absent), (lambda _state: True, Duplicate)):
        assert kinds(folded(first, claimed("p1", "k1", Note(("a",)), existing="pilot", sees=sees))) == [outcome]


def test_who_may_know_is_asked_of_the_very_state_that_is_decided_on() -> None:
    first = stored(folded(NEW, claimed("p1", "k0", Note(("open",)))))
    hide, after = (
        claimed("p1", word, Note((word,)), existing="pilot", sees=lambda state: "hide" not in state.notes)
        for word in ("hide", "after")
    )
    assert kinds(folded(first, hide, after)) == [Done, Absent], "in one batch too"


# ---- commands that nobody has a case for


def test_a_command_without_a_case_is_broken_and_never_done_with_nothing_changed() -> None:
    def decide(state: Tally | None, command: Note | Pass, context: Context[Any]) -> Sequence[Fact]:
        return () if isinstance(command, Pass) else tiny_decide(state, command, context)

    closed = replace(TALLY, decide=decide)
    commands: list[object] = [Note(("a",)), Pass(), Forbid()]
    outcomes = [kinds(folded(NEW, claimed("p1", "k", one), aggregate=closed)) for one in commands]
    assert outcomes == [[Done], [Done], [Broken]]


def test_a_decision_that_gives_nothing_back_is_broken() -> None:
    assert kinds(
        folded(NEW, claimed("p1", "k", Pass()), aggregate=replace(TALLY, decide=cast(Any, lambda *_: None)))
    ) == [Broken]


@pytest.mark.parametrize("service", [intake.SERVICE, expertise.SERVICE, registry.SERVICE], ids=lambda one: one.name)
def test_every_aggregate_says_which_commands_it_has_a_case_for(service: Service) -> None:
    for aggregate in service.aggregates.values():
        assert commands_of(aggregate) is not object
        assert not isinstance(Pass(), commands_of(aggregate))
        for made in (aggregate.tick and aggregate.tick(START), aggregate.recalendar and aggregate.recalendar()):
            assert made is None or isinstance(made, commands_of(aggregate))
