"""The figures of one replica and how far they are: what a follower of the own topic fills and the routes ask.

How a follower uses it, in this order, each call off the event loop (they block):

    figures = open_figures(folder)            # OSError: the folder cannot be written, or another process has it
    read on from figures.offsets              # below them everything is in
    figures.put(rows, gone)                   # stored pilots as `follower.documents` loads them, some at a time
    figures.commit(offsets, whole=...)        # now it is seen, together with the offsets it stands at
    figures.close()

`put` and `commit` are one writer's; questions may be asked meanwhile from any thread, and see what was committed last.
After `damaged`, close it and take `begin_anew(folder)`.
"""

import logging
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
from pydantic import ValidationError

from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.registry.domain.state import Pilot
from services.registry.figures.tables import TABLES, Line, fingerprint, rows_of
from services.registry.projections.progress import Progress

if TYPE_CHECKING:  # at run time no type of the binding is held, or it calls them leaked when the process ends
    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

FOLDER: Final = "figures"
SUFFIX: Final = ".duckdb"
"""Each view has a file of its own name: one that is begun anew never meets what is still open of the one before."""
MEMORY: Final = "256MB"
THREADS: Final = 2
CHECKPOINT: Final = "4MB"
"""With so many bytes written since the last time, they go from memory into the file."""
SPILL: Final = "2GB"
"""At most so much of a question's work may go to the disk."""
DAMAGE: Final = (duckdb.FatalException, duckdb.InternalException, duckdb.IOException, duckdb.SerializationException)
"""Errors after which nothing that the database says can be believed."""
TOGETHER: Final = 1000
"""How many pilots' rows are gathered before they are written: as often, all tables are looked through."""
KEPT: Final = 256
"""How many answers to the same questions are kept in memory."""
KNOWN: Final = (
    "SELECT 1 FROM pilots JOIN going USING (pilot) UNION ALL SELECT 1 FROM unread JOIN going USING (pilot) LIMIT 1"
)
"""Whether any of those that are put has rows already: a pilot always has one in one of these two tables."""
Answer = dict[str, Any]
Question = Callable[["DuckDBPyConnection"], Answer]


