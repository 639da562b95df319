"""import: a spreadsheet of one's own columns, each row as an event of its agency, and what became of all of them."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.table import Table as Shown

from contracts.agency import ReceiptOutcome
from contracts.reference import Problem, Role
from contracts.steps import EditionFrom
from contracts.topics import INTAKE
from deploy import access
from deploy.cli import reach
from deploy.cli.agencies import add_to, admin_login, enter_at
from deploy.cli.common import Found, err, out, progress, reached, running
from deploy.cli.tally import PARTS
from deploy.complaint import Complaint
from deploy.importing.publishing import Key, Told, await_committed, counted, publish, receipts, receipts_end
from deploy.importing.rehearsing import IntakeThere, judges, rehearsed
from deploy.local import keys
from deploy.local.home import directory, home
from deploy.login import Login
from deploy.progress import Say, task
from deploy.service import ask, why
from services.intake.importing import mapping, report, rows, tables
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.mapping import Described
from services.intake.importing.report import Finding, findings
from services.intake.importing.rows import Row, not_in_directory
from services.intake.importing.tables import Table

app = typer.Typer()
HANDS: Final = 4
"""So many agencies are entered at a time."""
NOT_EVERY_ROW: Final = 4
LEFT: Final = ("refused", "rejected", "parked")
"""What may become of a row beside being taken, or known already."""
MOST_SHOWN: Final = 20
"""So many rules are shown to people; the report has all."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A spreadsheet: CSV or XLSX.")],
    described: Annotated[
        Path,
        typer.Option("--mapping", exists=True, dir_okay=False, help="Which of its columns are which fields (TOML)."),
    ],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Publish nothing; say what would come of each row, and by which edition: as a running system has the "
            "agency, and by what it has stored; else as the mapping, by the rules alone.",
        ),
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Where the report and the marked file go.", file_okay=False)
    ] = None,
    every_row: Annotated[
        bool,
        typer.Option("--every-row", help="End with status 4 where a row was refused, rejected or parked."),
    ] = False,
) -> Found:
    """Publish the rows of a spreadsheet as events of their agencies, and say what became of each.

    Exit status: 0 every row is accounted for, whatever became of it; 1 some are not, or nothing could be done; 4, with
    --every-row alone, every one is and not all were taken.

    May be stopped and run again: a row that was published is known again. What is wrong is written to a report with
    row, column, rule and words, and into a copy of the file.
    """
    say, how = progress(), described_by(described)
    table, read = read_file(file, how, say)
    if dry_run:
        found, wrong = _rehearsed(how, read, say)
    else:
        try:
            found, wrong = imported(_here(), how, read, say)
        except KeyboardInterrupt:
            err.print("Stopped. Run the same again: what was published is known again, and nothing is done twice.")
            raise
    place = directory(folder or home() / "imports" / f"{file.stem}-{how.name}")
    with task(say, "writing what is wrong"):
        found |= report.write(place, table, wrong)
    _show(found, wrong)
    if not dry_run and (found["balance"] or found["in_flight"]):
        raise Complaint(
            f"{found['in_flight']} events are not decided on, {found['balance']} not accounted for; "
            "./lotsman status shows what is wrong. Then run the same again: nothing is done twice.",
            found=found,
        )
    left = {name: found[name] for name in LEFT if found[name]}
    if every_row and left:
        said = ", ".join(f"{rows} {name}" for name, rows in left.items())
        raise Complaint(f"Not every row was taken: {said}; the report says why.", code=NOT_EVERY_ROW, found=found)
    return found


def described_by(path: Path) -> Described:
    """The mapping in a file. Raises Complaint with everything that is wrong with it."""
    try:
        return mapping.load(path)
    except FaultyFile as error:
        raise Complaint(f"The mapping {path} cannot be used: {error}.") from error


