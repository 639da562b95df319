"""The only file that knows the MongoDB driver: documents, claims, counters, parked records, pages.

It is one thing, and so one file: who swaps the driver, or asks what is sent to MongoDB, reads no other. Only methods
that Motor and PyMongo Async share are used, and its tests run on both: the swap is `open_client`.
Reads are primary with `readConcern=majority`, writes `w=majority`: nothing is acted on that could be rolled back.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Final, Literal, ParamSpec, TypeVar

import bson
import bson.errors
import pymongo
import pymongo.uri_parser
from pydantic import BaseModel
from pymongo import IndexModel, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo import errors as driver_errors

from contracts.event import Harmless
from services.chassis.fold import Fold, state_json
from services.chassis.saying import why
from services.chassis.subject import Document, Entry, Remembered
from services.chassis.turns import in_turns

Driver = Literal["motor", "pymongo"]
SUBJECTS: Final = "subjects"
"""The collection of the documents of all subjects, one for each."""
CLAIMS: Final = "claims"
"""The collection of the claims of agencies' events and people's commands."""
COUNTERS: Final = "counters"
"""The collection of the series of numbers, each with the last that was given out."""
PERSONS: Final = "persons"
"""The collection of a service's erasable personal data, under the opaque ids by which facts name persons."""
PARKED: Final = "parked"
"""The collection of the records that wait, or are broken."""
BALANCE: Final = "balance"
"""The collection of what the balance remembers beside what is stored anyway: since when it counts, its sums of what is
long past, and what the HTTP door answered of which nothing else is kept."""
VERDICTS: Final = "verdicts"
"""The collection of what became of each record of an agency's topic, by offset."""
REPAIRS: Final = "repairs"
"""The collection of what is proposed to be done with parked records, and what came of it, with both versions."""
WITHHELD: Final = "withheld"
"""The collection of messages that their topics do not take."""
UNSENT: Final = "outbox.at_waiting"
"""The index of the documents in whose outbox a fact waits; the many in whose outbox none does are not in it."""
OUTGROWN: Final = frozenset(
    {"outbox.at_1", "agency_1_at_1__id_1", "agency_1_pilot_1_at_1__id_1", "agency_1_outcome_1_at_1__id_1"}
    | {"subject_1_source_1_sequence_1__id_1"}
    | {"status_1_at_1", "status_1_cause_1_topic_1_at_1_subject_1", "status_1_cause_1_topic_1__id_1"}
)
"""Indexes that an earlier program made and that nothing asks for any more."""
OF_OLD: Final = "of_old"
"""The field by which a state says that it is stored as an earlier program left it, in a form that this one has given
up: its next write replaces all of it. Not stored itself."""
Row = dict[str, Any]
Keys = tuple[tuple[str, int], ...]
"""The fields of an index, each ascending (1) or descending (-1)."""
IN_TURN: Final[Keys] = (("topic", 1), ("key", 1), ("sequence", 1), ("number", 1))
"""The order in which withheld messages go."""
BY_ID: Final[Keys] = (("_id", 1),)
"""The order of the subjects themselves; a directory's is by its entries' codes."""
HIDDEN: Final[Keys] = (("state.hidden_from", 1), ("_id", 1))
"""The index of the subjects that are hidden from somebody, by person; the many that are hidden from nobody are not in
it. A query must say that the person's id is a string."""
IN_SERIES: Final[Keys] = (("subject", 1), ("source", 1), ("sequence", 1), ("topic", 1), ("partition", 1), ("offset", 1))
"""Parked records in the order in which they must be fed: what has no sequence as it stands in its topic."""
BY_PLACE: Final[Keys] = (("topic", 1), ("partition", 1), ("offset", 1))
"""Records as they stand in their topics, so also each series in its order."""
OLDEST_FIRST: Final[Keys] = (("at", 1), *BY_PLACE)
"""Records of a batch are parked at one moment; of these as they stand in their topics."""
BY_AGE: Final[Keys] = (("status", 1), *OLDEST_FIRST)
BY_SUBJECT: Final[Keys] = (("status", 1), ("subject", 1))
"""By which the oldest parked records of a status are found, and the subjects that have any."""
BY_CAUSE: Final[Keys] = (("status", 1), ("cause", 1), *OLDEST_FIRST, ("agency", 1), ("subject", 1))
BY_AGENCY: Final[Keys] = (("agency", 1), ("status", 1), *OLDEST_FIRST)
"""By which parked records are counted in groups, and those of a cause or an agency are chosen."""
OF_GROUP: Final[Keys] = (("status", 1), ("cause", 1), ("topic", 1), ("_id", 1), ("agency", 1))
OF_AGENCY: Final[Keys] = (("agency", 1), ("status", 1), ("_id", 1))
"""By which the records of a group are listed, and those of an agency."""
NUMBERED: Final[Keys] = (("state.number", 1),)
"""The index of the pilots by registration number. A query must say that the number is a string."""
ALONE: Final = "alone"
"""The field by which a state says what no other subject may say at the same time: of two that say the same at once, by
whatever replicas, one is written. Null, or no such field, claims nothing."""
TAKEN: Final[Keys] = ((f"state.{ALONE}", 1),)
"""The unique index of what subjects have for themselves; those that claim nothing are not in it."""
P = ParamSpec("P")
R = TypeVar("R")

