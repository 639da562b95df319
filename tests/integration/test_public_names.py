"""A text that somebody typed tells nobody of a pilot that its reader may not know of."""

import copy

from contracts.registry import AgreementRecordedV1
from services.chassis.masking import MASK
from services.registry.domain.stages import Stage
from services.registry.handlers import TIMELINE
from tests.integration.test_public import Outside, outside, said
from tests.kit.registry.rows import FULL, about, row, timeline_row

__all__ = ["outside"]

HIDDEN, OPEN, NOBODYS = "ПП-2026-000007", "ПП-2026-000008", "СТБ-2019-12"
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
TEXT = f"Вместо {HIDDEN.lower()} и {ID}, по опыту {OPEN}, по {NOBODYS}"
TOLD = f"Вместо {MASK} и {MASK}, по опыту {OPEN}, по {NOBODYS}"
PATHS = (
    "pilots",
    "pilots/talks",
    "pilots/parent/replicas",
    "pilots/talks/timeline",
    "search",
    "search.jsonl",
    "search.csv",
)


async def _filled(outside: Outside) -> None:
    agreed = copy.deepcopy(row("talks", FULL)["state"]["agreement"])
    agreed["agreement"]["indicators"][0]["title"] = TEXT
    await outside.put(
        row("talks", FULL, number="ПП-2026-000001", application=about(TEXT, replicates="parent")),
        row("parent", FULL, number="ПП-2026-000002"),
        row("open", number=OPEN, stage=Stage.COUNCIL),
        row(ID, number=HIDDEN, stage=Stage.EXPERTISE, conclusions=()),
    )
    await outside.store.put(TIMELINE, [timeline_row("talks", 1, AgreementRecordedV1.TYPE, **agreed)])


async def test_no_public_answer_tells_of_a_pilot_that_is_not_public_within_a_text(outside: Outside) -> None:
    await _filled(outside)
    answers = {path: said(await outside.ask(f"/public/v1/{path}")) for path in PATHS}
    for path, answer in answers.items():
        assert HIDDEN not in answer.upper() and ID not in answer, path
        assert TOLD in answer, path
    await outside.store.put("subjects", [row(ID, number=HIDDEN, stage=Stage.COUNCIL)])
    assert HIDDEN.lower() in said(await outside.ask("/public/v1/pilots/talks")), "once it is public it is told"


async def test_a_number_finds_outside_the_pilot_alone_that_has_it(outside: Outside) -> None:
    await _filled(outside)
    for asked, found in ((HIDDEN, []), (ID, []), (OPEN, ["open"]), ("опыту", ["talks"])):
        answer = (await outside.ask("/public/v1/search", params={"q": asked})).json()
        assert [one["id"] for one in answer["items"]] == found, asked
        counts = (await outside.ask("/public/v1/facets", params={"q": asked})).json()
        assert counts["count"]["value"] == len(found), asked
