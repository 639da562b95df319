"""Turns the inventory of AI use cases of US federal agencies (2025, public) into events of its agencies.

Each row becomes one `application-submitted` event of the agency that reported it, judged by the edition `demo-us`.
Nothing is mended: a topic area that is no code, a missing description or a date in an unknown form goes as it is,
and the agency is told everything that is wrong with it. Rows go as version 1 and version 2 in turn, for agencies
upgrade slowly.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.event import agency_source, wire_moment

EDITION: Final = "demo-us"
SCHEME: Final = "US-FED"
BUREAU: Final = re.compile(r"[A-Z0-9][A-Za-z0-9&.-]{0,19}")
DATE_FORMS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%Y", "%b-%y", "%Y")


def agencies(path: Path) -> dict[str, str]:
    """The agencies in the file: code and name."""
    return {_code(row): row["agency_name"].strip() for _, row in _rows(path)}


def events(
    path: Path, now: datetime, stages: frozenset[str] = frozenset({"Pilot"})
) -> Iterator[tuple[str, dict[str, Any]]]:
    """An agency's code and its event for every row at one of these development stages, in the file's order.

    `now` becomes the time of every event. The id is the agency's own number, or the row's where it has none.
    """
    for line, row in _rows(path):
        if row["development_stage"].strip() in stages:
            yield _code(row), event(row, line, now)


def event(row: Mapping[str, str], line: int, now: datetime) -> dict[str, Any]:
    """One row as a CloudEvent. `line` counts data rows from 1."""
    own = row["id"].strip()
    kind = (ApplicationSubmittedV1 if line % 2 else ApplicationSubmittedV2).TYPE
    return {
        "specversion": "1.0",
        "id": f"inventory-2025-{own or f'row-{line}'}",
        "source": agency_source(_code(row)),
        "type": kind,
        "time": wire_moment(now.astimezone(UTC)),
        "datacontenttype": "application/json",
        "data": {k: v for k, v in _data(row, own).items() if v is not None},
    }


def _data(row: Mapping[str, str], own: str) -> dict[str, Any]:
    return {
        "title": _text(row["use_case_name"]),
        "problem": _text(row["problem_solved"]),
        "solution": _text(row["benefits"]) or _text(row["system_outputs"]),
        "sector": re.sub(r"[^a-z0-9]+", "-", row["topic_area"].lower()).strip("-"),
        "initiator": {"id": {"scheme": SCHEME, "value": _bureau(row)}},
        "customer": {"id": {"scheme": SCHEME, "value": row["agency"].strip()}, "name": _text(row["agency_name"])},
        "planned_start": _date(row["operational_date"].strip()),
        "expected_effect": _text(row["system_outputs"]),
        "own_number": own or None,
        "contact": _contact(row),
    }


def _contact(row: Mapping[str, str]) -> dict[str, str] | None:
    address = row["contact_email"].strip()
    return {"name": "Contact point", "email": address} if address else None


def _bureau(row: Mapping[str, str]) -> str:
    bureau = row["agency_bureau"].strip()
    return f"{row['agency'].strip()}/{bureau}" if BUREAU.fullmatch(bureau) else row["agency"].strip()


def _date(raw: str) -> str | None:
    for form in DATE_FORMS:
        try:
            return datetime.strptime(raw, form).date().isoformat()
        except ValueError:
            continue
    return raw or None


def _text(raw: str) -> str | None:
    return raw.replace("_x000D_", "").strip() or None


def _code(row: Mapping[str, str]) -> str:
    return row["agency"].strip().lower()


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from enumerate(csv.DictReader(file), start=1)
