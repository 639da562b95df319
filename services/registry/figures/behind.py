"""What the public is told of terms, and which pilots stand behind a public figure, each with its part of it.

Of pilots that the public sees, and of nothing else: who follows a figure finds exactly what was counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from services.registry.figures.figures import Answer
from services.registry.figures.questions import MoneyFilters, Seen, money_where
from services.registry.views import PUBLIC_TERMS

if TYPE_CHECKING:  # at run time no type of the binding is held, or it calls them leaked when the process ends
    from duckdb import DuckDBPyConnection

PUBLIC: Final = Seen(public=True)
"""What the public sees."""
How = Literal["kept", "broken"]
AMONG: Final = "pilot IN (SELECT pilot FROM pilots WHERE public)"


@dataclass(frozen=True, slots=True)
class Part:
    """A page of what stands behind a figure: after a part and its pilot, `limit` rows."""

    after: tuple[int, str] | None = None
    limit: int = 50


def terms(cursor: "DuckDBPyConnection") -> Answer:
    """How many terms of each kind that the public may know of were kept, how many broken (also such that are open
    still), and in how many pilots. A term that runs and is not late is told of to nobody outside."""
    rows = cursor.execute(
        "SELECT kind, sum(kept), sum(broken), count(DISTINCT pilot) FILTER (kept > 0), "
        f"count(DISTINCT pilot) FILTER (broken > 0) FROM terms WHERE {AMONG} GROUP BY kind"
    ).fetchall()
    known = {row[0]: [int(one) for one in row[1:]] for row in rows}
    names = ("kept", "broken", "kept_pilots", "broken_pilots")
    return {"kinds": [{"kind": kind, **dict(zip(names, known.get(kind, (0,) * 4), strict=True))} for kind in TERMS]}


TERMS: Final = tuple(str(one) for one in PUBLIC_TERMS)


def of_terms(cursor: "DuckDBPyConnection", kind: str, how: How, part: Part) -> Answer:
    """The pilots in which a term of a kind was kept, or broken, and how many in each; most first."""
    return _page(
        cursor, f"SELECT pilot, sum({how}) AS part FROM terms WHERE kind = ? AND {how} > 0 AND {AMONG}", [kind], part
    )


def of_money(cursor: "DuckDBPyConnection", filters: MoneyFilters, part: Part) -> Answer:
    """The pilots whose money a sum is made of, and how much is of each; most first. The filters name one currency and
    one stage, or the sum would be none."""
    where, given = money_where(filters, PUBLIC)
    return _page(cursor, f"SELECT pilot, sum(amount) AS part FROM lines WHERE {where}", given, part)


def _page(cursor: "DuckDBPyConnection", parts: str, given: Sequence[Any], asked: Part) -> Answer:
    parts = f"{parts} GROUP BY pilot"
    beyond, last = "true", list[Any]()
    if asked.after is not None:
        beyond, last = "(part < ? OR (part = ? AND pilot > ?))", [asked.after[0], *asked.after]
    rows = cursor.execute(
        f"SELECT pilot, part FROM ({parts}) AS parts WHERE {beyond} ORDER BY part DESC, pilot LIMIT ?",
        [*given, *last, asked.limit + 1],
    ).fetchall()
    [(pilots, whole)] = cursor.execute(
        f"SELECT count(*), coalesce(sum(part), 0) FROM ({parts}) AS parts", given
    ).fetchall()
    shown = [(str(pilot), int(own)) for pilot, own in rows[: asked.limit]]
    further = [shown[-1][1], shown[-1][0]] if len(rows) > asked.limit else None
    return {"parts": shown, "pilots": int(pilots), "whole": int(whole), "next": further}
