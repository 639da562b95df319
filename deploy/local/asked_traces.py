"""What is asked of the kept traces and logs of the embedded stack: from a terminal by the file, and over HTTP by the
ops view of the pages, closed to all but tokens of this stack with the role ops."""

import json
import mmap
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from contracts.reference import Role
from deploy.complaint import Complaint
from deploy.local import keys
from services.chassis.masking import MASK
from services.chassis.told_traces import PLACE, Span, Trace, clock, event_at, place_in, traces_in

PATH: Final = "/v1/kept-traces"
NAME: Final = "traces.sqlite"
MOST: Final = 100
MOST_SPANS: Final = 5_000
"""Of one trace so many spans are told, the oldest."""
MOST_LINES: Final = 500
MOST_PILOTS: Final = 5
"""Of a listed trace so many subjects are named."""
MOST_NEAR: Final = 20
TRACE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BEARER: Final = re.compile(r"Bearer +(\S{1,16384})", re.IGNORECASE)
Asked = Mapping[str, str]


def spans_of(path: Path, asked: str) -> list[Span]:
    """All spans of a trace, or of every trace that touches a pilot or an event, oldest first. Raises Complaint."""
    touched = """trace_id = :id
        OR trace_id IN (SELECT trace_id FROM spans WHERE json_extract(attributes, '$."pilot.id"') = :id)
        OR trace_id IN (SELECT trace_id FROM spans WHERE json_extract(attributes, '$."pilot.event.id"') = :id)"""
    return _spans(_read(path, f"SELECT * FROM spans WHERE {touched} ORDER BY start_ns", {"id": asked}))


def traces_of(path: Path, asked: str) -> list[Trace]:
    """The traces of a pilot or an event, each cut to it, or one trace; the receipt of a parked event, which names the
    place of its record, means that event. What is masked is nobody's name. Raises Complaint."""
    if MASK in asked:
        return []
    place = place_in(asked)
    name = asked if place is None else event_at(_about_record(path, place), place) or asked
    return traces_in(spans_of(path, name), name)


def _about_record(path: Path, place: Mapping[str, str]) -> list[Span]:
    """The first span about a record: found by going through all, for few ask and each index costs with every span."""
    where = " AND ".join(
        f"CAST(json_extract(attributes, '$.\"{name}\"') AS TEXT) = :{n}" for n, name in enumerate(PLACE)
    )
    query = f"SELECT * FROM spans WHERE name = :named AND {where} ORDER BY start_ns LIMIT 1"
    values = {str(n): place[name] for n, name in enumerate(PLACE)}
    return _spans(_read(path, query, {"named": f"process {place[PLACE[0]]}", **values}))


def _spans(rows: Iterable[tuple[Any, ...]]) -> list[Span]:
    return [Span._make((*row[:9], json.loads(row[9]), json.loads(row[10]))) for row in rows]


def listed(path: Path, *, slowest: bool, errors: bool, most: int, after: tuple[int, str] | None = None) -> list[str]:
    """The ids of kept traces: the newest, or those that worked longest; with `errors` only such as failed somewhere;
    those behind the one that is at `after` in that order. Raises Complaint."""
    by = "worked_ns" if slowest else "end_ns"
    where = [*(["failed"] if errors else []), *([f"({by}, trace_id) < (:at, :trace)"] if after else [])]
    some = f"WHERE {' AND '.join(where)}" if where else ""
    query = f"SELECT trace_id FROM traces {some} ORDER BY {by} DESC, trace_id DESC LIMIT :most"
    at, trace = after or (0, "")
    return [row[0] for row in _read(path, query, {"most": most, "at": at, "trace": trace})]