@dataclass(slots=True)
class Figures:
    """An open view. `offsets` are those of the last commit: every fact below them is counted."""

    root: "DuckDBPyConnection"
    """The writer's connection."""
    reads: "DuckDBPyConnection"
    """What readers' connections are made of."""
    made: str
    """A word of this view alone, new whenever it is begun anew."""
    number: int
    """How many commits changed it."""
    offsets: dict[int, int]
    progress: Progress = field(default_factory=Progress)
    damaged: bool = False
    _waiting: dict[str, Mapping[str, list[Line]]] = field(default_factory=dict)
    _writing: bool = False
    _kept: OrderedDict[Hashable, Answer] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writer: threading.Lock = field(default_factory=threading.Lock)
    """A writer whose task was cancelled goes on in its thread: what closes the view waits for it."""

    @property
    def complete(self) -> bool:
        """Whether answers count every fact but those of the last moments."""
        return self.progress.complete

    @property
    def commit_id(self) -> str:
        """Names what is seen now; the same name is never given to anything else."""
        return f"{self.made}-{self.number}"

    # ---- the writer

    def put(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Puts the rows of these stored pilots in the place of all that they had, and takes out what is gone.

        Seen after `commit`. One that this program cannot read is counted as unread. Raises duckdb.Error.
        """
        with self._writer:
            for row in rows:
                self._waiting[str(row["_id"])] = _rows(str(row["_id"]), row)
            for id_ in gone:
                self._waiting[id_] = {}
            if len(self._waiting) >= TOGETHER:
                self._write()

    def commit(self, offsets: Mapping[int, int], *, whole: bool) -> None:
        """Shows what was put, and stores with it, in one transaction, the offsets that it stands at. `whole`: it
        holds all of the topic. Raises duckdb.Error."""
        with self._writer:
            self._commit(offsets, whole)

    def _commit(self, offsets: Mapping[int, int], whole: bool) -> None:
        if self._waiting:
            self._write()
        number = self.number + 1 if self._writing else self.number
        if not self._writing:
            self.root.begin()
        self.root.execute("UPDATE place SET number = ?, whole = ?", [number, whole])
        self.root.execute("DELETE FROM offsets")
        _append(self.root, "offsets", list(offsets.items()))
        self.root.commit()
        self._writing = False
        self.number, self.offsets, self.progress.whole = number, dict(offsets), whole

    def _write(self) -> None:
        if not self._writing:
            self.root.begin()
            self._writing = True
        _append(self.root, "going", [(id_,) for id_ in self._waiting])
        if self.root.execute(KNOWN).fetchall():
            for name in TABLES:
                self.root.execute(f"DELETE FROM {name} WHERE pilot IN (SELECT pilot FROM going)")
        for name in TABLES:
            if lines := [line for one in self._waiting.values() for line in one.get(name, ())]:
                _append(self.root, name, lines)
        self.root.execute("DELETE FROM going")
        self._waiting.clear()

    def close(self) -> None:
        """Lets the file go, once a put or commit that still runs has ended; what was not committed is lost."""
        with self._writer, self._lock:
            self.reads.close()
            self.root.close()

    # ---- the readers

    def ask(self, key: Hashable, question: Question) -> Answer:
        """The answer to a question on one commit. `key` names the question: as long as nothing is committed, it is
        asked once. Blocks. Raises Problematic 503 while the view is being made, and once it is closed."""
        if not self.progress.whole or self.damaged:
            raise building(self.progress)
        with self._lock:
            commit = self.commit_id
            if (known := self._kept.get((commit, key))) is not None:
                self._kept.move_to_end((commit, key))
                return known
        try:
            with self._snapshot() as cursor:
                [(number,)] = cursor.execute("SELECT number FROM place").fetchall()
                answer = question(cursor)
        except duckdb.ConnectionException as error:  # it was closed since it was found
            raise building(self.progress) from error
        except DAMAGE as error:
            log.exception("a question could not be answered: %s", type(error).__name__)
            self.damaged = True
            raise building(self.progress) from error
        commit = f"{self.made}-{number}"
        with self._lock:
            self._kept[commit, key] = answer
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return answer

    @contextmanager
    def _snapshot(self) -> "Iterator[DuckDBPyConnection]":
        """A connection on what is committed now; it sees nothing that is committed later."""
        with self._lock:
            cursor = self.reads.cursor()
        try:
            cursor.begin()
            yield cursor
        finally:
            cursor.close()


def building(progress: Progress) -> Problematic:
    """The answer while the figures are being made: how many of the topic's records are in."""
    return Problematic(
        503,
        "figures.building",
        action="retry",
        headers={"Retry-After": "5"},
        extra={"done": progress.done, "total": progress.total},
    )


def in_memory() -> Figures:
    """Figures without a folder that answer at once: for tests, and for measurements."""
    made = _begun(_connected(":memory:", None), secrets.token_hex(6))
    made.progress = Progress(whole=True, confirmed_at=float("inf"))
    return made


def open_figures(folder: Path) -> Figures:
    """The figures in a folder as they were left. Those that are missing, damaged, or made by another version of this
    program are thrown away and begun anew. Raises OSError where the folder cannot be written or another process has
    it."""
    left = sorted((folder / FOLDER).glob(f"*{SUFFIX}"))
    if len(left) != 1:
        return begin_anew(folder)
    root = None
    try:
        root = _connected(str(left[0]), left[0].parent)
        return _as_left(root)
    except (ValueError, duckdb.Error) as error:
        if root is not None:
            root.close()
        if _in_use(error):
            raise OSError(f"another process writes to {folder}") from error
        log.warning("the figures are made anew: %s", error)
        return begin_anew(folder)


def begin_anew(folder: Path) -> Figures:
    """Empty figures in a folder; what stood there is thrown away. Raises OSError where it cannot be written."""
    own = folder / FOLDER
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    made = secrets.token_hex(6)
    try:
        return _begun(_connected(str(own / f"{made}{SUFFIX}"), own), made)
    except duckdb.Error as error:
        raise OSError(f"the figures cannot be written to {own}: {error}") from error


def _connected(path: str, spill: Path | None) -> "DuckDBPyConnection":
    """A database that reaches for nothing outside: no network, no other file, no extension."""
    closed: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": THREADS,
        "checkpoint_threshold": CHECKPOINT,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "enable_external_access": False,
    }
    if spill is not None:
        closed |= {"temp_directory": str(spill / "spill"), "max_temp_directory_size": SPILL}
    root = duckdb.connect(path, config=closed)
    root.execute("SET lock_configuration = true")
    root.execute("CREATE TEMP TABLE going (pilot VARCHAR)")
    return root


def _begun(root: "DuckDBPyConnection", made: str) -> Figures:
    root.begin()
    for name, columns in TABLES.items():
        root.execute(f"CREATE TABLE {name} ({columns})")
    root.execute('CREATE TABLE offsets ("partition" INTEGER, "offset" BIGINT)')
    root.execute("CREATE TABLE place (made_by VARCHAR, made VARCHAR, number BIGINT, whole BOOLEAN)")
    root.execute("INSERT INTO place VALUES (?, ?, 0, false)", [_made_by(), made])
    root.commit()
    return Figures(root, root.cursor(), made, 0, {})


def _as_left(root: "DuckDBPyConnection") -> Figures:
    """Raises ValueError for another version's view, duckdb.Error for one that is damaged."""
    [(made_by, made, number, whole)] = root.execute("SELECT made_by, made, number, whole FROM place").fetchall()
    if made_by != _made_by():
        raise ValueError("they were made by another version")
    for name in TABLES:
        root.execute(f"SELECT count(*) FROM {name}")
    offsets = dict(root.execute('SELECT "partition", "offset" FROM offsets').fetchall())
    return Figures(root, root.cursor(), made, number, offsets, Progress(whole=whole))


def _made_by() -> str:
    return f"{fingerprint()}/{duckdb.__version__}"


def _rows(id_: str, row: Row) -> dict[str, list[Line]]:
    try:
        return rows_of(id_, Pilot.model_validate(row["state"]))
    except (ValidationError, KeyError) as error:
        log.error("a pilot's document cannot be read for the figures: %s (%s)", id_, type(error).__name__)
        return {"unread": [(id_,)]}


def _append(root: "DuckDBPyConnection", table: str, lines: Iterable[Line]) -> None:
    with root.appender(table) as appender:
        appender.append_rows(lines)


def _in_use(error: Exception) -> bool:
    return "set lock on file" in str(error)