def read_file(file: Path, how: Described, say: Say) -> tuple[Table, list[Row]]:
    """A file as a mapping reads it: the table, and each of its rows. Raises Complaint."""
    try:
        table, found = tables.read(file, how.headings(), how.file), list[Row]()
    except FaultyFile as error:
        raise Complaint(f"{file} cannot be used: {error}.") from error
    with task(say, f"reading {file.name}, rows", len(table.rows)) as reading:
        for one in rows.rows(table, how):
            found.append(one)
            reading.advance()
    return table, found


# ---- what would come of it


def _rehearsed(how: Described, read: Sequence[Row], say: Say) -> tuple[Found, list[Finding]]:
    """What would become of the rows where they are sent now; nothing is. By which edition they are judged is told."""
    codes = sorted({row.agency for row in read if row.agency is not None})
    by = judges(how, codes, _intake_there(), _tell, say)
    rehearsal = rehearsed(by, read, say)
    for sentence in rehearsal.sentences(by.runs):
        _tell(sentence)
    parts = {name: rehearsal.fates[name] for name in PARTS}
    found = {"dry_run": True, **counted_rows(rehearsal.rows), **parts}
    found["balance"] = found["published"] - sum(parts.values())
    judged = rehearsal.told()
    [one, *others] = judged or [{"edition": None}]
    found["stored"] = rehearsal.stored
    found |= {"edition": None if others else one["edition"], "edition_of_system": by.of_system, "judged": judged}
    return found, rehearsal.wrong


def _tell(sentence: str) -> None:
    err.print(sentence, soft_wrap=True, markup=False)


def _intake_there() -> IntakeThere | None:
    """The intake of another system that is named, or the one that runs here; None where there is none. Raises
    Complaint where what names it is wrong."""
    if (system := reach.named()) is None:
        try:
            system = reached()
        except Complaint:
            return None
    return IntakeThere(system.url(INTAKE), system.token)


# ---- what comes of it


@dataclass(frozen=True, slots=True)
class System:
    """A running system as an import uses it: intake's address, who may write every agency's topic and read its
    receipts, how tokens are made, and how an agency is entered."""

    intake: str
    login: Login
    token: reach.Tokens
    enter: Callable[[str, str, EditionFrom], object]


def _here() -> System:
    """Another system that is named, such as one of containers; else the one that runs here."""
    other = reach.named()
    if other is not None:
        return _elsewhere(other, os.environ)
    found = running()
    return System(found.urls[INTAKE], admin_login(found.base), partial(keys.token, home()), partial(add_to, found))


def _elsewhere(other: reach.System, env: Mapping[str, str]) -> System:
    if not env.get("LOTSMAN_KAFKA_URL"):
        raise Complaint("An import into another system needs LOTSMAN_KAFKA_URL, with the user and password for it.")
    login = Login(env["LOTSMAN_KAFKA_URL"], env.get("LOTSMAN_KAFKA_USERNAME"), env.get("LOTSMAN_KAFKA_PASSWORD"))
    url, token = other.url(INTAKE), other.token

    def enter(code: str, name: str, edition: EditionFrom) -> None:
        access.add_agency(login.admin(), code, None)
        enter_at(url, token([Role.ADMIN]), code, name, edition)

    return System(url, login, token, enter)


def imported(system: System, how: Described, read: Sequence[Row], say: Say) -> tuple[Found, list[Finding]]:
    """Publishes the rows at a running system. Raises Complaint where a part of it cannot be reached."""
    read = _entered(system, how, read, say)
    login = system.login
    agencies = sorted({row.agency for row in read if row.event is not None and row.agency is not None})
    if not agencies:  # no row is published, so there is nobody to be asked
        return {**counted_rows(read), **dict.fromkeys((*PARTS, "balance"), 0)}, [*_found_out(read, Told())]
    began = asyncio.run(receipts_end(login, agencies))
    with task(say, "publishing, events", sum(row.event is not None for row in read)) as sending:
        sent = asyncio.run(publish(login, _events(read), sending.advance))
    places = await_committed(login, sent, say)
    with task(say, "reading receipts"):
        told = asyncio.run(receipts(login, began))
        found = {**counted_rows(read), **counted(sent, told, places, lambda key: _known(system, key))}
    found["published"] = sent.count
    return found, [*_found_out(read, told)]


