"""hook add, list, show, deliveries, again, recover, secret, on, off, remove, notices: webhooks of the running system.

Each acts for one agency at intake, or, with --register, for another system at the register, as its own token would;
there `agency:CODE` names the hooks that an agency's keys registered.
"""

from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.topics import INTAKE, REGISTRY
from deploy.cli.common import Found, answer_of, every_item, out, table, when
from deploy.cli.shown import show_table
from deploy.complaint import Complaint
from services.chassis.hooks.rows import State

app = typer.Typer()
group = typer.Typer(help="Webhooks: where receipts, or the register's changes, are sent, and what came of it.")
app.add_typer(group, name="hook")

PAGE: Final = 200
Owner = Annotated[
    str, typer.Argument(metavar="OWNER", help="The agency's code; with --register, the other system, or agency:CODE.")
]
Hook = Annotated[str, typer.Argument(metavar="HOOK", help="The hook's id.")]
Delivery = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's `webhook-id`.")]
Register = Annotated[bool, typer.Option("--register", help="At the register: its changes, for another system.")]


@group.command()
def add(
    owner: Owner,
    address: Annotated[str, typer.Argument(help="Where to send: https, or this machine where that is allowed.")],
    note: Annotated[str | None, typer.Option(help="What the hook is called by those who look after it.")] = None,
    register: Register = False,
) -> Found:
    """Register an address. Its secret is shown now and never again."""
    said = {"address": address, **({"note": note} if note else {})}
    told = _told(owner, register, "POST", "", said)
    out.print(f"hook:   {told['id']}\nsecret: {told['secret']}", soft_wrap=True)
    return told


@group.command("list")
def list_(owner: Owner, register: Register = False) -> Found:
    """Show the hooks of an agency or system, and why one is off."""
    items = _all(owner, register, "")
    rows = table("id", "address", "since (UTC)", "failing since", "off")
    for one in items:
        off = one["off"]["en"] if one["off"] else ""
        rows.add_row(one["id"], escape(one["address"]), when(one["since"]), when(one["failing_since"]), escape(off))
    show_table(rows)
    return {"owner": owner, "hooks": items}


@group.command()
def show(
    owner: Owner,
    hook: Hook,
    message: Annotated[str | None, typer.Argument(metavar="[MESSAGE]", help="One message of it.")] = None,
    register: Register = False,
) -> Found:
    """Show a hook, or a message to it with every attempt: its status and the first of the answer."""
    if message is None:
        told = _told(owner, register, "GET", f"/{_part(hook)}")
        rows = Table("hook", hook)
        for name in ("address", "note", "since", "failing_since", "signing"):
            rows.add_row(name.replace("_", " "), escape(str(told[name] or "")))
        rows.add_row("off", escape(told["off"]["en"]) if told["off"] else "")
    else:
        told = _told(owner, register, "GET", f"/{_part(hook)}/deliveries/{_part(message)}")
        rows = Table("at", "status", "answer", "ms")
        for one in told["attempts"]:
            status = str(one["status"] or one["why"])
            rows.add_row(one["at"], status, escape(one["answer"]), str(one["milliseconds"]))
    show_table(rows)
    return told


@group.command()
def deliveries(
    owner: Owner,
    hook: Hook,
    state: Annotated[State | None, typer.Option(help="Only those that stand so.")] = None,
    most: Annotated[int, typer.Option(min=1, max=PAGE, help="So many, the newest first.")] = 50,
    register: Register = False,
) -> Found:
    """Show what was sent to a hook or is to be, the newest first, each with its last attempt."""
    asked = f"?limit={most}" + (f"&state={state}" if state else "")
    items = _told(owner, register, "GET", f"/{_part(hook)}/deliveries{asked}")["items"]
    rows = table("message", "happened (UTC)", "pilot", "state", "tries", "last", "next")
    for one in items:
        last = str(one["last"]["status"] or one["last"]["why"]) if one["last"] else ""
        row = (one["id"], when(one["at"]), one["pilot"], one["state"], str(one["tries"]), last, when(one["next_at"]))
        rows.add_row(*map(escape, row))
    show_table(rows)
    return {"hook": hook, "deliveries": items}


