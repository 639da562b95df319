"""contracts preview, contracts told: what a changed rule would refuse, and what a rule that only warns has told."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.markup import escape
from rich.table import Table

from contracts import own
from contracts.calendars import own_calendars
from contracts.own import FaultyOwn
from contracts.reference import Role
from contracts.rules import load
from contracts.topics import AGENCY_KEPT_DAYS, INTAKE, agency_of, agency_topic, fact_topic
from deploy import topics
from deploy.cli.agencies import admin_login
from deploy.cli.common import Found, asked, child_stdout, out, progress, running, table, when
from deploy.cli.shown import show_table
from deploy.complaint import Complaint
from deploy.local import databases
from deploy.local.backends import Backends
from deploy.local.home import ROOT, directory, home
from deploy.local.ports import Ports
from deploy.login import Login
from deploy.preview import PROGRESS
from deploy.preview.editions import looked_over

app = typer.Typer()
group = typer.Typer(help="Contracts and rules: what a change would refuse, before it does.")
app.add_typer(group, name="contracts")

MOST_WORDS: Final = 200
"""So many lines of a pass that failed are told."""
EXAMPLES: Final = 5
"""So many events of each agency are named; the list has all."""
COVERS: Final = (
    f"What agencies sent in the last {AGENCY_KEPT_DAYS} days: over Kafka all of it; over HTTP what was taken. Both as "
    "it came; of what HTTP took before intake kept that, what its fact has. An event that came several times counts "
    "once, as it came first."
)
"""What is looked at."""
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """A running system as a preview reads it: intake's database, and an administrator's login to Kafka."""

    mongo_url: str
    database: str
    login: Login


@dataclass(slots=True)
class Agency:
    """What a change would do to an agency's events, each of which counts once: how many there are, how many it would
    refuse, and of these how many are refused today as well; by which rules, and some that only the change refuses."""

    agency: str
    events: int = 0
    undecided: int = 0
    would_fail: int = 0
    fail_today: int = 0
    newly: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    examples: list[Line] = field(default_factory=list)

    def add(self, one: Line, today: Sequence[str]) -> bool:
        """One event that would fail, and what it is refused for today; whether that is new."""
        new = [rule for rule in one["rules"] if rule not in today]
        self.would_fail += 1
        self.fail_today += bool(today)
        self.newly += not today
        self.rules.update(one["rules"])
        if new and len(self.examples) < EXAMPLES:
            door = {"over": one["over"]} if "over" in one else {"offset": one["offset"]}
            self.examples.append({"event_id": one["event_id"], **door, "rules": new})
        return not today


@group.command()
def preview(
    changed: Annotated[
        Path, typer.Argument(exists=True, help="An edition (.toml), a folder of them, or a module of contracts/ (.py).")
    ],
    instead_of: Annotated[
        str | None, typer.Option("--instead-of", help="The edition that a file with an id of its own stands for.")
    ] = None,
    module: Annotated[
        str | None, typer.Option("--module", help="The module that a .py stands for; by itself the one of its name.")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="Where every event that would fail is written, one a line (JSON).")
    ] = None,
) -> Found:
    """Say which stored events of which agency would be refused if this were in force: by the door's own code."""
    made = change(changed, instead_of, module)
    found, path = previewed(_here(), made, listed or directory(home() / "previews") / f"{changed.stem}.jsonl")
    _show(found)
    out.print(f"all of them: {path}", soft_wrap=True)
    out.print(COVERS, soft_wrap=True)
    agencies = [{**asdict(one), "rules": dict(one.rules.most_common())} for one in found]
    sums = {
        "events": sum(one.events for one in found),
        "undecided": sum(one.undecided for one in found),
        "would_fail": sum(one.would_fail for one in found),
        "fail_today": sum(one.fail_today for one in found),
        "newly": sum(one.newly for one in found),
    }
    return {"changed": str(changed), "agencies": agencies, **sums, "list": str(path), "covers": COVERS}


def previewed(where: Where, made: Mapping[str, Any], path: Path) -> tuple[list[Agency], Path]:
    """What a change would do to the events of each agency; those that it would refuse are written to a file. Raises
    Complaint."""
    ends, facts = asyncio.run(_ends(where.login))
    of = {"mongo_url": where.mongo_url, "database": where.database, "login": asdict(where.login)}
    of |= {"ends": ends, "facts": facts}
    nothing = {"instead": dict[str, str](), "editions": dict[str, str | None]()}
    with TemporaryDirectory() as folder:
        now, then = Path(folder) / "today.jsonl", Path(folder) / "changed.jsonl"
        _run({**of, **nothing, "what": "as the rules are today", "found": str(now)})
        _run({**of, **nothing, **made, "what": "as they would be", "found": str(then)})
        with path.open("w", encoding="utf-8") as file:
            found = dict[str, Agency]()
            for one, today in _paired(_lines(now), _lines(then)):
                agency = found.setdefault(one["agency"], Agency(one["agency"]))
                if "events" in one:
                    agency.events += one["events"]
                    agency.undecided += one["undecided"]
                else:
                    one["new"] = agency.add(one, today)
                    file.write(json.dumps(one, ensure_ascii=False) + "\n")
    return [one for one in found.values() if one.events], path


