"""However many pilots copy one that comes late, those of another are linked as well. Pure: a stand-in for the store."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from contracts.event import parse_own_fact
from contracts.freeze import example
from contracts.registry import REGISTRY, PilotEnteredV1
from services.chassis.store import Row, Store
from services.registry import handlers
from services.registry.domain.commands import LinkReplica
from services.registry.handlers import process_manager


class Shelf:
    """A store of pilots that name what they copy."""

    def __init__(self, copies: Mapping[str, str]) -> None:
        self._rows: list[Row] = [
            {"_id": id_, "state": {"number": f"N-{id_}", "application": {"replicates": of, "adaptation": "Иначе."}}}
            for id_, of in sorted(copies.items())
        ]

    async def rows(self, _name: str, where: Mapping[str, Any], limit: int, **_: Any) -> list[Row]:
        named = where.get("state.application.replicates", {}).get("$in", ())
        return [row for row in self._rows if row["state"]["application"]["replicates"] in named][:limit]


async def test_as_many_replicas_as_are_linked_of_one_pilot_are_none_of_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handlers, "MOST_REPLICAS", 3)
    store = cast(Store, Shelf({"a1": "p-a", "a2": "p-a", "a3": "p-a", "a4": "p-a", "b1": "N-p-b"}))
    events = []
    for subject in ("p-a", "p-b"):
        said = example(PilotEnteredV1.TYPE)
        data = {**said["data"], "number": f"N-{subject}"}
        events.append(parse_own_fact(json.dumps({**said, "subject": subject, "data": data}).encode(), REGISTRY))
    first, second = await process_manager(store, events)
    assert first == [("p-a", LinkReplica(one, f"N-{one}", "Иначе.")) for one in ("a1", "a2", "a3")]
    assert second == [("p-b", LinkReplica("b1", "N-b1", "Иначе."))]
