"""A line of a queue: what it says of the clock and of what is owed is what the card says."""

import pytest

from services.chassis.fold import state_json
from services.expertise.rows import case_row
from services.expertise.sight import Sight
from tests.kit.desk.cases import card_of
from tests.kit.expertise.play import FIRST, SECOND, Play

ALL = Sight("op-9", all_cases=True)
PLAYS = {
    "open": lambda: Play().open(),
    "seated": lambda: Play().open().seat(FIRST, SECOND),
    "asked": lambda: Play().open().judge(FIRST).asked(),
    "to-approve": lambda: Play().to_approve(),
    "concluded": lambda: Play().concluded(),
}


@pytest.mark.parametrize("name", PLAYS)
def test_days_left_and_debts_are_those_of_the_card(name: str) -> None:
    play = PLAYS[name]()
    play.later(days=3)
    row = {"_id": "p-1", "rev": 7, "state": state_json(play.case)}
    line, card = case_row(row, play.now, ALL, play.calendars), card_of(play)
    running = [one for one in card["terms"] if one["open"] and one["kind"] != "clarification"]
    assert line["left"] == (running[0]["left"] if running else None)
    assert line["unit"] == ("working-days" if running else None)
    assert (line["stopped_since"] is not None) == line["suspended"] == (name == "asked")
    assert [one["what"] for one in line["owed"]] == [one["what"] for one in card["owed"]]


def test_who_only_judges_is_told_of_the_own_step_and_the_applicants_alone() -> None:
    play = Play().open().seat(FIRST, SECOND).asked()
    row = {"_id": "p-1", "rev": 7, "state": state_json(play.case)}
    line = case_row(row, play.now, Sight(FIRST, expert=True), play.calendars)
    assert {(one["by"], one["who"]) for one in line["owed"]} == {("expert", FIRST), ("applicant", None)}
    assert "experts" not in line
    both = case_row(row, play.now, Sight(FIRST, all_cases=True, expert=True), play.calendars)
    assert SECOND not in str(both["owed"])
