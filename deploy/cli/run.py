"""up, down, status."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from contracts.topics import DESK, SERVICES
from deploy.cli import reach
from deploy.cli.common import Found, err, is_progress, of_all, out, port_base, progress, stop_signals
from deploy.complaint import Complaint, Interrupted
from deploy.local import state
from deploy.local.health import editions_of, why_no_kafka, why_no_mongod, why_not_ready, why_not_whole
from deploy.local.home import ROOT, directory, home
from deploy.local.kept import Kept
from deploy.local.logs import opened
from deploy.local.ports import OFFSETS, Ports
from deploy.local.process import last_line
from deploy.local.stack import Stack, commands
from deploy.progress import task
from services.chassis import supervised

app = typer.Typer()
NOT_READY: Final = 1
NOTHING_RUNS: Final = 3
DETACHED_WITHIN: Final = 300.0

Base = Annotated[
    int | None,
    typer.Option(
        "--port-base", help="Count all ports from here (8100, the demo 8200; or LOTSMAN_PORT_BASE).", min=1024
    ),
]
RequireKafka = Annotated[
    bool,
    typer.Option("--require-kafka", help="Fail rather than put noida-db in the place of Kafka."),
]


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    base: Base = None,
    require_kafka: RequireKafka = False,
) -> Found:
    """Start the system and keep it running; its data stays for the next time."""
    ports = Ports(port_base(base))
    if detach:
        return {"urls": _detach(ports, require_kafka)}
    with stop_signals() as stopping:
        services = commands(mail=bool(os.environ.get("LOTSMAN_SMTP_URL")), desk=True, follower=True)
        say = progress()
        stack = Stack(home(), ports, say=say, require_kafka=require_kafka, services=services, stopping=stopping)
        stack.start()
        try:
            _print_urls(stack.urls)
            out.print("Ctrl-C or ./lotsman down stops it.")
            _wait(stopping)
        finally:
            with task(say, "stopping"):
                stack.stop()
    return {"urls": stack.urls, "stopped": True}


@app.command()
def down() -> Found:
    """Stop the system; what a killed one left is stopped too, and nothing else."""
    with task(progress(), "stopping what runs"):
        stopped = state.stop(home())
    out.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing ran")
    return {"stopped": list(stopped)}


@app.command()
def status() -> Found:
    """Say what runs and how it is. Exit code: 0 all ready, 1 something is not, 3 nothing runs.

    Of another system (--url): how what has an address is; nobody needs a token for that.
    """
    if (other := reach.named()) is not None:
        return _status_of(other)
    found = state.read(home())
    if found is None or not (found.supervisor.runs() or any(child.runs() for child in found.children.values())):
        raise Complaint("nothing runs; ./lotsman up starts it", code=NOTHING_RUNS, found={"parts": []})
    with ThreadPoolExecutor(1) as beside:  # who hangs is waited for once, not for each thing that is asked of it
        asking = beside.submit(_editions, found.urls)
        rows = _rows(found)
        editions, odd = asking.result()
    table = Table("", "pid", "port", "state")
    for name, pid, port, reason in rows:
        table.add_row(name, pid, port, f"[red]{escape(reason)}[/red]" if reason else "[green]ready[/green]")
    out.print(table)
    for what, note in found.notes.items():
        out.print(f"{what}: {note}", soft_wrap=True)
    if editions and not odd:
        known = sorted({id_ for said in editions.values() for id_ in said})
        out.print(f"editions: {', '.join(known)}; {', '.join(editions)} know them alike", soft_wrap=True)
    parts = [{"name": name, "pid": pid, "port": port, "ready": not why, "why": why} for name, pid, port, why in rows]
    return _all_well({"parts": parts, "urls": found.urls, "notes": found.notes, "editions": editions}, odd)


def _status_of(other: reach.System) -> Found:
    """How the services of another system are. Raises Complaint where one is not ready, or they know other editions."""
    urls = {name: url for name, url in other.urls.items() if name not in (reach.JAEGER, reach.COLLECTOR)}
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(_editions, urls)
        reasons = of_all(urls, lambda name: why_not_whole(urls[name]))
        editions, odd = asking.result()
    table = Table("", "address", "state")
    for name, reason in reasons.items():
        table.add_row(name, escape(urls[name]), f"[red]{escape(reason)}[/red]" if reason else "[green]ready[/green]")
    out.print(table)
    parts = [{"name": name, "ready": not why, "why": why} for name, why in reasons.items()]
    return _all_well({"parts": parts, "urls": urls, "editions": editions}, odd)


def _all_well(told: Found, odd: Sequence[str]) -> Found:
    """What was told; people are told what is odd. Raises Complaint where something is not as it should be."""
    for sentence in odd:
        out.print(sentence, style="red", markup=False, soft_wrap=True)
    if waiting := [part["name"] for part in told["parts"] if not part["ready"]]:
        raise Complaint(f"not ready: {', '.join(map(str, waiting))}", code=NOT_READY, found=told)
    if odd:
        raise Complaint(" ".join(odd), code=NOT_READY, found=told)
    return told


def _editions(urls: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """By what each service knows each edition, and a sentence for each that they do not know alike."""
    told = of_all((str(name) for name in SERVICES if name in urls), lambda name: editions_of(urls[name]))
    known = {name: said for name, said in told.items() if said}
    every = sorted({id_ for said in known.values() for id_ in said})
    apart = [id_ for id_ in every if len({said.get(id_) for said in known.values()}) > 1]
    words = "The services do not know edition {} alike: all of them need the same LOTSMAN_EDITIONS, as it is now."
    return known, [words.format(id_) for id_ in apart]


def _rows(found: state.State) -> list[tuple[str, str, str, str | None]]:
    ports = Ports(found.base)
    rows: list[tuple[str, str, str, str | None]] = [
        (
            "supervisor",
            str(found.supervisor.pid or ""),
            "",
            _why_not_supervised(found),
        )
    ]
    # Without either, an address was given, or it has not been started.
    names = [one for one in ("mongod", "kafka", *found.urls) if one in found.children or one in found.urls]
    reasons = of_all(names, lambda name: _reason(found, name, found.children.get(name)))
    for name in names:
        child = found.children.get(name)
        port = str(ports[name]) if found.base and name in OFFSETS else ""
        pid = str(child.pid) if child and child.runs() else ""
        rows.append((name, pid, port, reasons[name]))
    return rows


def _why_not_supervised(found: state.State) -> str | None:
    if not found.supervisor.runs():
        return "was killed; ./lotsman down cleans up"
    unseen = supervised.unseen_for(home() / "run")
    if unseen is None or unseen < supervised.STILL:
        return None
    return f"has looked after nothing for {unseen:.0f} s (docs/runbooks/supervisor-gone.md)"


def _reason(found: state.State, name: str, child: state.Child | None) -> str | None:
    if child is None or not child.runs():
        return f"does not run; the last that it said: {last_line(home() / 'logs' / f'{name}.log')}"
    if name in found.urls:
        return why_not_whole(found.urls[name])
    ask = why_no_mongod if name == "mongod" else why_no_kafka
    return ask(Ports(found.base)[name]) if found.base else None


def _print_urls(urls: dict[str, str]) -> None:
    for line in where(urls):
        out.print(line, soft_wrap=True)


def where(urls: Mapping[str, str]) -> Iterator[str]:
    """A line for each address, that of the pages first."""
    if DESK in urls:
        yield f"{'pages':10} {urls[DESK]}"
    yield from (f"{name:10} {url}   (docs: {url}/docs)" for name, url in urls.items() if name != DESK)


def _wait(stopping: Event) -> None:
    while not stopping.wait(1.0):
        pass


def _detach(ports: Ports, require_kafka: bool) -> dict[str, str]:
    """Starts the same supervisor in a session of its own and waits until it says that all is ready; its addresses."""
    state.take(home()).close()  # else the log of the one that runs would be lost
    log = directory(home() / "logs") / "supervisor.log"
    words = [sys.executable, "-m", "deploy.cli", "up", "--port-base", str(ports.base)]
    with stop_signals() as stopping:
        with opened(log, Kept.read()) as file:
            child = subprocess.Popen(
                [*words, *(["--require-kafka"] if require_kafka else [])],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        urls = _follow(child, log, stopping)
    _print_urls(urls)
    out.print("./lotsman status shows how it is, ./lotsman down stops it.")
    return urls


def _follow(child: "subprocess.Popen[bytes]", log: Path, stopping: Event) -> dict[str, str]:
    """Shows what the supervisor says of its progress, until all is ready: the addresses. Raises Interrupted when
    somebody wants to stop meanwhile, with the supervisor stopped, and Complaint with its last word when it ended."""
    deadline = time.monotonic() + DETACHED_WITHIN
    shown = 0
    while time.monotonic() < deadline or stopping.is_set():
        ended = child.poll() is not None
        lines = _said(log)[shown:]
        # What is no word of progress is a complaint, or leads to it: it is said once, at the end.
        told = [*takewhile(is_progress, lines)]
        shown += len(told)
        for line in told:
            err.print(line, markup=False, soft_wrap=True)
        if ended:
            raise Interrupted if stopping.is_set() else _last_words(child, lines[len(told) :])
        if stopping.is_set():
            child.terminate()  # it hears the first time; how long it takes is its own affair
        elif (found := state.read(home())) and found.supervisor.pid == child.pid and _all_ready(found.urls):
            return found.urls
        time.sleep(0.1)
    raise Complaint(
        f"Not ready after {DETACHED_WITHIN:.0f} s, and still starting; {log} says how far it came, "
        "./lotsman status how it is, ./lotsman down stops it."
    )


def _last_words(child: "subprocess.Popen[bytes]", lines: list[str]) -> Complaint:
    """What a supervisor that ended complains of, and shows what it said before that."""
    for line in lines[:-1]:
        err.print(line, markup=False, soft_wrap=True)
    return Complaint(lines[-1] if lines else f"The supervisor ended without a word ({child.returncode}).")


def _said(log: Path) -> list[str]:
    """The lines of a log that are written to their end; none where there is no log."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _all_ready(urls: dict[str, str]) -> bool:
    return bool(urls) and all(why_not_ready(url) is None for url in urls.values())
