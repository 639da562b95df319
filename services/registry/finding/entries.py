"""What of a view is indexed, and under which names: a new facet or a new order is one line here.

An entry is made from a view (`services/registry/views.py`) and from nothing else, so what a view does not show cannot
be found, counted or sorted by.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from tantivy import Document, Schema, SchemaBuilder

from contracts.rules import PARTS
from services.registry.finding.text import indexed
from services.registry.finding.writing import code, normalised
from services.registry.views import View, day_of

VERSION: Final = 9
"""Raise it when anything here, in `naming`, `text`, `writing` or `belarusian` changes what is indexed: what another
version made is made anew."""
LONGEST_VALUE: Final = 200

Entry = dict[str, list[Any]]
Facet = Literal["sector", "stage", "region", "agency", "source", "year", "office", "flag"]
Flag = Literal["overpaid"]
"""What somebody should look at: more was paid than was committed."""
FLAGS: Final[tuple[Flag, ...]] = ("overpaid",)
Order = Literal["relevance", "entered", "due", "amount", "published"]
"""`entered` the newest first, `due` the soonest first, `amount` the largest first, `published` what the public came to
see last."""


SHOWN: Final = (
    "id",
    "number",
    "title",
    "sector",
    "sectors",
    "agency",
    "agency_name",
    "stage",
    "region",
    "entered",
    "published",
    "term",
    "application",
    "executor",
    "money",
    "conclusions",
    "overpaid",
)
"""The fields of a view that are read here: an entry is the same whether the view has others or not."""


def _application(view: View) -> Mapping[str, Any]:
    return view.get("application") or {}


def _year(view: View) -> str | None:
    return day_of(view["entered"])[:4] if view.get("entered") else None


FACETS: Final[Mapping[Facet, Callable[[View], Any]]] = {
    "sector": lambda view: view.get("sectors") or view.get("sector"),
    "stage": lambda view: view.get("stage"),
    "region": lambda view: view.get("region"),
    "agency": lambda view: view.get("agency"),
    "source": lambda view: sorted({line["source"] for line in view.get("money") or ()}),
    "year": _year,
    "office": lambda view: _application(view).get("office"),
    "flag": lambda view: [flag for flag in FLAGS if view.get(flag)],
}
"""How the value, or the values, of each facet are read from a view. `year` is that of the entry; `region` is the
code alone, never the free words of `territory`, so that a region has one line."""
SEVERAL: Final[tuple[Facet, ...]] = ("sector", "region", "source", "office", "flag")
"""The facets of which a pilot may have several values, or none. They are counted by the whole set that it has, one
value for each pilot, which the index does many times as fast."""
NAMED: Final[Mapping[Facet, Callable[[View], Any]]] = {"agency": lambda view: view.get("agency_name")}
"""The facets whose values have names that stand in the pilots themselves, and how a name is read from a view. They are
counted by value and name, so that no name is told but one of a pilot that is counted."""
BETWEEN: Final = "\x1f"


def _moment(text: str | None) -> int | None:
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else None


def _due(view: View) -> int | None:
    moment = _moment((view.get("term") or {}).get("due_at"))
    return None if moment is None else -moment


def _amount(view: View) -> int | None:
    """The cost in the currency in which most stands: amounts in different currencies are not added up."""
    sums: dict[str, int] = {}
    for line in view.get("money") or ():
        if line["stage"] != "planned":
            continue
        sums[line["currency"]] = sums.get(line["currency"], 0) + line["amount_minor"]
    return max(sums.values(), default=None)


ORDERS: Final[Mapping[Order, Callable[[View], int | None]]] = {
    "entered": lambda view: _moment(view.get("entered")),
    "due": _due,
    "amount": _amount,
    "published": lambda view: _moment(view.get("published")),
}
"""The key of each order; the greatest key comes first, and what has none comes last."""
LAST: Final = -(2**62)


def organisations(view: View) -> list[Mapping[str, Any]]:
    """The organisations that a view shows with a part in the pilot, each once."""
    application = _application(view)
    named = [*(application.get(part) for part in PARTS), view.get("executor"), *application.get("participants", ())]
    return list({organisation_key(party): party for party in named if party}.values())


def organisation_key(party: Mapping[str, Any]) -> str:
    """An organisation's scheme and number in one word."""
    return f"{party['id']['scheme']}:{party['id']['value']}".casefold()


def texts(view: View) -> list[str]:
    """The texts by which a pilot is found and compared: title, problem, solution, expected effect."""
    application = _application(view)
    said = (view.get("title"), *(application.get(part) for part in ("problem", "solution", "expected_effect")))
    return [text for text in said if text]


def _codes(view: View) -> Iterable[str]:
    yield view.get("number") or ""
    yield from (conclusion["number"] for conclusion in view.get("conclusions") or ())
    for party in organisations(view):
        yield party["id"]["value"]
        yield organisation_key(party)


def make_schema() -> Schema:
    """The fields of an index. Keys of orders are signed: the writer takes every number for one."""
    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("tie", fast=True)
    builder.add_text_field("code", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="all_stems", index_option="freq")
    for field in ("text", "organisation"):
        builder.add_text_field(field, tokenizer_name="stems", index_option="freq")
    builder.add_text_field("word", tokenizer_name="words", index_option="basic")
    for facet in FACETS:
        builder.add_text_field(facet, tokenizer_name="raw", index_option="basic", fast=counted(facet) == facet)
    for facet in (*SEVERAL, *NAMED):
        builder.add_text_field(counted(facet), tokenizer_name="raw", index_option="basic", fast=True)
    for order in ORDERS:
        builder.add_integer_field(order, fast=True)
    return builder.build()


def entry(view: View) -> Entry:
    """What is indexed of a pilot's view."""
    said, names = texts(view), [party["name"] for party in organisations(view) if party.get("name")]
    facets: Entry = {name: facet(view, name) for name in FACETS}
    return {
        "id": [view["id"]],
        "tie": [tie(view["id"])],
        "code": sorted({code(one) for one in _codes(view) if one}),
        "title": [indexed([view.get("title") or ""])],
        "text": [indexed(said)],
        "organisation": [indexed(names)],
        "word": [words(said, names)],
        **facets,
        **{counted(name): [BETWEEN.join(sorted({*facets[name]}))] for name in SEVERAL},
        **{counted(name): [BETWEEN.join((*facets[name], *_values(read(view))))] for name, read in NAMED.items()},
        **{order: [LAST if (key := read(view)) is None else key] for order, read in ORDERS.items()},
    }


def facet(view: View, name: Facet) -> list[str]:
    """The values of one facet of a view."""
    return _values(FACETS[name](view))


def words(said: Iterable[str], names: Iterable[str]) -> str:
    """The words that are sought by their beginning: those of the texts, and on a line of its own of the names."""
    return "\n".join(" ".join(map(normalised, some)) for some in (said, names))


def counted(facet: Facet) -> str:
    """The field that a facet is counted by."""
    return f"{facet}_set" if facet in SEVERAL else f"{facet}_named" if facet in NAMED else facet


def values_of(key: str) -> list[str]:
    """The values of a facet in what it is counted by."""
    return [value for value in key.split(BETWEEN) if value]


def document(one: Entry) -> Document:
    """An entry as the index takes it."""
    return Document(**{field: values for field, values in one.items() if values})


def tie(id_: str) -> int:
    """A number that puts pilots with an equal key in an order of their own, the same on every replica."""
    return int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest()) >> 1


def _values(found: Any) -> list[str]:
    values = found if isinstance(found, list) else [found]
    return [str(value)[:LONGEST_VALUE] for value in values if value not in (None, "")]
