"""The two indexes of one replica and how far they are: what the follower fills and the routes ask."""

import fcntl
import json
import logging
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import tantivy

from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.registry import views
from services.registry.finding.entries import SHOWN, VERSION, Entry, entry
from services.registry.finding.index import Index
from services.registry.naming import unnamed
from services.registry.projections.progress import Progress

log = logging.getLogger(__name__)

PLACE: Final = "place.json"
READ: Final = ("state.history", *(f"state.{one}" for one in SHOWN if one not in ("id", "title", "sector", "published")))
"""What of a stored pilot both entries are made of: a third of it. Title and sector stand in its application, since when
it is public in its history."""


@dataclass(slots=True)
class Finding:
    """The internal and the public index, and the offsets of the own topic below which everything is in both.

    `folder` None: in memory alone. Offsets are written after both indexes are: after a crash in between, some facts
    are read twice, which changes nothing. (The index's own commit cannot carry them: its Python binding takes no
    payload.)
    """

    folder: Path | None
    internal: Index
    public: Index
    offsets: dict[int, int] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    damaged: bool = False
    _writer: threading.Lock = field(default_factory=threading.Lock)
    """A writer whose task was cancelled goes on in its thread: what closes the view waits for it."""

    @property
    def complete(self) -> bool:
        """Whether answers hold every fact but those of the last moments."""
        return self.progress.complete

    def put(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Indexes these documents anew, each index from its own view; takes out what is gone or not public.

        A document that cannot be shown is taken out and named in the log: it must not hold up all others.
        """
        with self._writer:
            self._put(rows, gone)

    def _put(self, rows: Iterable[Row], gone: Iterable[str]) -> None:
        inside, outside, away = list[Entry](), list[Entry](), list(gone)
        hidden = list[str]()
        for row in rows:
            try:
                one = entry(views.internal_part(row, *SHOWN))
                two = entry(unnamed(views.public_part(row, *SHOWN))) if views.is_public(row) else None
            except Exception as error:
                log.error("%s cannot be indexed: %s", row["_id"], type(error).__name__)
                away.append(row["_id"])
                continue
            inside.append(one)
            outside += [two] if two else []
            hidden += [] if two else [row["_id"]]
        self.internal.put(inside)
        self.internal.remove(away)
        self.public.put(outside)
        self.public.remove([*hidden, *away])

    def commit(self, *, whole: bool) -> None:
        """Writes both indexes, then the offsets that they stand at. `whole`: they hold all of the topic."""
        with self._writer:
            self._commit(whole)

    def _commit(self, whole: bool) -> None:
        self.internal.commit()
        self.public.commit()
        if self.folder is not None:
            place = {"made_by": _made_by(), "whole": whole, "offsets": self.offsets}
            new = self.folder / f"{PLACE}.new"
            new.write_text(json.dumps(place), encoding="utf-8")
            new.replace(self.folder / PLACE)
        self.progress.whole = whole

    def close(self) -> None:
        """Lets the folder go, once a put or commit that still runs has ended."""
        with self._writer:
            self.internal.close()
            self.public.close()

    def answering(self, index: Index) -> Index:
        """The index. Raises Problematic 503 as long as it is being made."""
        if self.progress.whole and not self.damaged:
            return index
        raise building(self.progress)


def building(progress: Progress) -> Problematic:
    """The answer while the indexes are being made: how many of the topic's records are in."""
    extra = {"done": progress.done, "total": progress.total}
    return Problematic(
        503,
        "index.building",
        action="retry",
        headers={"Retry-After": "5"},
        extra=extra,
    )


def in_memory() -> Finding:
    """Indexes without a folder that answer at once: for tests, and for measurements."""
    return Finding(None, Index(), Index(), progress=Progress(whole=True, confirmed_at=float("inf")))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps every other process out of a folder. Raises BlockingIOError where one is in it, OSError for a bad one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def open_finding(folder: Path) -> Finding:
    """The indexes in a folder as they were left. Those that are missing, damaged, or made by another version of this
    program are thrown away and begun anew. Raises OSError where the folder cannot be written."""
    try:
        place = _place(folder)
        found = Finding(folder, Index(folder / "internal"), Index(folder / "public"))
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        log.warning("the search index is made anew: %s", error)
        return begin_anew(folder)
    found.offsets = {int(partition): int(offset) for partition, offset in place["offsets"].items()}
    found.progress.whole = bool(place["whole"])
    return found


def begin_anew(folder: Path) -> Finding:
    """Empty indexes in a folder; what stood there is thrown away."""
    for name in ("internal", "public"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / PLACE).unlink(missing_ok=True)
    return Finding(folder, Index(folder / "internal"), Index(folder / "public"))


def _place(folder: Path) -> Mapping[str, Any]:
    try:
        place: dict[str, Any] = json.loads((folder / PLACE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError("there is none yet") from None
    if place["made_by"] != _made_by():
        raise ValueError("it was made by another version")
    if not all(tantivy.Index.exists(str(folder / name)) for name in ("internal", "public")):
        raise ValueError("a part of it is missing")
    return place


def _made_by() -> str:
    return f"{VERSION}/{version('tantivy')}/{views.fingerprint()}"
