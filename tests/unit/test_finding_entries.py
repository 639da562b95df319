"""What is indexed of a pilot is the same, whether all of its document was read or only what entries are made of."""

import pytest

from services.chassis.fold import state_json
from services.registry import views
from services.registry.domain.stages import Stage
from services.registry.finding.entries import SHOWN, entry
from services.registry.finding.finding import READ
from tests.kit.registry.life import at


@pytest.mark.parametrize("stage", Stage)
def test_an_entry_needs_no_more_than_what_is_read_for_it(stage: Stage) -> None:
    state = state_json(at(stage).pilot)
    row = {"_id": "p1", "kind": "pilot", "version": 7, "correlation": "c", "state": state}
    read = {"_id": "p1", "state": {name: state[name] for name in (key.removeprefix("state.") for key in READ)}}
    assert entry(views.internal_part(read, *SHOWN)) == entry(views.internal(row))
    assert entry(views.public_part(read, *SHOWN)) == entry(views.public(row))
    assert views.is_public(read) == views.is_public(row)
