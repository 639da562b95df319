"""What a service asks MongoDB, written down, and how MongoDB would carry it out."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.store import Store


class Watched(Store):
    """A store that writes down what it is asked for, as MongoDB's `explain` takes it."""

    def __init__(self, client: Any, database: str) -> None:
        super().__init__(client, database)
        self.asked: list[dict[str, Any]] = []

    async def rows(self, collection: str, query: Mapping[str, Any], **more: Any) -> list[dict[str, Any]]:
        """Rows, as before."""
        asked = {"find": collection, "filter": query, "sort": dict(more["sort"]), "limit": more["limit"]}
        self.asked.append(asked | ({"hint": dict(more["hint"])} if more.get("hint") else {}))
        return await super().rows(collection, query, **more)

    async def count(self, collection: str, query: Mapping[str, Any], limit: int, hint: Any = None) -> int:
        """A count, as before."""
        asked = {"count": collection, "query": query, "limit": limit}
        self.asked.append(asked | ({"hint": dict(hint)} if hint else {}))
        return await super().count(collection, query, limit, hint)

    async def distinct(self, collection: str, field: str, query: Mapping[str, Any]) -> list[str]:
        """Values, as before."""
        self.asked.append({"distinct": collection, "key": field, "query": dict(query)})
        return await super().distinct(collection, field, query)

    async def tally(
        self, collection: str, query: Mapping[str, Any], field: str, values: Sequence[str]
    ) -> dict[str, int]:
        """A tally, as before."""
        match = {"$match": {**query, field: {"$in": list(values)}}}
        self.asked.append({"aggregate": collection, "pipeline": [match], "cursor": {}})
        return await super().tally(collection, query, field, values)

    async def counted(
        self,
        collection: str,
        query: Mapping[str, Any],
        by: Sequence[str],
        *,
        first: str,
        last: Sequence[str],
        hint: Any,
    ) -> list[dict[str, Any]]:
        """Groups, as before: the index that they are read by gives their order."""
        self.asked.append({"find": collection, "filter": dict(query), "sort": dict(hint), "hint": dict(hint)})
        return await super().counted(collection, query, by, first=first, last=last, hint=hint)

    async def sums(
        self, collection: str, query: Mapping[str, Any], by: str, fields: Sequence[str], hint: Any
    ) -> dict[str, dict[str, int]]:
        """Sums, as before."""
        self.asked.append({"find": collection, "filter": dict(query), "hint": dict(hint)})
        return await super().sums(collection, query, by, fields, hint)

    async def groups(
        self,
        collection: str,
        query: Mapping[str, Any],
        by: Sequence[str],
        within: str,
        most: int,
        hint: Any = None,
        told_as: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Groups, as before."""
        asked = {"aggregate": collection, "pipeline": [{"$match": dict(query)}], "cursor": {}}
        self.asked.append(asked | ({"hint": dict(hint)} if hint else {}))
        return await super().groups(collection, query, by, within, most, hint, told_as)

    async def plan_of(self, asked: Mapping[str, Any]) -> Any:
        """The plan that MongoDB takes."""
        explained = await self._db.command("explain", dict(asked), verbosity="queryPlanner")
        return explained["queryPlanner"]["winningPlan"]


def said(plan: Any, name: str) -> set[str]:
    """Everything that a plan, or any part of it, says under a name: `stage`, `indexName`."""
    if isinstance(plan, list):
        return set().union(*(said(part, name) for part in plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan[name]} if isinstance(plan.get(name), str) else set()
    return own.union(*(said(part, name) for part in plan.values()))