def _read(path: Path, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()
    except sqlite3.DatabaseError as error:
        raise Complaint(f"The traces in {path} cannot be read: {error}.") from error


def summaries(path: Path, traces: Iterable[str]) -> list[dict[str, Any]]:
    """Each of these traces as it stands in a list. Raises Complaint."""
    return [row for one in traces for row in _summary(path, one)]


def _summary(path: Path, trace: str) -> Iterator[dict[str, Any]]:
    known = {"id": trace, "most": MOST_PILOTS}
    row = "SELECT start_ns, end_ns, worked_ns, failed FROM traces WHERE trace_id = :id"
    for start, end, worked, failed in _read(path, row, known):
        first = _read(path, "SELECT service, name FROM spans WHERE trace_id = :id ORDER BY start_ns LIMIT 1", known)
        pilot = """json_extract(attributes, '$."pilot.id"')"""
        of = f"SELECT DISTINCT {pilot} FROM spans WHERE trace_id = :id AND {pilot} IS NOT NULL LIMIT :most"
        service, name = first[0] if first else ("", "")
        yield {
            "trace": trace,
            "began": clock(start),
            "took_ms": round((end - start) / 1e6, 3),
            "worked_ms": round(worked / 1e6, 3),
            "failed": bool(failed),
            "service": service,
            "begins_with": name,
            "pilots": [row[0] for row in _read(path, of, known)],
            "at": end,
            "worked_ns": worked,
        }


def following(path: Path, trace: str, spans: Sequence[Span]) -> list[str]:
    """The traces that build on this one: their spans about the same subjects are linked to it. A record's own link
    leads to its batch, which says nothing of what follows."""
    pilots = Trace(trace, list(spans)).pilots[:MOST_NEAR]
    marks = ",".join(f":p{n}" for n in range(len(pilots)))
    query = f"""SELECT DISTINCT trace_id FROM spans
        WHERE json_extract(attributes, '$."pilot.id"') IN ({marks}) AND kind != 'consumer'
        AND trace_id != :id AND instr(links, :id) > 0 LIMIT {MOST_NEAR}"""
    named = {f"p{n}": one for n, one in enumerate(pilots)}
    return [row[0] for row in _read(path, query, {**named, "id": trace})]


# ---- over HTTP


def answered(folder: Path, target: str, authorization: str) -> tuple[int, bytes]:
    """The answer to a request: its status, and JSON."""
    found = _BEARER.fullmatch(authorization)
    roles = keys.roles_of(folder, found[1]) if found else None
    if roles is None:
        return 401, _json({"title": "auth.invalid", "detail": "A token of this stack is needed."})
    if Role.OPS not in roles:
        return 403, _json({"title": "auth.role", "detail": "The role ops is needed."})
    split = urlsplit(target)
    asked = dict(parse_qsl(split.query))
    try:
        said = _said(folder, split.path, asked)
    except Complaint as error:
        return 503, _json({"title": "traces.away", "detail": str(error)})
    except ValueError:
        return 422, _json({"title": "request.invalid", "detail": "The query cannot be read."})
    return (404, _json({"title": "not-found", "detail": ""})) if said is None else (200, _json(said))


def _json(said: Any) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")


def _said(folder: Path, path: str, asked: Asked) -> Any:
    if path == PATH:
        return _of(folder, asked["of"]) if asked.get("of") else _list(folder, asked)
    trace, _, what = path.removeprefix(f"{PATH}/").partition("/")
    if not path.startswith(PATH) or not TRACE.fullmatch(trace):
        return None
    answers: Mapping[str, Callable[[Path, str], Any]] = {"": _whole, "lines": _lines}
    return answers[what](folder, trace) if what in answers else None


def _list(folder: Path, asked: Asked) -> dict[str, Any]:
    slowest, most = asked.get("order") == "slowest", min(MOST, max(1, int(asked.get("limit", MOST))))
    at, _, trace = asked.get("after", "").partition(".")
    after = (int(at), trace) if at else None
    ids = listed(folder / NAME, slowest=slowest, errors=bool(asked.get("failed")), most=most + 1, after=after)
    items = summaries(folder / NAME, ids[:most])
    last = items[-1] if len(ids) > most and items else None
    place = None if last is None else last["worked_ns" if slowest else "at"]
    return {"items": items, "next": f"{place}.{last['trace']}" if last else None}


def _of(folder: Path, name: str) -> dict[str, Any]:
    found = [one.summary() for one in traces_of(folder / NAME, name)]
    return {"items": found[-MOST:], "next": None}


def _whole(folder: Path, trace: str) -> dict[str, Any] | None:
    spans = spans_of(folder / NAME, trace)
    if not spans:
        return None
    whole = Trace(trace, spans)
    return {
        "spans": [span._asdict() for span in spans[:MOST_SPANS]],
        "before": summaries(folder / NAME, whole.follows[:MOST_NEAR]),
        "after": summaries(folder / NAME, following(folder / NAME, trace, spans)),
    }


def _lines(folder: Path, trace: str) -> dict[str, Any]:
    """The lines of the services' logs that this trace has left, the oldest first, from what is kept of them."""
    found = [line for log in sorted((folder / "logs").glob("*.log*")) for line in _in(log, trace)]
    found.sort(key=lambda line: str(line.get("time")))
    return {"items": found[:MOST_LINES], "more": len(found) > MOST_LINES}


def _in(log: Path, trace: str) -> Iterator[dict[str, Any]]:
    wanted = f'"trace": "{trace}"'.encode()
    try:
        with log.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            at = text.find(wanted)
            while at >= 0:
                begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
                end = len(text) if end < 0 else end
                yield from _read_line(text[begin:end])
                at = text.find(wanted, end)
    except (OSError, ValueError):  # it is empty, or was put aside meanwhile
        return


def _read_line(line: bytes) -> Iterator[dict[str, Any]]:
    try:
        said = json.loads(line)
    except ValueError:
        return
    if isinstance(said, dict):
        yield said
