"""What the verbs share: output, the directory and ports they speak of, how they end on a signal, and `--json`.

A verb returns what it found or did as a dict (`Found`), and complains by `Complaint`, which may carry one as well.
That is all a verb knows of `--json`: what it says to people goes to stderr then, and the last line on stdout is the
dict as one JSON object, with `error` in it where the exit status is not 0.
"""

import json
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, Final, TypeVar

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from contracts.reference import Role
from deploy.cli import reach
from deploy.cli.reach import ACTOR, System
from deploy.complaint import Complaint
from deploy.local import keys, state
from deploy.local.home import home
from deploy.progress import Say
from deploy.service import TIMEOUT, ask, why

T = TypeVar("T")
Found = dict[str, Any]
"""What a verb found or did, as a program is told it; made of what JSON has."""
JSON: Final = "--json"
JSON_HELP: Final = "The result as one JSON object, the last line on stdout; words for people go to stderr."
STDERR: Final = 2
BASE: Final = 8100
DEMO_BASE: Final = 8200
PROGRESS: Final = re.compile(r" *\d+\.\d s  ")
"""How a line of progress begins."""
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

out: Final = Console(highlight=False)
"""Results."""
err: Final = Console(stderr=True, highlight=False)
"""Progress and complaints."""


def progress() -> Say:
    """Something to say each step with, marked with the seconds since the start. What nobody can be told keeps nothing
    from being done: a full disk under a log, a terminal that is gone."""
    began = time.monotonic()

    def say(text: str) -> None:
        with suppress(OSError):
            err.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {escape(text)}", soft_wrap=True)

    return say


def is_progress(line: str) -> bool:
    """Whether a line was said by `progress`."""
    return PROGRESS.match(line) is not None


def port_base(given: int | None, default: int = BASE) -> int:
    """The base from the option, LOTSMAN_PORT_BASE or the default. Raises Complaint."""
    raw = str(given) if given is not None else os.environ.get("LOTSMAN_PORT_BASE") or str(default)
    if not raw.isdigit() or not 1024 <= int(raw) <= 65_000:
        raise Complaint(f"The port base must be a number from 1024 to 65000, not {raw!r}.")
    return int(raw)


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; nothing is cut off in the middle."""
    stopping = Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()

    before = {sign: signal.signal(sign, on_signal) for sign in SIGNALS}
    try:
        yield stopping
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def signals_interrupt(stopping: Event) -> Iterator[None]:
    """Inside, the same signals raise KeyboardInterrupt at once: for work that starts no process."""

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            raise KeyboardInterrupt

    before = {sign: signal.signal(sign, on_signal) for sign in SIGNALS}
    try:
        if stopping.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def running(folder: Path | None = None) -> state.State:
    """The state of the system that `up` started. Raises Complaint when nothing runs."""
    found = state.read(folder or home())
    if found is None or not found.supervisor.runs():
        raise Complaint("Nothing runs here; ./lotsman up starts it.")
    return found


def reached() -> System:
    """The system that a verb speaks to: another one that is named, else the one that `up` started. Raises Complaint."""
    other = reach.named()
    return System(running().urls, partial(keys.token, home())) if other is None else other


def asked(
    role: Role,
    service: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    who: str = ACTOR,
    *,
    within: float = TIMEOUT,
) -> Any:
    """What a running service answers to somebody in a role; None where it says nothing. Raises Complaint with all that
    is wrong, also where no answer comes within so many seconds."""
    answer = answer_of(role, service, method, path, body, who, within=within)
    return answer.json() if answer.content else None


def answer_of(
    role: Role,
    service: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    who: str = ACTOR,
    *,
    within: float = TIMEOUT,
    org: str | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    fine: int | None = None,
) -> httpx.Response:
    """The same, whole, and that of a refusal which is `fine`. `org`: for whom it is asked."""
    system = reached()
    url = system.url(service)  # where nothing runs, no key is made to ask it with
    key = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
    token = system.token([role], org=org, sub=who)
    sent = {**key, **(headers or {})}
    more = {} if params is None else {"params": params}
    answer = ask(service, method, f"{url}{path}", token, headers=sent, body=body, timeout=within, **more)
    if system.named and not _of_a_service(answer):
        raise Complaint(f"What answers at {url} ({answer.status_code}) is not {service}: is that its address?")
    if answer.is_error and answer.status_code != fine:
        raise Complaint(
            f"{service.capitalize()} refused this ({answer.status_code}): {why(answer)}{_of(system, token, answer)}"
        )
    return answer


def _of_a_service(answer: httpx.Response) -> bool:
    """Whether an answer has the form of one of ours: JSON, or nothing."""
    if answer.is_redirect:
        return False
    try:
        return not answer.content or isinstance(answer.json(), dict)
    except ValueError:
        return False


def _of(system: System, token: str, answer: httpx.Response) -> str:
    """What is to be said of the token by which another system let nobody in."""
    if not system.named or answer.status_code not in (401, 403):
        return ""
    end = reach.ended(token) if answer.status_code == 401 else ""
    return f" {system.whose} was sent{f'; {end}' if end else ''}."


def of_all(names: Iterable[str], ask: Callable[[str], T]) -> dict[str, T]:
    """What each of these answers, asked side by side: one that hangs keeps nobody from what the others tell."""
    every = [*names]
    with ThreadPoolExecutor(max(1, len(every))) as pool:
        return dict(zip(every, pool.map(ask, every), strict=True))


def organisation_of(text: str) -> dict[str, str]:
    """An organisation's number as it is entered, said as SCHEME:NUMBER. Raises Complaint."""
    scheme, colon, value = text.partition(":")
    if not (scheme and colon and value):
        raise Complaint(f"An organisation is SCHEME:NUMBER, as BY-UNP:790000029, not {text!r}.")
    return {"scheme": scheme, "value": value}


def table(key: str, *others: str) -> Table:
    """A table whose first column is what is typed again by hand, such as an id: on a narrow terminal it stays whole,
    and what has no room beside it is folded, not cut short."""
    return Table(Column(key, no_wrap=True), *(Column(name, overflow="fold") for name in others))


def when(moment: str | None) -> str:
    """A moment as people are shown it: to the second, in UTC; nothing where there is none."""
    return (moment or "")[:19].replace("T", " ")


# ---- for programs


def for_program(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON. What follows a bare `--` is not ours."""
    return JSON in list(words)[: [*words, "--"].index("--")]


def answered(run: Callable[[], tuple[int, Found]], *, as_json: bool) -> int:
    """Runs a verb and, for a program, says what came of it, whatever that is; the exit status."""
    if not as_json:
        return run()[0]
    found: Found = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # else it would end without its line
    try:
        with redirect_stdout(sys.stderr):
            code, found = run()
        return code
    except BaseException as error:  # a fault of ours: its stack trace goes to stderr, and a program gets one line
        found = {"error": f"{type(error).__name__}: {error}"}
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        print(json.dumps(found, ensure_ascii=False, default=str), flush=True)


def told_to_program() -> bool:
    """Whether what a verb finds is told to a program, and words for people go to stderr."""
    return sys.stdout is sys.stderr


def child_stdout() -> int | None:
    """Where a child process writes what is for people: to this process' stdout, or to stderr beside the JSON."""
    return STDERR if told_to_program() else None


def every_item(ask: Callable[[Mapping[str, str]], Mapping[str, Any]]) -> Iterator[Any]:
    """Every item of a list, page by page: `ask` reads a page, with what its address has to say besides."""
    more = dict[str, str]()
    while True:
        page = ask(more)
        yield from page["items"]
        if page["next"] is None:
            return
        more = {"after": page["next"]}
