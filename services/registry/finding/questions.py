"""Questions to one index: search with orders and keyset pages, facets, and pilots that are like another.

**Pages.** In an order by a key (`entered`, `due`, `amount`) a cursor is the key of the last hit and its tie (a hash of
its id), so a page begins after that hit whatever was committed meanwhile: nothing that did not change is shown twice
or left out. By relevance a cursor is how many hits were shown, the last one's id and its score. As long as nothing is
committed the next page is exact; a commit shifts all scores a little, and then the page begins after the last hit
where it stands now. Relevance is for the best hits: after `DEEPEST` of them there is no next page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import log
from typing import Any, Final

from tantivy import DocAddress, FieldType, Occur, Query, Schema, Searcher
from tantivy import Order as Way

from services.chassis.problems import Problematic
from services.registry.finding import text
from services.registry.finding.entries import (
    FACETS,
    NAMED,
    Facet,
    Order,
    counted,
    facet,
    organisation_key,
    organisations,
    texts,
    values_of,
)
from services.registry.finding.index import Index
from services.registry.finding.weights import Weights, counted_in
from services.registry.views import View

DEEPEST: Final = 10_000
MOST_VALUES: Final = 200
"""Values of one facet that are named; what others there are is added up under `others`."""
MOST_SETS: Final = 10_000
"""Sets of values of one facet that are told apart; thirteen sectors make 8,191."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for: words as they were typed, and for each facet the values of which any will do."""

    words: str | None = None
    filters: Mapping[Facet, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hits:
    """Ids of pilots in order, how many there are in all, and where the next page begins."""

    ids: tuple[str, ...]
    count: int
    next: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Among:
    """What of an index is looked through: the pilots of one `agency`, or of all `but` one; none of those that are
    `hidden` from who asks. Several of them have no pilot in common, and are answered as one.

    `public`: the public index, for who sees no more than it beside the `agency`'s pilots. Words weigh by what who asks
    sees, and by nothing else.
    """

    index: Index
    agency: str | None = None
    but: str | None = None
    hidden: frozenset[str] = frozenset()
    public: Index | None = None

    def within(self, query: Query) -> Query:
        """A query, of these pilots alone; how well they fit stays the same."""
        schema = self.index.schema
        parts = [(Occur.Must, query)]
        if self.agency is not None:
            parts.append((Occur.Must, _of_agency(schema, self.agency)))
        if self.but is not None:
            parts.append((Occur.MustNot, Query.term_query(schema, "agency", self.but, "basic")))
        parts += [(Occur.MustNot, Query.term_query(schema, "id", one, "basic")) for one in sorted(self.hidden)]
        return Query.boolean_query(parts) if len(parts) > 1 else query

    def weights(self) -> Weights | None:
        """By what words weigh, where the index itself is not to say it."""
        own = self.public is not None and self.agency is not None
        if not own and not self.hidden:
            return None
        schema, inside = self.index.schema, self.index.searcher()
        public = self.public.searcher() if own and self.public is not None else None
        parts = [
            (Occur.Must, _of_agency(schema, self.agency) if own and self.agency is not None else Query.all_query())
        ]
        parts += [(Occur.MustNot, Query.term_query(schema, "id", one, "basic")) for one in sorted(self.hidden)]
        whose = Query.boolean_query(parts)
        count = counted_in(inside, whose) + (int(public.num_docs) if public is not None else 0)
        return Weights(schema, inside, public, whose, count)


def _of_agency(schema: Schema, agency: str) -> Query:
    return Query.const_score_query(Query.term_query(schema, "agency", agency, "basic"), 0.0)


Where = Index | Sequence[Among]
"""What is asked: a whole index, or parts of some."""


def _parts(where: Where) -> Sequence[Among]:
    return [Among(where)] if isinstance(where, Index) else where


def search(where: Where, asked: Asked, order: Order, after: Sequence[Any] | None, limit: int) -> Hits:
    """One page of what is found. Raises Problematic for a cursor that was given out for something else."""
    parts = [_Part(one.index, one.index.searcher(), one.within(_query(one, asked))) for one in _parts(where)]
    if order == "relevance":
        return _by_relevance(parts, after, limit)
    return _by_key(parts, order, after, limit)


def facets(where: Where, asked: Asked) -> tuple[dict[str, Any], int]:
    """For every facet how many hits have each value, most first, and how many hits there are: in one pass."""
    wanted: dict[str, Any] = {
        name: {"terms": {"field": counted(name), "size": MOST_VALUES if counted(name) == name else MOST_SETS}}
        for name in FACETS
    }
    wanted |= {name: {**wanted[name], "aggs": {"newest": {"max": {"field": "entered"}}}} for name in NAMED}
    wanted["hits"] = {"value_count": {"field": "tie"}}
    found = [one.index.searcher().aggregate(one.within(_query(one, asked)), wanted) for one in _parts(where)]
    counts: dict[str, Any] = {name: _counts([one[name] for one in found], name in NAMED) for name in FACETS}
    return counts, sum(int(one["hits"]["value"]) for one in found)


def _counts(found: Sequence[Mapping[str, Any]], named: bool) -> dict[str, Any]:
    counts, names, unnamed = Counter[str](), dict[str, tuple[float, str]](), 0
    for part in found:
        unnamed += part["sum_other_doc_count"]
        for one in part["buckets"]:
            values = values_of(one["key"])
            if named and len(values) > 1:
                known = (float(one["newest"]["value"]), values.pop())
                names[values[0]] = max(known, names.get(values[0], known))
            for value in values:
                counts[value] += one["doc_count"]
    most = counts.most_common(MOST_VALUES)
    others = unnamed + counts.total() - sum(count for _, count in most)
    told = [{"value": value, "count": count, "name": names.get(value, (0, None))[1]} for value, count in most]
    return {"values": told, "others": others}


def _query(among: Among, asked: Asked) -> Query:
    index, weights = among.index, among.weights() if asked.words else None
    term = weights.term if weights else None
    parts = [text.query(index.schema, text.words_of(asked.words), term)] if asked.words else []
    for name, values in asked.filters.items():
        any_of = [(Occur.Should, Query.term_query(index.schema, name, value, "basic")) for value in values]
        # A filter says which pilots, not how well they fit.
        parts.append(Query.const_score_query(Query.boolean_query(any_of), 0.0))
    return text.all_of(parts) if parts else Query.all_query()


# ---- pages


def _bad() -> Problematic:
    return Problematic(400, "cursor.bad")


@dataclass(frozen=True, slots=True)
class _Part:
    """An index as it is committed now, and what is asked of it."""

    index: Index
    searcher: Searcher
    query: Query


_Scored = tuple[float, Searcher, DocAddress]
"""A hit by relevance, and where it stands."""


def _by_relevance(parts: Sequence[_Part], after: Sequence[Any] | None, limit: int) -> Hits:
    shown, last, score = _relevance_cursor(after)
    most = min(shown + limit + 1, DEEPEST)
    hits, count = list[_Scored](), 0
    for part in parts:
        found: Any = part.searcher.search(part.query, most)  # its types do not know `count`
        hits += [(each, part.searcher, address) for each, address in found.hits]
        count += int(found.count)
    if len(parts) > 1:
        hits = sorted(hits, key=lambda hit: -hit[0])[:most]
    begin = _behind(hits, shown, last, score)
    ids = [_id(searcher, address) for _, searcher, address in hits[begin : begin + limit]]
    end = begin + len(ids)
    more = end < len(hits) and bool(ids)
    cursor = ("relevance", end, ids[-1], float(hits[end - 1][0]).hex()) if more else None
    return Hits(tuple(ids), count, cursor)


def _relevance_cursor(after: Sequence[Any] | None) -> tuple[int, str, float]:
    if after is None:
        return 0, "", 0.0
    match list(after):
        case ["relevance", int(shown), str(last), str(score)] if 0 < shown < DEEPEST:
            try:
                return shown, last, float.fromhex(score)
            except (ValueError, OverflowError):
                raise _bad() from None
    raise _bad()


def _behind(hits: Sequence[_Scored], shown: int, last: str, score: float) -> int:
    """Where the hits begin that come after the last one shown, wherever a commit has put it since."""
    if not shown or not hits:
        return 0
    if shown <= len(hits) and _id(*hits[shown - 1][1:]) == last:
        return shown
    for place in sorted(range(len(hits)), key=lambda p: abs(p - shown))[: _looking(shown)]:
        if _id(*hits[place][1:]) == last:
            return place + 1
    return next((place for place, (each, *_) in enumerate(hits) if each < score), len(hits))


def _looking(shown: int) -> int:
    """How many hits around its old place are looked at for the last one shown."""
    return min(max(200, shown // 10), 1000)


def _by_key(parts: Sequence[_Part], order: Order, after: Sequence[Any] | None, limit: int) -> Hits:
    found, count, beyond = list[tuple[int, int, Searcher, DocAddress]](), 0, _key_cursor(order, after)
    for part in parts:
        places, known = _walk(part.index, part.searcher, part.query, order, beyond, limit + 1)
        found += [(key, tie, part.searcher, address) for key, tie, address in places]
        count += counted_in(part.searcher, part.query) if known is None else known
    if len(parts) > 1:
        found.sort(key=lambda place: place[:2], reverse=True)
    ids = tuple(_id(searcher, address) for _, _, searcher, address in found[:limit])
    cursor = (order, found[limit - 1][0], found[limit - 1][1]) if len(found) > limit else None
    return Hits(ids, count, cursor)


def _key_cursor(order: Order, after: Sequence[Any] | None) -> tuple[int, int] | None:
    if after is None:
        return None
    match list(after):
        case [str(of), int(key), int(tie)] if of == order and abs(key) < 2**63 and 0 <= tie < 2**63:
            return key, tie
    raise _bad()


_Place = tuple[int, int, DocAddress]


def _walk(
    index: Index, searcher: Searcher, query: Query, order: Order, after: tuple[int, int] | None, limit: int
) -> tuple[list[_Place], int | None]:
    """The next hits by key and, among equal keys, by tie, both descending; from the beginning also how many there are.

    The index sorts by one field only and cuts off anywhere among equals. So those with the cursor's own key come
    first, sorted by tie; then the best below it, of whose last key only a part may have come: that key again by tie.
    """
    found: list[_Place] = []
    if after is not None:
        found = _equal(index, searcher, query, order, after[0], after[1], limit)
    need = limit - len(found)
    if need <= 0:
        return found, None
    below = query if after is None else text.all_of([query, _between(index, order, None, after[0] - 1)])
    best: Any = searcher.search(below, need, count=after is None, order_by_field=order, order=Way.Desc)
    hits, count = best.hits, int(best.count) if after is None else None
    if not hits:
        return found, count
    lowest = hits[-1][0]
    above = [(key, address) for key, address in hits if key != lowest]
    ties = searcher.fast_field_values("tie", [address for _, address in above])
    places = [(key, int(tie or 0), address) for (key, address), tie in zip(above, ties, strict=True)]
    found += sorted(places, key=lambda place: place[:2], reverse=True)
    return found + _equal(index, searcher, query, order, lowest, None, limit - len(found)), count


def _equal(
    index: Index, searcher: Searcher, query: Query, order: Order, key: int, below: int | None, limit: int
) -> list[_Place]:
    parts = [query, _between(index, order, key, key)]
    if below is not None:
        parts.append(_between(index, "tie", None, below - 1))
    hits = searcher.search(text.all_of(parts), limit, count=False, order_by_field="tie", order=Way.Desc).hits
    return [(key, tie, address) for tie, address in hits]


def _between(index: Index, name: str, low: int | None, high: int) -> Query:
    return Query.range_query(index.schema, name, FieldType.Integer, low, high)


def _id(searcher: Searcher, address: DocAddress) -> str:
    return str(searcher.doc(address)["id"][0])


# ---- pilots that are like another

TELLING: Final = 20
"""So many words, the most telling ones, are compared."""
READ: Final = 500_000
"""So many places of words the index goes through for one question, beyond the `ALIKE` rarest: of a million pilots a
word that most have is not compared where there are rarer ones. A common word weighs little; it is not left out."""
ALIKE: Final = 2
"""So many telling words two pilots must share, where there are so many."""
SHARED: Final[tuple[Facet, ...]] = ("sector", "region")
"""The facets in which pilots are like each other, beside their words and organisations."""
SAME_SECTOR: Final = 1.0
SAME_REGION: Final = 0.5
SAME_ORGANISATION: Final = 2.0


def similar(where: Where, view: View, limit: int, before: int | None = None) -> list[tuple[str, float]]:
    """The pilots nearest to a view, with their scores; itself is not among them.

    `before` leaves out those that were entered at this moment (milliseconds) or later.
    """
    found = [near for one in _parts(where) for near in _near(one, view, limit, before)]
    return sorted(found, key=lambda near: -near[1])[:limit]


def _near(among: Among, view: View, limit: int, before: int | None) -> list[tuple[str, float]]:
    index, weights = among.index, among.weights()
    searcher, words = index.searcher(), telling(among, view)
    if not words:
        return []
    term = weights.term if weights else partial(Query.term_query, index.schema, index_option="freq")
    stems = [(Occur.Should, term("text", word)) for word in words]
    parts: list[tuple[Occur, Query]] = [(Occur.Must, Query.boolean_query(stems, min(ALIKE, len(words))))]
    parts += [(Occur.Should, one) for one in _alike(index, view)]
    if before is not None:
        parts.append((Occur.Must, Query.const_score_query(_between(index, "entered", None, before - 1), 0.0)))
    if view.get("id"):
        parts.append((Occur.MustNot, Query.term_query(index.schema, "id", view["id"], "basic")))
    hits = searcher.search(among.within(Query.boolean_query(parts)), limit, count=False).hits
    return [(_id(searcher, address), round(float(score), 3)) for score, address in hits]


def telling(among: Among, view: View) -> list[str]:
    """The stems of a view's words that tell most about it: often in it, seldom elsewhere, but not only in it."""
    index, by = among.index, among.weights()
    searcher = index.searcher()
    count, having_it = (by.count, by.having) if by else (searcher.num_docs, searcher.doc_freq)
    times: dict[str, int] = {}
    for stem in text.likeness(texts(view)):
        times[stem] = times.get(stem, 0) + 1
    own = _times_there(index, by, view.get("id"))
    known: dict[str, int] = {}
    weights: dict[str, float] = {}
    for stem, often in times.items():
        having = having_it("text", stem) if len(stem) > 2 and not stem.isdigit() else 0
        if own < having:
            known[stem] = having
            weights[stem] = (1 + log(often)) * log(1 + count / having)
    return _affordable(sorted(weights, key=lambda stem: (-weights[stem], stem))[:TELLING], known)


def _times_there(index: Index, by: Weights | None, id_: str | None) -> int:
    """How many times a pilot itself counts where it is counted which pilots have a word."""
    if not id_:
        return 0
    return by.having("id", id_) if by else int(index.holds(id_))


def _affordable(words: Sequence[str], known: Mapping[str, int]) -> list[str]:
    """The words whose places in the index may all be gone through, in their order."""
    cheap, places = set[str](), 0
    for word in sorted(words, key=lambda one: known[one]):
        places += known[word]
        if len(cheap) >= ALIKE and places > READ:
            break
        cheap.add(word)
    return [word for word in words if word in cheap]


def _alike(index: Index, view: View) -> list[Query]:
    found = [("sector", value, SAME_SECTOR) for value in facet(view, "sector")]
    found += [("region", value, SAME_REGION) for value in facet(view, "region")]
    found += [("code", organisation_key(party), SAME_ORGANISATION) for party in organisations(view)]
    return [
        Query.const_score_query(Query.term_query(index.schema, name, value, "basic"), score)
        for name, value, score in found
    ]


def in_common(words: Sequence[str], one: View, other: View) -> dict[str, Any]:
    """What two views have in common: the telling words of `one` as `other` writes them, organisations, sector,
    region."""
    theirs = text.surfaces(texts(other))
    mine = {organisation_key(party) for party in organisations(one)}
    return {
        "words": [theirs[stem] for stem in words if stem in theirs],
        "organisations": [party for party in organisations(other) if organisation_key(party) in mine],
        **{name: next((v for v in facet(one, name) if v in facet(other, name)), None) for name in SHARED},
    }