DUPLICATE_KEY: Final = 11000
UNFIT: Final = (bson.errors.BSONError, driver_errors.DocumentTooLarge, OverflowError, UnicodeEncodeError)
"""What the driver raises for a document that cannot be sent at all."""
PASSING_CODES: Final = frozenset({24, 50, 91, 112, 189, 262, 10107, 11600, 11602, 13435, 14031})
"""Errors of one write that may pass: locks, time limits, a primary that steps down, a full disk."""
UNFIT_CODES: Final = frozenset({15, 22, 10334})
"""With what the server refuses a whole bulk because of one document: nested too deep, no BSON, too large."""
OPTIONS: Final[dict[str, Any]] = {
    "w": "majority",
    "readConcernLevel": "majority",
    "retryWrites": True,
    "tz_aware": True,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
}


class StoreAway(Harmless):
    """MongoDB cannot be reached or did not confirm: the outcome is unknown; load again and decide again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That an owner used an id for one content, meant for one subject."""

    key: str
    digest: str
    subject: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a bulk write did: subjects whose guard missed (of these `overtaken` those that claimed what another has for
    itself), and subjects that the database can never take."""

    lost: frozenset[str] = frozenset()
    overtaken: frozenset[str] = frozenset()
    unfit: Mapping[str, str] = field(default_factory=dict)


def tls_hosts(url: str) -> list[tuple[str, int]]:
    """The hosts and ports that an address of MongoDB names, where they are reached over TLS."""
    if url.startswith("mongodb+srv://"):  # its hosts stand in DNS, and are asked for by the driver alone
        return []
    said = pymongo.uri_parser.parse_uri(url)
    over_tls = said["options"].get("tls", False)
    return [(host, port or pymongo.MongoClient.PORT) for host, port in said["nodelist"]] if over_tls else []


def open_client(url: str, driver: Driver = "motor") -> Any:
    """A client of the running event loop. Motor by default; PyMongo Async is its successor."""
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient(url, **OPTIONS)
    return pymongo.AsyncMongoClient(url, **OPTIONS)


def _away(call: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turns the driver's errors of reach into StoreAway, so that no caller needs to know the driver."""

    @wraps(call)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await call(*args, **kwargs)
        except driver_errors.PyMongoError as error:
            # The driver's own text may hold whole documents, and with them personal data: it goes nowhere.
            raise StoreAway(_named(error)) from None

    return guarded


def _named(error: driver_errors.PyMongoError) -> str:
    """What kind of error it is, with the server's codes, without a word of any document."""
    details = getattr(error, "details", None) or {}
    codes = {e["code"] for e in details.get("writeErrors", ())} | {getattr(error, "code", None)}
    return " ".join([type(error).__name__, *sorted(str(code) for code in codes if code is not None)])


