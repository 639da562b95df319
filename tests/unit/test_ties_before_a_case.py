"""Who is tied to a party by an entry of the directory sees no pilot of it, also before the expertise has a case."""

from itertools import permutations
from typing import Any

import pytest

from contracts.event import Event
from contracts.expertise import ExpertEnteredV1
from contracts.reference import Hiding, OrganisationId
from contracts.registry import ConflictNotedV1, ExpertNotedV1
from deploy.samples.common import APPLICATION, NOW
from deploy.samples.registry import ACCEPTED, RETURNED, enter
from services.intake import handlers
from services.intake.domain.commands import Accept, NoteHiding
from services.law.decision import Context
from services.law.parties import keys_of
from services.registry.domain import experts
from services.registry.domain.commands import RecordHiding, RecordTies
from services.registry.domain.experts import Expert, NoteExpert
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.story import STATES, after, pilots
from tests.kit.registry.life import story

WHO = "expert-1"
TIED = RecordTies(WHO, keys_of(APPLICATION))
FREE = RecordTies(WHO, frozenset({"BY-UNP:700000140"}))
CONFLICT, NONE = (RecordHiding(person_id=WHO, hidden=one) for one in (True, False))
BY_ENTRY, NOT_ANY_MORE = (NoteHiding(person_id=WHO, hidden=one, by_entry=True) for one in (True, False))


def hidden(*commands: Any) -> tuple[str, ...]:
    """From whom the register hides a pilot after these commands."""
    state: Any = None
    for command in (enter(), *commands):
        state = story.given(*story.when(state, command), state=state)
    found: tuple[str, ...] = state.hidden_from
    return found


@pytest.mark.parametrize("before", [(), (RETURNED,)], ids=["looked over", "returned"])
def test_the_register_hides_what_is_looked_over_from_who_is_tied_until_the_entry_changes(before: Any) -> None:
    assert hidden(*before, TIED) == (WHO,)
    assert hidden(*before, TIED, TIED) == (WHO,)
    assert hidden(*before, TIED, FREE) == ()
    assert hidden(*before, FREE) == ()


def test_once_there_is_a_case_the_expertise_alone_says_whom_it_is_hidden_from() -> None:
    assert hidden(ACCEPTED, TIED) == ()
    assert hidden(TIED, ACCEPTED) == (WHO,)
    assert hidden(TIED, ACCEPTED, FREE) == (), "of whom the expertise has not spoken the entry still speaks"
    assert hidden(TIED, ACCEPTED, CONFLICT, FREE) == (WHO,), "what the expertise found no entry takes back"
    assert hidden(TIED, ACCEPTED, NONE) == ()
    assert hidden(TIED, ACCEPTED, NONE, TIED) == ()


def test_the_register_notes_an_entry_once_and_by_what_it_ties() -> None:
    own, interest = (OrganisationId(scheme="BY-UNP", value=one) for one in ("790000016", "790000029"))
    ties: dict[str, Any] = {"organisation": own, "interests": (interest, own)}
    more: dict[str, Any] = {"edition": "by-2024", "competences": ("health",), "capacity": 3}
    entered = ExpertEnteredV1(actor=SOMEBODY, expert_id=WHO, **ties, **more)
    context: Context[object] = Context(NOW, experts.subject_of(WHO), SOMEBODY, None, CALENDARS)
    [fact] = experts.decide(None, NoteExpert(entered), context)
    assert isinstance(fact, ExpertNotedV1) and fact.organisations == (own, interest)
    state = experts.evolve(None, fact)
    assert state == Expert(expert_id=WHO, organisations=("BY-UNP:790000016", "BY-UNP:790000029"))
    assert experts.decide(state, NoteExpert(entered), context) == ()


def noted(*commands: Any, name: str = "registered") -> tuple[str, ...]:
    """From whom intake hides an application after these commands."""
    found: tuple[str, ...] = after(*commands, state=STATES[name]).hidden_from
    return found


def test_intake_hides_it_as_the_register_says_and_only_while_it_is_looked_over() -> None:
    assert noted(BY_ENTRY) == noted(BY_ENTRY, name="returned") == (WHO,)
    assert noted(BY_ENTRY, NOT_ANY_MORE) == ()
    assert noted(BY_ENTRY, name="accepted") == ()
    assert noted(BY_ENTRY, Accept()) == (WHO,)


def test_in_whatever_order_intake_hears_of_entry_and_expertise_the_expertise_is_right() -> None:
    accepted = after(BY_ENTRY, Accept(), state=STATES["registered"])
    for word in (True, False):
        expertise = NoteHiding(person_id=WHO, hidden=word)
        for order in permutations((expertise, NOT_ANY_MORE)):
            assert (WHO in after(*order, state=accepted).hidden_from) == word
        for order in permutations((expertise, BY_ENTRY)):
            assert (WHO in after(*order, state=accepted).hidden_from) == word


def test_intake_is_told_of_entries_by_the_register_and_of_conflicts_by_the_expertise_alone() -> None:
    for by_entry in (True, False):
        said = Hiding(person_id=WHO, hidden=True, by_entry=by_entry)
        fact = ConflictNotedV1.made_of(said, actor=SOMEBODY)
        event = Event("e", "registry", ConflictNotedV1.TYPE, "s", NOW, 1, "c", {}, fact)
        assert handlers.translate(event) == (NoteHiding.made_of(said) if by_entry else None)


def test_what_is_known_already_is_no_fact() -> None:
    state = after(BY_ENTRY, state=STATES["registered"])
    assert list(pilots.when(state, BY_ENTRY)) == []
    assert list(pilots.when(STATES["registered"], NOT_ANY_MORE)) == []
