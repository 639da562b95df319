"""What the figures are asked: one function for each question, on a connection that sees one commit.

Money is never added up across currencies, nor across its stages: what was planned, committed and paid is largely the
same money. Both are columns of every row, whatever is asked for. Sums are exact whole minor units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts.reference import UNSPECIFIED, Effectiveness
from contracts.steps import Scaling
from services.registry.amounts import in_units
from services.registry.domain.stages import Stage
from services.registry.figures.figures import Answer

if TYPE_CHECKING:  # at run time no type of the binding is held, or it calls them leaked when the process ends
    from duckdb import DuckDBPyConnection

Axis = Literal["sector", "year", "stage", "source", "agency", "region"]
MoneyFilter = Literal["sector", "agency", "region", "source", "year", "stage", "currency"]
MoneyFilters = Mapping[MoneyFilter, Sequence[str]]
PilotFilter = Literal["sector", "agency", "region", "office"]
Filters = Mapping[PilotFilter, str]
AXES: Final[Mapping[Axis, str]] = {
    "sector": "sector",
    "year": "coalesce(year, 0)",
    "stage": "stage",
    "source": "source",
    "agency": "agency",
    "region": "coalesce(region, '')",
}
"""How each axis is grouped and sorted: what was not said comes first, as a value of its own."""
ALWAYS: Final = ("currency", "stage")
"""What every row of money says."""
DAY_MS: Final = 86_400_000


def _name(about: str, value: str) -> str:
    return f"{about}_{value.replace('-', '_')}"


RESULTS: Final = ("pilots", "indicators", "measured", "reached", "pilots_all_reached")
"""What is counted of results, by sector."""
SCALED: Final = (
    *(_name("judged", one.value) for one in Effectiveness),
    *(_name("decided", one.value) for one in Scaling),
    "replicas",
    *(_name("replicas", one.value) for one in Effectiveness),
)
"""What is counted of scaling, by sector."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What of the pilots the figures are made of: those that are not `hidden` from who asks; where `agency` is given,
    its own pilots whole, and of the others what the public sees of public ones; `public`: those that the public sees
    alone."""

    agency: str | None = None
    hidden: tuple[str, ...] = ()
    public: bool = False

    def where(self, *, whole: bool = False) -> tuple[str, list[Any]]:
        """The condition of it on the table of pilots and its parameters; `whole`: of what the public never sees."""
        parts, given = ["true"], list[Any]()
        if self.hidden:
            parts.append("NOT list_contains(?::VARCHAR[], pilot)")
            given.append(list(self.hidden))
        if self.agency is not None:
            parts.append("agency = ?" if whole else "(agency = ? OR public)")
            given.append(self.agency)
        if self.public:
            parts.append("public")
        return " AND ".join(parts), given


ALL: Final = Seen()
"""Every pilot."""


@dataclass(frozen=True, slots=True)
class MoneyAsked:
    """Sums of money by some axes, under filters (any of a filter's values will do), `limit` of them after a key."""

    by: tuple[Axis, ...] = ("sector",)
    filters: MoneyFilters = field(default_factory=dict)
    after: tuple[Any, ...] | None = None
    limit: int = 200
    seen: Seen = ALL

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that a row is named by, in their order."""
        return (*self.by, *(one for one in ALWAYS if one not in self.by))


# ---- money


def money(cursor: "DuckDBPyConnection", asked: MoneyAsked) -> Answer:
    """One page of sums, and for each currency and stage the total: what is on this page, and what is elsewhere.

    `pilots` counts each pilot once in its row, and once in each total. `next` is the key of the last row, None at the
    end.
    """
    where, given = money_where(asked.filters, asked.seen)
    columns = [f"{AXES.get(one, one)} AS {one}" for one in asked.key]  # type: ignore[call-overload]
    named = ", ".join(asked.key)
    grouped = (
        f"SELECT {', '.join(columns)}, sum(amount) AS amount, count(DISTINCT pilot) AS pilots "
        f"FROM lines WHERE {where} GROUP BY ALL"
    )
    beyond, last = _beyond(asked)
    page = f"SELECT * FROM ({grouped}) AS grouped WHERE {beyond} ORDER BY {named} LIMIT ?"
    rows = cursor.execute(page, [*given, *last, asked.limit + 1]).fetchall()
    shown, more = rows[: asked.limit], len(rows) > asked.limit
    items = [_sum(asked.key, row) for row in shown]
    if "agency" in asked.by:
        names = _agencies(cursor, {one["agency"] for one in items}, asked.seen)
        items = [{**one, "agency_name": names.get(one["agency"])} for one in items]
    totals = cursor.execute(
        f"SELECT currency, stage, sum(amount), count(DISTINCT pilot) FROM lines WHERE {where} "
        f"GROUP BY currency, stage ORDER BY currency, stage",
        given,
    ).fetchall()
    return {
        "group_by": list(asked.by),
        "items": items,
        "totals": [_total(total, items) for total in totals],
        "next": list(shown[-1][: len(asked.key)]) if more else None,
        "left_out": _left_out(cursor),
    }


def money_where(filters: MoneyFilters, seen: Seen) -> tuple[str, list[Any]]:
    """The condition of filters and its parameters. `unspecified` finds also what was not said at all."""
    parts, given = ["true"], list[Any]()
    if seen != ALL:
        condition, given = seen.where()
        parts = [f"pilot IN (SELECT pilot FROM pilots WHERE {condition})"]
    for name, values in filters.items():
        if not values:
            continue
        known = [int(one) if name == "year" else one for one in values if name != "year" or one != UNSPECIFIED]
        kind = "INTEGER" if name == "year" else "VARCHAR"
        part = f"list_contains(?::{kind}[], {name})"
        if UNSPECIFIED in values and name in ("year", "region"):
            part = f"({part} OR {name} IS NULL)"
        parts.append(part)
        given.append(known)
    return " AND ".join(parts), given


def _beyond(asked: MoneyAsked) -> tuple[str, list[Any]]:
    if asked.after is None:
        return "true", []
    named, marks = ", ".join(asked.key), ", ".join("?" * len(asked.key))
    return f"({named}) > ({marks})", list(asked.after)


def _sum(key: Sequence[str], row: Sequence[Any]) -> Answer:
    said = {name: value or None for name, value in zip(key, row, strict=False)}
    amount = int(row[-2])
    return {**said, "amount_minor": amount, "amount": in_units(amount, str(said["currency"])), "pilots": row[-1]}


def _agencies(cursor: "DuckDBPyConnection", codes: Iterable[str], seen: Seen) -> dict[str, str]:
    """What these agencies are called, by the newest of their pilots that are seen."""
    condition, given = seen.where()
    rows = cursor.execute(
        f"SELECT agency, arg_max(agency_name, entered) FROM pilots WHERE {condition} AND agency_name IS NOT NULL "
        "AND list_contains(?::VARCHAR[], agency) GROUP BY agency",
        [*given, sorted(codes)],
    ).fetchall()
    return dict(rows)


def _total(total: Sequence[Any], items: Iterable[Answer]) -> Answer:
    currency, stage, amount, pilots = total
    here = sum(one["amount_minor"] for one in items if (one["currency"], one["stage"]) == (currency, stage))
    return {
        "currency": currency,
        "stage": stage,
        "amount_minor": int(amount),
        "amount": in_units(int(amount), currency),
        "here_minor": here,
        "elsewhere_minor": int(amount) - here,
        "pilots": pilots,
    }


# ---- pilots


def funnel(cursor: "DuckDBPyConnection", filters: Filters, seen: Seen = ALL) -> Answer:
    """Pilots by the stage they are at, and how many days stays at each stage took that are over: median and the
    ninth decile, in days of 24 hours to one decimal. A pilot that came back stayed twice."""
    chosen, given = _chosen(filters, seen)
    now = _counts(cursor, f"SELECT stage, count(*) FROM ({chosen}) GROUP BY stage", given)
    chosen, given = _chosen(filters, seen, whole=True)
    over = cursor.execute(
        f"SELECT stage, count(*), quantile_cont(days, 0.5), quantile_cont(days, 0.9) FROM ("
        f"SELECT stage, epoch_ms(until) - epoch_ms(since) AS days FROM stays SEMI JOIN ({chosen}) USING (pilot) "
        f"WHERE until IS NOT NULL) GROUP BY stage",
        given,
    ).fetchall()
    took = {stage: (stays, _days(median), _days(p90)) for stage, stays, median, p90 in over}
    stages = []
    for stage in Stage:
        stays, median, p90 = took.get(stage.value, (0, None, None))
        said = {"stage": stage.value, "pilots": now.get(stage.value, 0), "stays_over": stays}
        stages.append({**said, "median_days": median, "p90_days": p90})
    return {"stages": stages, "pilots": sum(now.values()), "left_out": _left_out(cursor)}


def terms(cursor: "DuckDBPyConnection", filters: Filters, seen: Seen = ALL) -> Answer:
    """How many terms of each kind were kept, how many broken, how many still run: the register's own, and those of
    the other services (`own` false) as these announced them.

    `kept`: ended in time, also where what it bounds fell away. `broken`: ended late, or open and announced as broken.
    """
    names = ("kept", "broken", "running", "broken_and_open")
    chosen, given = _chosen(filters, seen, whole=True)
    rows = cursor.execute(
        f"SELECT kind, own, {', '.join(f'sum({name})' for name in names)} "
        f"FROM terms SEMI JOIN ({chosen}) USING (pilot) GROUP BY kind, own ORDER BY own DESC, kind",
        given,
    ).fetchall()
    kinds = [{"kind": row[0], "own": row[1], **_counted(names, row[2:])} for row in rows]
    return {"kinds": kinds, "left_out": _left_out(cursor)}


def overpaid(cursor: "DuckDBPyConnection", filters: Filters, seen: Seen = ALL) -> Answer:
    """Payments above what was committed, by source and currency: of how many pilots, and how much above."""
    chosen, given = _chosen(filters, seen, whole=True)
    rows = cursor.execute(
        f"SELECT source, currency, count(DISTINCT pilot), sum(committed), sum(paid) "
        f"FROM overpaid SEMI JOIN ({chosen}) USING (pilot) GROUP BY source, currency ORDER BY source, currency",
        given,
    ).fetchall()
    [(pilots,)] = cursor.execute(
        f"SELECT count(DISTINCT pilot) FROM overpaid SEMI JOIN ({chosen}) USING (pilot)", given
    ).fetchall()
    names = ("pilots", "committed_minor", "paid_minor")
    sources = [
        {"source": row[0], "currency": row[1], **_counted(names, row[2:]), "above_minor": int(row[4] - row[3])}
        for row in rows
    ]
    return {"sources": sources, "pilots": int(pilots), "left_out": _left_out(cursor)}


def results(cursor: "DuckDBPyConnection", filters: Filters, seen: Seen = ALL) -> Answer:
    """By the pilots' main sectors: indicators agreed, measured, and those that reached their target; and pilots all of
    whose indicators did."""
    chosen, given = _chosen(filters, seen)
    rows = cursor.execute(
        f"SELECT sector, count(*), sum(agreed), sum(measured), sum(reached), count(*) FILTER (reached = agreed) FROM ("
        f"SELECT sector, pilot, count(*) AS agreed, count(*) FILTER (results.reached IS NOT NULL) AS measured, "
        f"count(*) FILTER (results.reached) AS reached "
        f"FROM results JOIN ({chosen}) AS chosen USING (pilot) GROUP BY sector, pilot) GROUP BY sector ORDER BY sector",
        given,
    ).fetchall()
    return _by_sector(cursor, RESULTS, rows)


def scaling(cursor: "DuckDBPyConnection", filters: Filters, seen: Seen = ALL) -> Answer:
    """By the pilots' main sectors: what they were judged to be, what was decided on scaling, and what became of the
    replicas that were linked to them. Which pilots copy another is not public."""
    chosen, given = _chosen(filters, seen)
    (parents, of_parents), (copies, of_copies) = seen.where(whole=True), seen.where()
    judged = [f"count(*) FILTER (judged = '{one.value}')" for one in Effectiveness]
    decided = [f"count(*) FILTER (scaling = '{one.value}')" for one in Scaling]
    came = [f"coalesce(sum(of_{one.name.lower()}), 0)" for one in Effectiveness]
    inner = [f"count(*) FILTER (outcome = '{one.value}') AS of_{one.name.lower()}" for one in Effectiveness]
    rows = cursor.execute(
        f"SELECT sector, {', '.join([*judged, *decided])}, coalesce(sum(replicas), 0), {', '.join(came)} "
        f"FROM ({chosen}) AS chosen LEFT JOIN (SELECT pilot, count(*) AS replicas, {', '.join(inner)} FROM replicas "
        f"WHERE {_among('pilot', parents)} AND {_among('replica', copies)} "
        f"GROUP BY pilot) AS replicas_of USING (pilot) GROUP BY sector ORDER BY sector",
        [*given, *of_parents, *of_copies],
    ).fetchall()
    return _by_sector(cursor, SCALED, rows)


def _by_sector(cursor: "DuckDBPyConnection", names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Answer:
    sectors = [{"sector": row[0], **_counted(names, row[1:])} for row in rows]
    totals = {name: sum(one[name] for one in sectors) for name in names}
    return {"sectors": sectors, "totals": totals, "left_out": _left_out(cursor)}


def _counted(names: Sequence[str], values: Sequence[Any]) -> dict[str, int]:
    return {name: int(value) for name, value in zip(names, values, strict=True)}


def _among(column: str, condition: str) -> str:
    """The condition that a column names one of these pilots; the condition of all asks for nothing."""
    return condition if condition == "true" else f"{column} IN (SELECT pilot FROM pilots WHERE {condition})"


def _chosen(filters: Filters, seen: Seen, *, whole: bool = False) -> tuple[str, list[Any]]:
    """The pilots that filters leave of those that are seen. `unspecified` finds also those of whom a region or an
    office was not said."""
    condition, given = seen.where(whole=whole)
    parts = [
        f"({name} = ? OR {name} IS NULL)" if value == UNSPECIFIED and name in ("region", "office") else f"{name} = ?"
        for name, value in filters.items()
    ]
    return f"SELECT * FROM pilots WHERE {' AND '.join([condition, *parts])}", [*given, *filters.values()]


def _counts(cursor: "DuckDBPyConnection", sql: str, given: Sequence[Any]) -> dict[str, int]:
    return dict(cursor.execute(sql, given).fetchall())


def _days(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / DAY_MS, 1)


def _left_out(cursor: "DuckDBPyConnection") -> int:
    """How many pilots could not be read, and stand in no figure."""
    [(count,)] = cursor.execute("SELECT count(*) FROM unread").fetchall()
    return int(count)
