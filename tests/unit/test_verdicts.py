"""What a batch is answered as a whole: `again` only where sending it again can help."""

import json

import pytest

from services.chassis.problems import Problematic
from services.intake.api.verdicts import Judgement, Verdict, together

AWAY = Judgement("e-1", Verdict.UNAVAILABLE, problem=Problematic(503, "event.not-saved", action="retry"))
BROKEN = Judgement("e-2", Verdict.UNAVAILABLE, problem=Problematic(500, "engine.broken"))


def test_a_batch_of_which_nothing_could_be_saved_is_to_be_sent_again() -> None:
    with pytest.raises(Problematic) as told:
        together([AWAY, AWAY], "en")
    assert (told.value.status, told.value.headers) == (503, {"Retry-After": "2"})


@pytest.mark.parametrize("some", [[BROKEN], [BROKEN, AWAY]])
def test_one_in_which_an_event_can_never_be_saved_says_so_of_that_event(some: list[Judgement]) -> None:
    answer = together(some, "en")
    assert answer.status_code == 207
    assert json.loads(bytes(answer.body))["items"][0]["status"] == 500