def change(changed: Path, instead_of: str | None = None, module: str | None = None) -> dict[str, Any]:
    """What a pass is told of a change, which was looked over: no back end is asked for that. Raises Complaint with all
    that is wrong with its files."""
    if changed.suffix == ".py":
        name = module or f"contracts.{changed.stem}"
        if not (ROOT / f"{name.replace('.', '/')}.py").is_file() or not name.startswith("contracts."):
            raise Complaint(f"There is no module {name}; --module says for which one {changed.name} stands.")
        made = {"instead": {name: str(changed.absolute())}}
        _run({**made, "only": "load"})
        return made
    files, others = own.files(changed) if changed.is_dir() else ([changed], [])
    if not [*files, *others] or any(one.suffix != ".toml" for one in files):
        raise Complaint(f"{changed} is no edition (.toml), no folder of them and no module (.py).")
    editions = {str(one.absolute()): instead_of for one in files}
    faults = [f"{one}: {own.NO_DATA}" for one in others]
    try:
        faults += looked_over(load(), editions)[1]
    except FaultyOwn as error:  # those of this terminal, with which it is compared
        faults.append(str(error))
    if changed.is_dir():
        faults += [f"{changed}/{fault}" for fault in own_calendars(changed)[1]]
    if faults:
        raise Complaint("\n".join(faults))
    return {"editions": editions}


def _here() -> Where:
    """The running system of this directory, or the back ends that the environment names."""
    folder, env = home(), os.environ
    if env.get("LOTSMAN_MONGO_URL") and env.get("LOTSMAN_KAFKA_URL"):
        login = Login(env["LOTSMAN_KAFKA_URL"], env.get("LOTSMAN_KAFKA_USERNAME"), env.get("LOTSMAN_KAFKA_PASSWORD"))
        return Where(env["LOTSMAN_MONGO_URL"], env.get("LOTSMAN_DATABASE") or databases.first(INTAKE), login)
    found = running()
    backends = Backends(folder, Ports(found.base))
    backends.join(mongod="mongod" in found.children, broker=None)
    return Where(backends.mongo_as(INTAKE), databases.current(folder, INTAKE), admin_login(found.base))


async def _ends(login: Login) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Where each agency's events end now, and where intake's facts of the same days begin and end."""
    codes = sorted(code for topic in topics.existing(login.admin()) if (code := agency_of(topic)))
    own, since = fact_topic(INTAKE), datetime.now(UTC) - timedelta(days=AGENCY_KEPT_DAYS)
    consumer = AIOKafkaConsumer(own, **login.aiokafka(), enable_auto_commit=False)
    await consumer.start()
    try:
        facts = sorted(consumer.assignment())
        ends = await consumer.end_offsets([*facts, *(TopicPartition(agency_topic(code).name, 0) for code in codes)])
        begins = await consumer.offsets_for_times(dict.fromkeys(facts, int(since.timestamp() * 1000)))
    finally:
        await consumer.stop()
    of_agencies = {code: end for place, end in ends.items() if (code := agency_of(place.topic))}
    between = {str(at.partition): (begins[at].offset, ends[at]) for at in facts if begins.get(at)}
    return of_agencies, between


def _run(job: Mapping[str, Any]) -> None:
    """One pass in a process of its own; its progress goes to stderr. Raises Complaint with its last words, which are
    said nowhere else."""
    words = [sys.executable, "-m", "deploy.preview"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, text=True, stdin=pipe, stdout=child_stdout(), stderr=pipe) as child:
        assert child.stdin is not None and child.stderr is not None
        try:
            child.stdin.write(json.dumps(job))
            child.stdin.close()
            say, last = progress(), list[str]()
            for line in map(str.rstrip, child.stderr):
                if line.startswith(PROGRESS):
                    say(line.removeprefix(PROGRESS))
                else:
                    last.append(line)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise Complaint("\n".join(last[-MOST_WORDS:]) or f"The preview ended with {child.returncode}.")
    for line in last:  # warnings of a library: no reason to fail
        say(line)


def _lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _paired(today: Iterator[Line], changed: Iterator[Line]) -> Iterator[tuple[Line, Sequence[str]]]:
    """Each line of the changed pass, with the rules that the same event is refused for today. Both are in the order of
    agencies and offsets, the line with an agency's numbers behind them; then of facts, and such lines at the end."""
    before = next(today, None)
    for one in changed:
        while before is not None and _place(before) < _place(one):
            before = next(today, None)
        same = before is not None and _place(before) == _place(one) and "rules" in before
        yield one, before["rules"] if same and before is not None else ()


def _place(one: Line) -> tuple[int, str, int, float]:
    if "over" not in one:
        return 0, one["agency"], 0, one.get("offset", float("inf"))
    counts = "events" in one
    return (2, one["agency"], 0, 0) if counts else (1, "", one["partition"], one["offset"])


def _show(found: Sequence[Agency]) -> None:
    table = Table("agency", "events", "would fail", "today too", "newly", "rules", box=None)
    for one in found:
        rules = ", ".join(f"{rule} {times}" for rule, times in one.rules.most_common())
        numbers = (one.events, one.would_fail, one.fail_today, one.newly)
        table.add_row(one.agency, *map(str, numbers), escape(rules))
    out.print(table)


@group.command()
def told(
    agency: Annotated[str | None, typer.Option(help="Only this agency's events.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule, by its id.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From which moment or day (ISO 8601) on; 30 days if left out.")
    ] = None,
) -> Found:
    """Show how many events of each agency broke which rule: told only (warn), or refused (block)."""
    try:
        moment = datetime.fromisoformat(since).astimezone().isoformat() if since else None
    except ValueError as error:
        raise Complaint(f"{since!r} is no day and no moment.") from error
    said = {"agency": agency, "rule": rule, "since": moment}
    query = urlencode({name: value for name, value in said.items() if value is not None})
    found: Found = asked(Role.AUDITOR, INTAKE, "GET", f"/v1/rule-counts?{query}")
    rows = table("agency", "rule", "severity", "events", "first (UTC)", "last (UTC)", "such as")
    for one in found["items"]:
        counted = (one["agency"], one["rule"], one["severity"], str(one["events"]))
        rows.add_row(*map(escape, (*counted, when(one["first"]), when(one["last"]), str(one["last_event"]))))
    show_table(rows)
    return found
