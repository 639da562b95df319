"""Words that were typed and files that were chosen and not sent yet, and views of lists that somebody keeps; all are
seen by their owner alone.

A draft and a file belong to one person and one form, whose address without its language names it, and have an end.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.chassis.store import Keys, Row, Store

DRAFTS: Final = "drafts"
FILES: Final = "files"
VIEWS: Final = "views"
OF_PERSON: Final[Keys] = (("person", 1), ("_id", 1))
MOST_VIEWS: Final = 50
MOST_BYTES: Final = 1_000_000
"""Of one draft: as much as the largest event that can be pasted."""
MOST_OF_A_FILE: Final = 5 * 1024 * 1024
"""Bytes of a file that is held: more than any that is taken."""
OF_PERSONS: Final = re.compile(r"/portal/(send|mine|spreadsheets)(/.*)?|/directory/experts/[^/]+/person")
"""Forms in which it may stand who somebody is: an application's contact person, an expert."""
Fields = tuple[tuple[str, str], ...]
"""What a form holds, in its order; a name may stand there several times."""


def field_of(fields: Fields, name: str) -> str:
    """What stands in a field; empty where nothing does."""
    return next((value for at, value in fields if at == name), "")


def all_of(fields: Fields, name: str) -> list[str]:
    """Everything that stands under a name."""
    return [value for at, value in fields if at == name]


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody typed, and when."""

    fields: Fields
    at: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file that somebody chose in a form."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that was chosen in a form and could not be sent; `key` is that of the form, at `ends` it is forgotten."""

    file: Chosen
    key: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class SavedView:
    """A list as somebody keeps it: a name, and the query of its address."""

    id: str
    name: str
    query: str


class Drafts:
    """All drafts, held files and saved views of the desk. Every call raises StoreAway."""

    def __init__(
        self, store: Store, life: float, now: Callable[[], datetime], life_of_files: float, life_of_persons: float
    ) -> None:
        self._store, self._life, self._now = store, timedelta(seconds=life), now
        self._life_of_files = timedelta(seconds=life_of_files)
        self._life_of_persons = timedelta(seconds=life_of_persons)

    async def keep(self, person: str, form: str, fields: Fields) -> None:
        """Keeps what a person typed into a form, in the place of what was kept before."""
        if sum(len(name) + len(value) for name, value in fields) > MOST_BYTES:
            return
        now, life = self._now(), self._life_of_persons if OF_PERSONS.fullmatch(form) else self._life
        row: Row = {"_id": _id(person, form), "person": person, "at": now, "ends": now + life}
        await self._store.put(DRAFTS, [{**row, "fields": [list(one) for one in fields]}])

    async def find(self, person: str, form: str) -> Draft | None:
        """What a person typed into a form and has not sent."""
        row = await self._store.get(DRAFTS, _id(person, form))
        if row is None or row["person"] != person or row["ends"] <= self._now():
            return None
        return Draft(tuple((name, value) for name, value in row["fields"]), row["at"])

    async def drop(self, person: str, form: str) -> None:
        """What was typed has been sent, or is not wanted."""
        await self._store.remove(DRAFTS, [_id(person, form)])

    async def hold(self, person: str, form: str, file: Chosen, key: str) -> None:
        """Holds the file that a person chose in a form, in the place of one that was held before."""
        if len(file.content) > MOST_OF_A_FILE:
            return
        row: Row = {"_id": _id(person, form), "person": person, "ends": self._now() + self._life_of_files}
        await self._store.put(FILES, [{**row, "name": file.name, "content": file.content, "key": key}])

    async def held(self, person: str, form: str) -> HeldFile | None:
        """The file that a person chose in a form and has not sent."""
        row = await self._store.get(FILES, _id(person, form))
        if row is None or row["person"] != person or row["ends"] <= self._now():
            return None
        return HeldFile(Chosen(row["name"], row["content"]), row["key"], row["ends"])

    async def let_go(self, person: str, form: str) -> None:
        """The file has been sent, or is not wanted."""
        await self._store.remove(FILES, [_id(person, form)])

    async def sweep(self) -> None:
        """Forgets drafts and files whose end has come."""
        for collection in (DRAFTS, FILES):
            await self._store.remove_where(collection, {"ends": {"$lte": self._now()}})

    async def save_view(self, person: str, name: str, query: str) -> None:
        """Keeps a list under a name, in the place of one of that name."""
        row: Row = {"_id": _id(person, f"view:{name}"), "person": person, "name": name, "query": query}
        await self._store.put(VIEWS, [row])

    async def views(self, person: str) -> Sequence[SavedView]:
        """The lists that a person keeps."""
        rows = await self._store.rows(VIEWS, {"person": person}, sort=OF_PERSON, limit=MOST_VIEWS, hint=OF_PERSON)
        return sorted((SavedView(r["_id"], r["name"], r["query"]) for r in rows), key=lambda one: one.name)

    async def drop_view(self, person: str, id_: str) -> None:
        """A list is not kept any more."""
        await self._store.remove_where(VIEWS, {"_id": id_, "person": person})


def _id(person: str, what: str) -> str:
    return hashlib.sha256(f"{person}\n{what}".encode()).hexdigest()
