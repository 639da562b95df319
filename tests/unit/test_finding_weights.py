"""What others have that is not public is told to a publisher by nothing: not by how well the own pilots fit either."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.chassis.sight import Sight
from services.registry import views
from services.registry.api.finding import where_of
from services.registry.finding import questions
from services.registry.finding.entries import entry
from services.registry.finding.finding import Finding
from services.registry.finding.index import Index
from services.registry.finding.questions import Asked, Where
from tests.kit.registry.rows import about, row

OWN, OTHER = "own-agency", "other-agency"
SECRET = "Квазиметеотелеметрия"
CONTROL = "Гипербарохронометрия"
"""A word as rare as the other, as far as a publisher can see."""


def one(id_: str, title: str, agency: str = OWN) -> dict[str, Any]:
    return row(id_, application=about(title), agency=agency)


def filled(rows: Iterable[dict[str, Any]]) -> Index:
    index = Index()
    index.put(entry(views.internal(one)) for one in rows)
    index.commit()
    return index


OWNS = (one("guess", f"{SECRET} дорог"), one("control", f"{CONTROL} дорог"), one("more", f"{SECRET} {CONTROL} мостов"))
PUBLIC = tuple(one(f"public-{i}", f"Учёт {i} мостов и дорог", OTHER) for i in range(4))


def sees(agency: str | None, *others: dict[str, Any]) -> Where:
    """What is looked through for a caller, where others have these pilots besides, which are not public."""
    inside, public = filled([*OWNS, *PUBLIC, *others]), filled(PUBLIC)
    finding = SimpleNamespace(internal=inside, public=public, answering=lambda index: index)
    return where_of(cast(Finding, finding), Sight("person", agency, frozenset()))


THEIRS = tuple(one(f"theirs-{i}", f"{SECRET} мостов", OTHER) for i in range(3))


@pytest.mark.parametrize("words", [SECRET, CONTROL, f"{SECRET} {CONTROL}", "дорог", "мостов", f"{SECRET[:6]}*"])
def test_a_page_and_its_cursor_are_the_same_whatever_others_have(words: str) -> None:
    pages = [questions.search(sees(OWN, *others), Asked(words), "relevance", None, 1) for others in ((), THEIRS)]
    assert pages[0] == pages[1] and pages[0].count


def test_a_draft_is_as_near_to_the_own_pilots_whatever_others_have() -> None:
    draft = {"title": f"{SECRET} и {CONTROL} дорог", "application": {}}
    near = [questions.similar(sees(OWN, *others), draft, 50) for others in ((), THEIRS)]
    assert near[0] == near[1] and dict(near[0])["guess"] == dict(near[0])["control"]


def test_an_own_pilot_is_as_near_to_the_others_whatever_others_have() -> None:
    view = views.internal(OWNS[0])
    near = [questions.similar(sees(OWN, *others), view, 50) for others in ((), THEIRS)]
    assert near[0] == near[1] and "guess" not in dict(near[0])


def test_which_words_tell_most_is_the_same_whatever_others_have() -> None:
    draft = {"title": f"{SECRET} {CONTROL} мостов дорог", "application": {}}
    found = [questions.telling(cast(Any, sees(OWN, *others))[0], draft) for others in ((), THEIRS)]
    assert found[0] == found[1] and len(found[0]) == 4


def test_inside_the_house_words_weigh_by_all_that_there_is() -> None:
    pages = [questions.search(sees(None, *others), Asked(SECRET), "relevance", None, 1) for others in ((), THEIRS)]
    assert pages[0].count + len(THEIRS) == pages[1].count


def test_a_rarer_word_still_weighs_more_for_a_publisher() -> None:
    near = dict(questions.similar(sees(OWN), {"title": f"{SECRET} {CONTROL} дорог", "application": {}}, 50))
    assert near["more"] > near["guess"] > 0


# ---- who is in conflict with pilots

HIDDEN = tuple(one(f"hidden-{i}", f"{SECRET} мостов", OTHER) for i in range(3))


def sees_all_but_hidden(*rows: dict[str, Any]) -> Where:
    """What is looked through for an insider who is in conflict with these pilots."""
    inside = filled([*OWNS, *PUBLIC, *rows])
    finding = SimpleNamespace(internal=inside, public=filled(()), answering=lambda index: index)
    return where_of(cast(Finding, finding), Sight("person", None, frozenset(one["_id"] for one in HIDDEN)))


@pytest.mark.parametrize("words", [SECRET, CONTROL, f"{SECRET} {CONTROL}", "мостов", f"{SECRET[:6]}*"])
def test_how_well_pilots_fit_is_the_same_whatever_a_conflict_hides(words: str) -> None:
    pages = [questions.search(sees_all_but_hidden(*rows), Asked(words), "relevance", None, 1) for rows in ((), HIDDEN)]
    assert pages[0] == pages[1] and pages[0].count


def test_a_draft_is_as_near_whatever_a_conflict_hides() -> None:
    draft = {"title": f"{SECRET} и {CONTROL} дорог", "application": {}}
    near = [questions.similar(sees_all_but_hidden(*rows), draft, 50) for rows in ((), HIDDEN)]
    assert near[0] == near[1] and near[0]
