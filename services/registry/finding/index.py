"""One tantivy index: in a folder, or in memory. Knows nothing of pilots' views but the fields of an entry."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import tantivy
from tantivy import IndexWriter, Query, Schema, Searcher

from services.registry.finding import text
from services.registry.finding.entries import Entry, document, make_schema

P = ParamSpec("P")
R = TypeVar("R")
HEAP: Final = 64_000_000
"""Bytes that the writer gathers before it writes a segment."""


def guarded(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls what touches an index. A panic inside it, which is no `Exception` and would end the process, comes out as
    ValueError."""
    try:
        return call(*args, **kwargs)
    except Exception:
        raise
    except BaseException as error:
        raise ValueError(f"the index panicked: {error}") from error


def in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
    """The same off the event loop, for the service itself; who asks from outside has turns of his own."""
    return asyncio.to_thread(lambda: guarded(call, *args, **kwargs))


class Index:
    """Entries by the id of their pilot. One writer at a time; what is put is seen after `commit`.

    Raises ValueError or OSError for a folder that cannot be read, or whose writer another process holds.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        where = None if folder is None else str(folder)
        self._index = tantivy.Index(make_schema(), path=where)
        text.register(self._index)
        self._index.config_reader("manual")
        self._writer: IndexWriter = self._index.writer(HEAP, 1)
        self._index.reload()
        self._put: set[str] = set()
        self._changed = False

    @property
    def schema(self) -> Schema:
        """The fields, as queries need them."""
        return self._index.schema

    def put(self, entries: Iterable[Entry]) -> None:
        """Adds entries in place of those with the same id."""
        for one in entries:
            id_ = one["id"][0]
            self._writer.delete_documents_by_term("id", id_)
            self._writer.add_document(document(one))
            self._put.add(id_)

    def add(self, entries: Iterable[Entry]) -> None:
        """Adds entries whose ids are new: for a first filling."""
        for one in entries:
            self._writer.add_document(document(one))
            self._changed = True

    def remove(self, ids: Iterable[str]) -> None:
        """Takes entries out; one that is not there is no error."""
        for one in ids:
            if one in self._put or self.holds(one):
                self._writer.delete_documents_by_term("id", one)
                self._changed = True

    def commit(self) -> None:
        """Writes to the disk what was put and taken out, and shows it. Where nothing was, it costs nothing."""
        if self._put or self._changed:
            self._writer.commit()
            self._index.reload()
            self._put, self._changed = set(), False

    def searcher(self) -> Searcher:
        """What is committed now; it does not change while it is held."""
        return self._index.searcher()

    def close(self) -> None:
        """Lets the folder go; what was not committed is lost. The index cannot be written to afterwards."""
        del self._writer  # which gives its lock back

    def holds(self, id_: str) -> bool:
        """Whether a pilot is in the index."""
        searcher = self.searcher()
        if searcher.num_docs == 0:  # as long as it is made: no question for each pilot that is not in it
            return False
        asked = Query.term_query(self.schema, "id", id_, "basic")
        return bool(searcher.search(asked, 1, count=False).hits)