@group.command()
def again(owner: Owner, hook: Hook, message: Delivery, register: Register = False) -> Found:
    """Send a message again, under the id that it has."""
    return _counted(_told(owner, register, "POST", f"/{_part(hook)}/deliveries/{_part(message)}/again"))


@group.command()
def recover(
    owner: Owner,
    hook: Hook,
    since: Annotated[str, typer.Option(help="From which moment on (ISO 8601, with its zone).")],
    until: Annotated[str | None, typer.Option(help="Up to before which moment; now if left out.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also what was taken.")] = False,
    register: Register = False,
) -> Found:
    """Send again what was given up of a time, and what happened before the hook was registered."""
    said = {"since": _moment(since), "all": all_, **({"until": _moment(until)} if until else {})}
    return _counted(_told(owner, register, "POST", f"/{_part(hook)}/recovery", said))


@group.command()
def secret(owner: Owner, hook: Hook, register: Register = False) -> Found:
    """Give a hook a new secret, shown now and never again; the one before signs beside it for a while."""
    told = _told(owner, register, "POST", f"/{_part(hook)}/secret")
    out.print(f"secret: {told['secret']}\nThe one before signs beside it until {told['before_until']}.", soft_wrap=True)
    return told


@group.command()
def on(owner: Owner, hook: Hook, register: Register = False) -> Found:
    """Switch a hook on again: what waited goes, in order."""
    told = _told(owner, register, "POST", f"/{_part(hook)}/on")
    out.print(f"{hook} is on")
    return told


@group.command()
def off(owner: Owner, hook: Hook, register: Register = False) -> Found:
    """Switch a hook off: what is told meanwhile waits for it."""
    told = _told(owner, register, "POST", f"/{_part(hook)}/off")
    out.print(f"{hook} is off")
    return told


@group.command()
def remove(owner: Owner, hook: Hook, register: Register = False) -> Found:
    """Remove a hook with its secrets and all of its messages."""
    _told(owner, register, "DELETE", f"/{_part(hook)}")
    out.print(f"{hook} is removed")
    return {"hook": hook, "removed": True}


@group.command()
def notices(owner: Owner, register: Register = False) -> Found:
    """Show which hooks were switched off, when and why, the latest first."""
    items = _all(owner, register, "/notices")
    rows = table("hook", "at (UTC)", "notice")
    for one in items:
        rows.add_row(one["hook"], when(one["at"]), escape(one["en"]))
    show_table(rows)
    return {"owner": owner, "notices": items}


def _told(owner: str, register: bool, method: str, path: str, body: dict[str, Any] | None = None) -> Found:
    """What the service answers to the owner of hooks. Raises Complaint with all that is wrong."""
    service, role = (REGISTRY, Role.SUBSCRIBER) if register else (INTAKE, Role.PUBLISHER)
    answer = answer_of(role, service, method, f"/v1/hooks{path}", body, org=owner)
    return dict(answer.json()) if answer.content else {}


def _all(owner: str, register: bool, path: str) -> list[Any]:
    return [*every_item(lambda more: _told(owner, register, "GET", f"{path}?{urlencode({'limit': PAGE, **more})}"))]


def _counted(told: Found) -> Found:
    more = f"; there is more from {told['next']} on" if told["next"] else ""
    out.print(f"{told['messages']} messages are sent{more}")
    return told


def _moment(text: str) -> str:
    """A moment as it is sent. Raises Complaint for what is none, or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Complaint(f"{error}.") from error
    if moment.tzinfo is None:
        raise Complaint(f"{text} needs a zone, as 2026-03-02T09:00:00+03:00 has.")
    return moment.isoformat()


def _part(text: str) -> str:
    return quote(text, safe="")