class Store:
    """One service's own database."""

    def __init__(self, client: Any, database: str, *, draws: bool = True) -> None:
        self._client = client
        self._draws = draws
        self._db = client[database]
        self._subjects = self._db[SUBJECTS]
        self._claims = self._db[CLAIMS]
        self._counters = self._db[COUNTERS]
        self._parked = self._db[PARKED]
        self._drawn = dict[str, int]()

    @_away
    async def prepare(self, indexes: Mapping[str, Sequence[Keys]]) -> None:
        """Creates the engine's indexes and those of the service's own lists; safe to repeat."""
        own = {
            SUBJECTS: [
                IndexModel("outbox.at", name=UNSENT, partialFilterExpression={"outbox.at": {"$type": "date"}}),
                IndexModel("due", partialFilterExpression={"due": {"$type": "date"}}),
                IndexModel("put_off", partialFilterExpression={"put_off": {"$type": "date"}}),
                IndexModel(list(NUMBERED), partialFilterExpression={"state.number": {"$type": "string"}}),
                IndexModel(list(TAKEN), unique=True, partialFilterExpression={TAKEN[0][0]: {"$type": "string"}}),
                IndexModel(list(HIDDEN), partialFilterExpression={"state.hidden_from": {"$type": "string"}}),
            ],
            PARKED: [
                IndexModel(list(IN_SERIES)),
                IndexModel([("status", 1), ("_id", 1)]),
                IndexModel(list(BY_AGE)),
                IndexModel(list(BY_CAUSE)),
                IndexModel(list(OF_GROUP)),
                IndexModel(list(BY_SUBJECT)),
                IndexModel(list(BY_AGENCY)),
                IndexModel(list(OF_AGENCY)),
            ],
            REPAIRS: [
                IndexModel([("at", -1), ("_id", 1)]),
                IndexModel([("state", 1), ("at", -1), ("_id", 1)]),
                IndexModel("record"),
                IndexModel("personal_until", partialFilterExpression={"personal_until": {"$type": "date"}}),
            ],
            WITHHELD: [IndexModel(list(IN_TURN))],
        }
        for name in {**own, **indexes}:
            wanted = [IndexModel(list(keys)) for keys in indexes.get(name, ())]
            await self._db[name].create_indexes([*own.get(name, []), *wanted])
            for index in OUTGROWN & (await self._db[name].index_information()).keys():
                await self._db[name].drop_index(index)

    @_away
    async def index(self, indexes: Mapping[str, Sequence[Keys]]) -> None:
        """Creates these indexes and no others, for who keeps no subjects here; safe to repeat."""
        for name, wanted in indexes.items():
            await self._db[name].create_indexes([IndexModel(list(keys)) for keys in wanted])

    @_away
    async def ping(self) -> None:
        """Raises StoreAway unless a primary answers."""
        await self._db.command("ping")

    async def close(self) -> None:
        """Closes the client; a coroutine in one driver, not in the other."""
        closing = self._client.close()
        if inspect.isawaitable(closing):
            await closing

    # ---- documents

    @_away
    async def load(self, subjects: Iterable[str], kind_of: Callable[[str], type[Any]]) -> dict[str, Document]:
        """The documents of these subjects, with one query; those that do not exist yet are missing.

        `kind_of` gives the class of a subject's state.
        """
        names = list(subjects)
        if not names:
            return {}
        rows = await self._subjects.find({"_id": {"$in": names}}, batch_size=len(names) + 1).to_list(None)
        found = dict[str, Document]()
        # Each is let go as soon as its document is made: of a whole batch both would be tens of megabytes.
        async for row in in_turns(rows.pop() for _ in range(len(rows))):
            found[row["_id"]] = _document(row, kind_of(row["_id"]))
        return found

    @_away
    async def write(self, folds: Sequence[Fold], sharing: Set[str] = frozenset()) -> Written:
        """Writes each fold under its guard, all in one unordered bulk.

        A guard that misses comes back as a duplicate key with its index, because each write is an upsert on
        `{_id, rev}`. The subjects `sharing` claim nothing for themselves. Raises StoreAway when the outcome is unknown.
        """
        if not folds:
            return Written()
        try:
            writes = [_guarded(fold, fold.after.subject in sharing) async for fold in in_turns(folds)]
            await self._subjects.bulk_write(writes, ordered=False)
        except driver_errors.BulkWriteError as error:
            return _verdicts(error, folds)
        except UNFIT as error:
            return await self._one_by_one(folds, sharing, error)
        except driver_errors.OperationFailure as error:
            if error.code not in UNFIT_CODES:
                raise
            return await self._one_by_one(folds, sharing, error)
        return Written()

    async def _one_by_one(self, folds: Sequence[Fold], sharing: Set[str], error: Exception) -> Written:
        if len(folds) == 1:
            return Written(unfit={folds[0].after.subject: f"{type(error).__name__}: {error}"})
        lost, overtaken, unfit = set[str](), set[str](), dict[str, str]()
        for fold in folds:
            written = await self.write([fold], sharing)
            lost |= written.lost
            overtaken |= written.overtaken
            unfit.update(written.unfit)
        return Written(frozenset(lost), frozenset(overtaken), unfit)

    @_away
    async def clear(self, sent: Mapping[str, int]) -> None:
        """Takes acknowledged facts out of outboxes: for each subject, all up to a sequence. No guard, no `rev`.

        Subjects that stand at the same sequence go together: that costs a quarter of a write for each.
        """
        standing: dict[int, list[str]] = {}
        for subject, last in sent.items():
            standing.setdefault(last, []).append(subject)
        writes = [
            UpdateMany({"_id": {"$in": some}}, {"$pull": {"outbox": {"sequence": {"$lte": last}}}})
            for last, some in standing.items()
        ]
        if writes:
            await self._subjects.bulk_write(writes, ordered=False)

    @_away
    async def unsent(self, before: datetime, limit: int, but: Sequence[str] = ()) -> list[str]:
        """Subjects, `but` some, with a fact that has waited in the outbox since before this moment.

        The type is in the query because only then does MongoDB use the partial index.
        """
        query: Row = {"outbox.at": {"$lt": before, "$type": "date"}} | ({"_id": {"$nin": list(but)}} if but else {})
        rows = await self._subjects.find(query, {"_id": 1}).hint(UNSENT).limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    @_away
    async def oldest_unsent(self) -> datetime | None:
        """When the fact was decided that has waited longest in an outbox; None where all are sent."""
        waits = {"outbox.at": {"$type": "date"}}
        row = await self._subjects.find_one(waits, {"outbox.at": 1}, sort=[("outbox.at", 1)], hint=UNSENT)
        return min((entry["at"] for entry in row["outbox"]), default=None) if row is not None else None

    @_away
    async def unsent_facts(self) -> int:
        """How many facts wait in outboxes."""
        steps: list[Row] = [
            {"$match": {"outbox.at": {"$type": "date"}}},
            {"$group": {"_id": None, "facts": {"$sum": {"$size": "$outbox"}}}},
        ]
        return sum(int(row["facts"]) for row in await self._aggregated(SUBJECTS, steps, hint=UNSENT))

    @_away
    async def due(self, now: datetime, limit: int) -> list[tuple[str, datetime]]:
        """Subjects whose timer must fire, the longest overdue first.

        The type is in the query because only then does MongoDB use the partial index.
        """
        found = self._subjects.find({"due": {"$lte": now, "$type": "date"}}, {"due": 1}).sort("due", 1).limit(limit)
        return [(row["_id"], row["due"]) for row in await found.to_list(None)]

    @_away
    async def next_due(self) -> datetime | None:
        """When the next timer must fire; None where none is set."""
        return await self._first_of("due")

    @_away
    async def longest_due(self) -> datetime | None:
        """For when the timer was set that should have fired first, or must next, however often it was put off; None
        where none is set."""
        found = await asyncio.gather(self._first_of("due"), self._first_of("put_off"))
        return min(filter(None, found), default=None)

    async def _first_of(self, moment: str) -> datetime | None:
        query: Row = {moment: {"$type": "date"}}
        row = await self._subjects.find_one(query, {moment: 1}, sort=[(moment, 1)])
        return row[moment] if row is not None else None

    @_away
    async def postpone(self, subject: str, seen_due: datetime, until: datetime) -> None:
        """Moves a timer whose decision failed, so that it does not spin, and keeps for when it was set as `put_off`,
        until the document's due time is written anew. An engine write like any other."""
        moved = {"$set": {"due": until}, "$min": {"put_off": seen_due}, "$inc": {"rev": 1}}
        await self._subjects.update_one({"_id": subject, "due": seen_due}, moved)

    # ---- claims and numbers

    @_away
    async def claim(self, claims: Sequence[Claim]) -> dict[str, Claim]:
        """Inserts claims; returns those that were there before, as they are stored."""
        if not claims:
            return {}
        rows = [{"_id": c.key, "digest": c.digest, "subject": c.subject} for c in claims]
        try:
            await self._claims.bulk_write([InsertOne(row) for row in rows], ordered=False)
        except driver_errors.BulkWriteError as error:
            taken = [rows[place]["_id"] for place in _only_duplicates(error)]
            found = await self._claimed(taken)
            if len(found) < len(set(taken)):
                raise StoreAway("a claim that is there cannot be read by a majority yet") from None
            return found
        return {}

    async def _claimed(self, keys: Sequence[str]) -> dict[str, Claim]:
        found = await self._claims.find({"_id": {"$in": list(keys)}}).to_list(None)
        return {row["_id"]: Claim(row["_id"], row["digest"], row["subject"]) for row in found}

    @_away
    async def claimed(self, *keys: str) -> dict[str, Claim]:
        """Those claims that are stored under these keys."""
        return await self._claimed(keys) if keys else {}

    @_away
    async def unclaim(self, claims: Sequence[Claim]) -> None:
        """Takes claims back, as they are stored."""
        if claims:
            some = [{"_id": c.key, "digest": c.digest, "subject": c.subject} for c in claims]
            await self._claims.delete_many({"$or": some})

    @_away
    async def draw(self, series: str, count: int) -> range:
        """The next `count` numbers of a series, each given out once; gaps are allowed. Raises StoreAway where the
        series has gone back behind what this process drew before: then its counter was lost."""
        if not self._draws:
            return range(1, count + 1)
        drawn = self._drawn.get(series, 0)
        row = await self._counters.find_one_and_update(
            {"_id": series},
            {"$inc": {"last": count}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        first, last = row["last"] - count + 1, row["last"]
        if first <= drawn:
            raise StoreAway(f"the counter of {series} has gone back")
        self._drawn[series] = max(last, self._drawn.get(series, 0))
        return range(first, last + 1)

    @_away
    async def raise_to(self, collection: str, id_: str, least: Mapping[str, int], first: Row | None = None) -> None:
        """Raises numbers of a row, by their places in it, to these at least; `first` is said of a row that is new."""
        raised: Row = {"$max": dict(least)} if least else {}
        if update := raised | ({"$setOnInsert": first} if first else {}):
            await self._db[collection].update_one({"_id": id_}, update, upsert=True)

    @_away
    async def add_up(self, collection: str, id_: str, window: int, amounts: Mapping[str, int]) -> Row:
        """Adds to the sums of a row in a window of time, and returns the row; a later window begins with nothing, and
        to an earlier one nothing is added."""
        same, over = {"$eq": ["$window", window]}, {"$gt": ["$window", window]}
        sums = {
            name: {"$cond": [over, f"${name}", {"$add": [{"$cond": [same, f"${name}", 0]}, amount]}]}
            for name, amount in amounts.items()
        }
        row: Row = await self._db[collection].find_one_and_update(
            {"_id": id_},
            [{"$set": {**sums, "window": {"$max": ["$window", window]}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return row

    # ---- rows of side collections and lists

    @_away
    async def put(self, collection: str, rows: Sequence[Row]) -> None:
        """Writes whole rows by `_id`; the same row twice is the same as once."""
        if rows:
            writes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
            await self._db[collection].bulk_write(writes, ordered=False)

    @_away
    async def add(self, collection: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts rows that never change; one whose `_id` is there already is the same row, and stays."""
        if not rows:
            return
        try:
            await self._db[collection].bulk_write([InsertOne(row) for row in rows], ordered=False)
        except driver_errors.BulkWriteError as error:
            _only_duplicates(error)

    @_away
    async def put_new(self, collection: str, rows: Sequence[Row], renewed: Sequence[str] = ()) -> None:
        """Writes rows unless their `_id` is there already; of one that is, only the `renewed` fields change."""
        if rows:
            writes = [_once(row, {"_id", *renewed}, renewed) for row in rows]
            await self._db[collection].bulk_write(writes, ordered=False)

    @_away
    async def get(self, collection: str, id_: str) -> Row | None:
        """One row by `_id`."""
        row: Row | None = await self._db[collection].find_one({"_id": id_})
        return row

    @_away
    async def rows(
        self,
        collection: str,
        query: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]],
        limit: int,
        fields: Sequence[str] | None = None,
        hint: Keys | None = None,
    ) -> list[Row]:
        """At most `limit` rows in an order that an index gives; `hint` is that index where several could be taken."""
        shown = None if fields is None else dict.fromkeys(fields, 1)
        found = self._db[collection].find(query, shown, batch_size=limit).sort(list(sort)).limit(limit)
        if hint is not None:
            found = found.hint(list(hint))
        rows: list[Row] = await found.to_list(None)
        return rows

    @_away
    async def count(self, collection: str, query: Mapping[str, Any], limit: int, hint: Keys | None = None) -> int:
        """How many rows there are, counted up to `limit`, by the index `hint` where it is given."""
        by = {"hint": list(hint)} if hint is not None else {}
        return int(await self._db[collection].count_documents(query, limit=limit, **by))

    @_away
    async def distinct(self, collection: str, field: str, query: Mapping[str, Any]) -> list[str]:
        """The values of a field with which an index begins, or goes on behind the fields of the query; sorted."""
        return sorted(one for one in await self._db[collection].distinct(field, dict(query)) if one is not None)

    @_away
    async def tally(
        self, collection: str, query: Mapping[str, Any], field: str, values: Sequence[str]
    ) -> dict[str, int]:
        """In how many rows each of these values stands in a field that holds a list; none: 0 rows."""
        asked = {"$in": list(values)}
        steps: list[Row] = [
            {"$match": {**query, field: asked}},
            {"$unwind": f"${field}"},
            {"$match": {field: asked}},
            {"$group": {"_id": f"${field}", "rows": {"$sum": 1}}},
        ]
        found = {row["_id"]: int(row["rows"]) for row in await self._aggregated(collection, steps)}
        return {value: found.get(value, 0) for value in values}

    @_away
    async def fitting(
        self, collection: str, query: Mapping[str, Any], asked: Mapping[str, Any], hint: Keys
    ) -> dict[str, int]:
        """In how many rows of a query each of these expressions holds, in one pass over the index `hint`, which must
        have all that they ask for."""
        sums = {name: {"$sum": {"$cond": [one, 1, 0]}} for name, one in asked.items()}
        steps: list[Row] = [{"$match": dict(query)}, {"$group": {"_id": None, **sums}}]
        found = await self._aggregated(collection, steps, hint=dict(hint))
        return {name: int(found[0][name]) if found else 0 for name in asked}

    @_away
    async def groups(
        self,
        collection: str,
        query: Mapping[str, Any],
        by: Sequence[str],
        within: str,
        most: int,
        hint: Keys | None = None,
        told_as: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """How many rows there are of each combination of the fields `by`, with the `first` and the `last` value of
        `within`; the most numerous first, and no more than so many. An index that has all of these (`hint`) is read
        alone. `told_as`: by what an expression makes of a field, in its place."""
        ends: Row = {"rows": {"$sum": 1}, "first": {"$min": f"${within}"}, "last": {"$max": f"${within}"}}
        steps: list[Row] = [
            {"$match": dict(query)},
            {"$group": {"_id": {name: f"${name}" for name in by} | dict(told_as or {}), **ends}},
            {"$sort": {"rows": -1, "_id": 1}},
            {"$limit": most},
        ]
        options = {"hint": dict(hint)} if hint else {}
        return [{**row.pop("_id"), **row} for row in await self._aggregated(collection, steps, **options)]

    @_away
    async def counted(
        self,
        collection: str,
        query: Mapping[str, Any],
        by: Sequence[str],
        *,
        first: str,
        last: Sequence[str],
        hint: Keys,
    ) -> list[Row]:
        """How many rows there are of each combination of some fields (`_id`, `rows`), and what the first and the last
        of them in the order of the index `hint` have in these fields (`first_...`, `last_...`)."""
        group: Row = {"_id": {name: f"${name}" for name in by}, "rows": {"$sum": 1}}
        group |= {f"first_{first}": {"$first": f"${first}"}, **{f"last_{name}": {"$last": f"${name}"} for name in last}}
        steps = [{"$match": dict(query)}, {"$sort": dict(hint)}, {"$group": group}]
        return await self._aggregated(collection, steps, hint=dict(hint))

    async def _aggregated(self, collection: str, steps: Sequence[Row], **options: Any) -> list[Row]:
        """What comes of these steps."""
        cursor = self._db[collection].aggregate(steps, **options)
        if inspect.isawaitable(cursor):  # the one driver hands out a cursor, the other a promise of one
            cursor = await cursor
        rows: list[Row] = await cursor.to_list(None)
        return rows

    @_away
    async def sums(
        self, collection: str, query: Mapping[str, Any], by: str, fields: Sequence[str], hint: Keys
    ) -> dict[str, dict[str, int]]:
        """The sums of these fields for each value of the field `by`."""
        sums = {name: {"$sum": f"${name}"} for name in fields}
        steps: list[Row] = [{"$match": dict(query)}, {"$group": {"_id": f"${by}", **sums}}]
        return {row.pop("_id"): row for row in await self._aggregated(collection, steps, hint=dict(hint))}

    @_away
    async def set_fields(self, collection: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Sets fields of rows by `_id`, by their places in them; a row that is not there is made."""
        if rows:
            writes = [UpdateOne({"_id": id_}, {"$set": dict(said)}, upsert=True) for id_, said in rows.items()]
            await self._db[collection].bulk_write(writes, ordered=False)

    @_away
    async def increase(self, collection: str, rows: Mapping[str, Mapping[str, int]]) -> None:
        """Adds to numbers of rows by `_id`; a row that is not there begins with nothing."""
        if rows:
            writes = [UpdateOne({"_id": id_}, {"$inc": dict(more)}, upsert=True) for id_, more in rows.items()]
            await self._db[collection].bulk_write(writes, ordered=False)

    @_away
    async def mark(self, collection: str, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """Sets fields of the rows that fit; returns how many there were."""
        done = await self._db[collection].update_many(where, {"$set": dict(values)})
        return int(done.modified_count)

    @_away
    async def remove(self, collection: str, ids: Sequence[str]) -> None:
        """Deletes rows by `_id`."""
        if ids:
            await self._db[collection].delete_many({"_id": {"$in": list(ids)}})

    @_away
    async def remove_where(self, collection: str, where: Mapping[str, Any]) -> None:
        """Deletes the rows that fit."""
        await self._db[collection].delete_many(dict(where))

    async def scan(
        self,
        collection: str,
        query: Mapping[str, Any],
        page: int = 500,
        fields: Sequence[str] | None = None,
        hint: Keys | None = None,
    ) -> AsyncIterator[Row]:
        """Every row in the order of `_id`, in pages, for maintenance; never for an answer to a request."""
        last: Any = None
        while True:
            where = query if last is None else {"$and": [query, {"_id": {"$gt": last}}]}
            rows = await self.rows(collection, where, sort=[("_id", 1)], limit=page, fields=fields, hint=hint)
            for row in rows:
                yield row
            if len(rows) < page:
                return
            last = rows[-1]["_id"]

    @_away
    async def collections(self) -> list[str]:
        """The names of the collections that exist."""
        names: list[str] = await self._db.list_collection_names()
        return sorted(names)

    def sibling(self, database: str) -> "Store":
        """Another database on the same client: where a rebuild puts its result."""
        return Store(self._client, database)

    def looked_at(self) -> "Store":
        """The same database for who only looks what would be: numbers are not drawn, and mean nothing."""
        return Store(self._client, self._db.name, draws=False)


@asynccontextmanager
async def opened(url: str, database: str, driver: Driver = "motor") -> AsyncIterator[Store]:
    """A store for as long as the block lasts."""
    store = Store(open_client(url, driver), database)
    try:
        yield store
    finally:
        await store.close()


def _once(row: Row, left_out: set[str], renewed: Sequence[str]) -> UpdateOne:
    update: Row = {"$setOnInsert": {k: v for k, v in row.items() if k not in left_out}}
    if renewed:
        update["$set"] = {k: row[k] for k in renewed}
    return UpdateOne({"_id": row["_id"]}, update, upsert=True)


def below(path: str) -> Row:
    """The condition of ids that begin with a path and a slash, behind which stands the digit 0 among characters."""
    return {"$gte": f"{path}/", "$lt": f"{path}0"}


def _guarded(fold: Fold, sharing: bool = False) -> UpdateOne | InsertOne[Row]:
    """A write that fails as a duplicate key if the document is not at the revision that was loaded, or, unless it is
    `sharing`, claims what another has for itself.

    A new subject is inserted: whoever comes second meets its `_id`, as with the upsert, and MongoDB takes inserts
    of a bulk together.
    """
    doc, before = fold.after, fold.before
    values: Row = {
        "kind": doc.kind,
        "rev": doc.rev,
        "version": doc.version,
        "moved": doc.moved,
        "seen": dict(doc.seen),
        "due": doc.due,
        "correlation": doc.correlation,
        "trace": dict(doc.trace),
    }
    ids = {k: _remembered(known) for k, known in doc.ids.items() if before.ids.get(k) is not known}
    entries = [_row(e) for e in fold.entries]
    if before.rev == 0:
        stated = {} if doc.state is None else {"state": _stated(doc.state, sharing)}
        return InsertOne({"_id": doc.subject, **values, **stated, "ids": ids, "outbox": entries})
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    changed |= _changed(before.state, doc.state, sharing) | {f"ids.{key}": known for key, known in ids.items()}
    update: Row = {"$set": changed}
    if "due" in changed:
        update["$unset"] = {"put_off": ""}
    if entries:
        update["$push"] = {"outbox": {"$each": entries}}
    return UpdateOne({"_id": doc.subject, "rev": before.rev}, update, upsert=True)


def _stated(state: BaseModel, sharing: bool, fields: Set[str] | None = None) -> Row:
    """A state, or these fields of it, as it is stored."""
    dumped = state_json(state) if fields is None else state.model_dump(mode="json", include=set(fields))
    return {**dumped, ALONE: None} if sharing else dumped


def _changed(before: BaseModel | None, after: BaseModel | None, sharing: bool) -> Row:
    """The fields of a state that a write must set: MongoDB then leaves alone the indexes that none of them is in.

    What a state computes is set with them: it may follow from any field, and the same value once more costs little.
    What it has for itself is not: who shares that claims it no second time.
    """
    if after is None or after is before:
        return {}
    if type(before) is not type(after) or getattr(before, OF_OLD, False):
        return {"state": _stated(after, sharing)}
    shape = type(after)
    fields = {name for name in shape.model_fields if getattr(before, name) != getattr(after, name)}
    computed = {*shape.model_computed_fields}
    if getattr(before, ALONE, None) == getattr(after, ALONE, None):
        computed.discard(ALONE)
    dumped = _stated(after, sharing, {*fields, *computed})
    return {f"state.{name}": value for name, value in dumped.items()}


def _remembered(known: Remembered) -> Row:
    said: Row = {"digest": known.digest, "version": known.version}
    said |= {} if known.place is None else {"place": known.place}
    return {**said, "earlier": [[*one] for one in known.earlier]} if known.earlier else said


def _kept(said: Row) -> Remembered:
    if "earlier" not in said:
        return Remembered(**said)
    return Remembered(**{**said, "earlier": tuple((place, version) for place, version in said["earlier"])})


def _row(entry: Entry) -> Row:
    return {
        "at": entry.at,
        "sequence": entry.sequence,
        "id": entry.id,
        "type": entry.type,
        "value": entry.value,
    }


def _document(row: Row, state_class: type[Any]) -> Document:
    state, fault = _state(row, state_class)
    return Document(
        subject=row["_id"],
        kind=row["kind"],
        rev=row["rev"],
        version=row["version"],
        moved=row["moved"] if "moved" in row else row["rev"],  # a document of an earlier program has none
        state=state,
        fault=fault,
        seen=row["seen"],
        ids={k: _kept(v) for k, v in row.get("ids", {}).items()},
        outbox=tuple(Entry(**entry) for entry in row.get("outbox", [])),
        due=row["due"],
        correlation=row["correlation"],
        trace=row["trace"],
    )


def _state(row: Row, state_class: type[Any]) -> tuple[Any, str | None]:
    """A stored state, and why it cannot be read where it cannot. A subject of which only refusals are told has none."""
    if "state" not in row:
        return None, None
    try:
        return state_class.model_validate(row["state"]), None
    except Exception as error:  # whatever is raised of one document, those that are loaded with it are not held up
        return None, why(error)


def _only_duplicates(error: driver_errors.BulkWriteError) -> list[int]:
    """Which inserts met an `_id` that was there. Raises StoreAway for any other error."""
    errors = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(e["code"] != DUPLICATE_KEY for e in errors):
        raise StoreAway("a bulk of inserts was not confirmed") from error
    return [e["index"] for e in errors]


def _verdicts(error: driver_errors.BulkWriteError, folds: Sequence[Fold]) -> Written:
    if error.details["writeConcernErrors"]:
        raise StoreAway("the write was not confirmed by a majority")
    lost, overtaken, unfit = set[str](), set[str](), dict[str, str]()
    for one in error.details["writeErrors"]:
        subject = folds[one["index"]].after.subject
        if one["code"] == DUPLICATE_KEY:
            lost.add(subject)
            if TAKEN[0][0] in one.get("keyPattern", ()):
                overtaken.add(subject)
        elif one["code"] in PASSING_CODES:
            raise StoreAway(f"MongoDB {one['code']}")
        else:
            unfit[subject] = f"MongoDB {one['code']}"
    return Written(frozenset(lost), frozenset(overtaken), unfit)