def _events(read: Iterable[Row]) -> Iterator[tuple[str, Mapping[str, object]]]:
    return ((row.agency, row.event) for row in read if row.event is not None and row.agency is not None)


def _found_out(read: Iterable[Row], told: Told) -> Iterator[Finding]:
    for row in read:
        said: Sequence[Problem] = ()
        if row.event is not None and row.agency is not None:
            said = told.problems((row.agency, row.event["id"]))
        yield from findings(row, said)


def _entered(system: System, how: Described, read: Sequence[Row], say: Say) -> list[Row]:
    """The rows once their agencies are in the directory; one of an agency that is not is refused."""
    names = {row.agency: row.agency_name or row.agency for row in reversed(read) if row.agency is not None}
    with task(say, "agencies", len(names)) as entering, ThreadPoolExecutor(HANDS) as pool:

        def enter(code: str) -> bool:
            there = _is_there(system, code)
            if not there and how.agency.enter is not None:
                system.enter(code, names[code], how.agency.enter)
            entering.advance()
            return there or how.agency.enter is not None

        unknown = {code for code, there in zip(names, pool.map(enter, names), strict=True) if not there}
    return [not_in_directory(row) if row.agency in unknown else row for row in read]


def _is_there(system: System, code: str) -> bool:
    answer = ask(INTAKE, "GET", f"{system.intake}/v1/agencies/{code}", system.token([Role.ADMIN]))
    if answer.status_code not in (200, 404):
        raise Complaint(f"Intake does not say whether {code} is in the directory: {why(answer)}")
    return answer.status_code == 200


def _known(system: System, key: Key) -> Mapping[str, Any] | None:
    """What intake says of an event of which no receipt is left in the topic: it is kept there for 30 days."""
    agency, event = key
    url = f"{system.intake}/v1/receipts/{quote(event, safe='')}"
    answer = ask(INTAKE, "GET", url, system.token([Role.AUDITOR]), params={"agency": agency})
    if answer.status_code == 410:  # of an old event about a pilot intake knows that it came, and no more
        return {"outcome": ReceiptOutcome.REPORTED}
    return answer.json() if answer.status_code == 200 else None


# ---- what is told


def counted_rows(read: Sequence[Row]) -> Found:
    """How many rows there are, how many are published, and why the others are not."""
    refused = [row for row in read if row.event is None]
    why, published = rows.reasons(refused), len(read) - len(refused)
    return {"rows": len(read), "published": published, "refused": len(refused), "reasons": dict(why.most_common())}


def _weight(one: Finding) -> str:
    """What comes of a fault, by the names of the sums: the reader refuses a row, of which there is no event; intake
    rejects an event."""
    if one.problem.severity != "block":
        return "told"
    return "refused" if one.event is None else "rejected"


def _show(found: Found, wrong: Sequence[Finding]) -> None:
    rules = Counter((one.column or "", one.problem.rule, _weight(one)) for one in wrong)
    table = Shown("column", "rule", "", "rows", box=None)
    for (column, rule, weight), times in rules.most_common(MOST_SHOWN):
        table.add_row(column, rule, weight, str(times))
    if rules:
        out.print(table)
    would = "would be " if found.get("dry_run") else ""
    out.print(
        f"{found['rows']} rows = {found['published']} {would}published + {found['refused']} refused by the reader"
    )
    parts = " + ".join(f"{found[name]} {name.replace('_', ' ')}" for name in PARTS)
    out.print(f"{found['published']} {would}published = {parts}; difference: {found['balance']}", soft_wrap=True)
    out.print(f"what is wrong:   {found['report']}", soft_wrap=True)
    out.print(f"the file, marked: {found['marked']}", soft_wrap=True)
