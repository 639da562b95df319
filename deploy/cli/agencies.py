"""agency add, list, show, disable, enable, rotate, follow, quotas, key: the directory of agencies, by the
running intake.

Each verb that changes an entry has Kafka follow it before it returns: topics, users, rights and quotas. What is changed
over HTTP alone the follower carries over (`deploy/follower.py`). A password is made by intake in either case, so that
of two that are made the last one holds.
"""

import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode

import httpx
import typer
from confluent_kafka import KafkaException
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.steps import AgencyEntry, EditionFrom
from contracts.topics import INTAKE, agency_topic, user_of
from deploy import access, provisioning, quotas
from deploy.cli import agency_keys
from deploy.cli.agency_keys import Overlap
from deploy.cli.common import Found, answer_of, every_item, organisation_of, out, reached, running, table
from deploy.cli.reach import ACTOR
from deploy.cli.shown import show_table
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local import secrets as passwords
from deploy.local.home import directory, home, write_private
from deploy.local.ports import Ports
from deploy.local.state import State
from deploy.login import Login
from deploy.service import ask, why
from services.intake.at_kafka import LOST, Follows
from services.intake.domain.agency import Agency

app = typer.Typer()
group = typer.Typer(help="Agencies: their entries, topics, Kafka users, rights and quotas.")
app.add_typer(group, name="agency")
group.add_typer(agency_keys.group, name="key")

T = TypeVar("T")
UNP: Final = "BY-UNP"
Code = Annotated[str, typer.Argument(metavar="CODE", help="The agency's code: 2 to 20 of a-z, 0-9 and hyphen.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it stays in the journal.")]


@group.command()
def add(
    code: Code,
    name: Annotated[str, typer.Option(help="The name of the agency, in its language.")],
    edition: Annotated[str, typer.Option(help="The edition of the rule book that it follows.")],
    since: Annotated[str | None, typer.Option(help="From which day (YYYY-MM-DD); today if left out.")] = None,
    name_ru: Annotated[str | None, typer.Option(help="The name in Russian, where its own is another.")] = None,
    name_be: Annotated[str | None, typer.Option(help="The name in Belarusian.")] = None,
    name_en: Annotated[str | None, typer.Option(help="The name in English.")] = None,
    unp: Annotated[str | None, typer.Option(help="Its УНП; the check digit is checked.")] = None,
    organisation: Annotated[str | None, typer.Option(help="A number of another scheme: SCHEME:NUMBER.")] = None,
    contact_role: Annotated[str | None, typer.Option(help="Who is asked there: an office, never a name.")] = None,
    active_from: Annotated[str | None, typer.Option(help="The first day on which it may publish.")] = None,
    active_to: Annotated[str | None, typer.Option(help="The last day on which it may publish.")] = None,
    events: Annotated[int | None, typer.Option(help="Its own quota: events a minute, at both doors.")] = None,
    megabytes: Annotated[float | None, typer.Option(help="With --events: megabytes a minute, at Kafka too.")] = None,
) -> Found:
    """Enter an agency, with its topics and Kafka user; or change what is named of one that is there."""
    if (events is None) != (megabytes is None):
        raise Complaint("A quota is both: --events and --megabytes.")
    quota = None
    if events is not None and megabytes is not None:
        quota = {"events_a_minute": events, "bytes_a_minute": int(megabytes * 1_000_000)}
    number = f"{UNP}:{unp}" if unp else organisation
    said = {
        "name_ru": name_ru,
        "name_be": name_be,
        "name_en": name_en,
        "organisation": None if number is None else organisation_of(number),
        "contact_role": contact_role,
        "active_from": _day(active_from) if active_from else None,
        "active_to": _day(active_to) if active_to else None,
        "quota": quota,
    }
    _checked(code)
    first = EditionFrom(edition=edition, since=date.fromisoformat(_day(since)) if since else date.today())
    more = {field: value for field, value in said.items() if value is not None}
    if reached().named:
        return _entered_elsewhere(code, name, first, more)
    user, secret_file = add_to(running(), code, name, first, more)
    where = (
        f"in {secret_file}"
        if secret_file
        else f"not here, it was made over HTTP; `agency rotate {code}` makes a new one"
    )
    out.print(f"Kafka user: {user}")
    out.print(f"password:   {where}", soft_wrap=True)
    return {"agency": code, "kafka_user": user, "password_file": secret_file and str(secret_file)}


def _entered_elsewhere(code: str, name: str, edition: EditionFrom, more: Mapping[str, Any]) -> Found:
    """Enters an agency in a system whose follower makes its topics, its Kafka user and its rights."""
    system = reached()
    entry = enter_at(system.url(INTAKE), system.token([Role.ADMIN], sub=ACTOR), code, name, edition, more)
    out.print(f"{code} is entered: Kafka follows within seconds, agency show says whether it has", soft_wrap=True)
    out.print(f"password:   agency rotate {code} makes one", soft_wrap=True)
    return {"agency": entry.code, "kafka_user": user_of(f"agency:{code}"), "password_file": None}


@group.command("list")
def list_() -> Found:
    """Show the directory of agencies."""
    entries = list(_pages())
    rows = table("agency", "name", "number", "editions", "may publish", "topic", "Kafka user", "Kafka")
    for one in entries:
        last = one["editions"][-1]["edition"]
        rows.add_row(
            one["code"],
            escape(one["name"]),
            _number(one),
            last,
            _standing(one),
            one["topic"],
            one["kafka_user"],
            one["kafka"]["state"],
        )
    show_table(rows, "No agency is entered yet: ./lotsman agency add enters one.")
    return {"agencies": [{"agency": one["code"], **one} for one in entries]}


@group.command()
def show(code: Code) -> Found:
    """Show an agency's entry."""
    entry = _entry(code)
    shown = Table("agency", code)
    editions = ", ".join(f"{one['edition']} since {one['since']}" for one in entry["editions"])
    rows = {
        **{field: entry[field] or "" for field in ("name", "name_ru", "name_be", "name_en")},
        "number": _number(entry),
        "contact": entry["contact_role"] or "",
        "editions": editions,
        "may publish": _standing(entry),
        "quota": _quota(code),
        "topic": entry["topic"],
        "Kafka user": entry["kafka_user"],
        "Kafka": _followed(entry["kafka"]),
    }
    for field, value in rows.items():
        shown.add_row(field, escape(value))
    out.print(shown)
    return entry


@group.command()
def disable(code: Code, why_: Why) -> Found:
    """Cut an agency off at both doors at once: HTTP refuses it, its Kafka user may do nothing, and what it has still in
    its topic is refused, with receipts."""
    _switch(code, "disabling", why_)
    out.print(f"{code} is disabled: nothing of it is taken over HTTP or Kafka")
    return {"agency": code, "disabled": True}


@group.command()
def enable(code: Code, why_: Why) -> Found:
    """Let an agency in again that was disabled."""
    _switch(code, "enabling", why_)
    out.print(f"{code} may publish again")
    return {"agency": code, "disabled": False}


@group.command()
def rotate(code: Code, overlap: Overlap = None) -> Found:
    """Give an agency new secrets: a password for its Kafka user, at once (who is connected stays so), and a key in the
    place of each of its keys, which are good beside them for a while. One that is cut off gets them before it is let in
    again."""
    entry = _entry(code)
    user = entry["kafka_user"]
    if reached().named:
        return {"agency": code, "kafka_user": user, **_rotated_elsewhere(code, user, overlap)}
    login, secret_file = admin_login(running().base), _secret_file(code)
    if login.username is not None:
        _give_password(login, code)
        out.print(f"new password of {user}: in {secret_file}", soft_wrap=True)
    return {"agency": code, "kafka_user": user, "password_file": str(secret_file), "keys": _new_keys(code, overlap)}


def _new_keys(code: str, overlap: int | None) -> list[Found]:
    new = [agency_keys.rotated(code, key, overlap) for key in agency_keys.living(code)]
    for one in new:
        out.print(f"in the place of key {one['replaces']}: {one['key']}", soft_wrap=True)
    return new


def _rotated_elsewhere(code: str, user: str, overlap: int | None) -> Found:
    """New secrets in a system whose follower gives Kafka the password, which is shown once: this machine keeps none."""
    made = _told("POST", f"/v1/agencies/{code}/kafka-password").json()
    out.print(f"new password of {user}: {made['password']}", markup=False, soft_wrap=True)
    out.print("It is not shown again; Kafka has it within seconds.")
    return {"password": made["password"], "keys": _new_keys(code, overlap)}


@group.command()
def follow() -> Found:
    """Have Kafka follow the directory now: topics, rights and quotas. The other verbs, `up` and the follower, which
    runs beside the services, do that by themselves."""
    entries = [Agency.model_validate(_told("GET", f"/v1/agencies/{one['code']}").json()) for one in _pages()]
    if refused := _at_kafka(lambda: provisioning.follow_each(admin_login(running().base), entries)):
        raise Complaint("\n".join(refused))
    off = sum(one.disabled is not None for one in entries)
    out.print(f"Kafka is as the directory says: {len(entries)} agencies, {off} of them disabled")
    return {"agencies": len(entries), "disabled": off}


@group.command("quotas")
def quotas_() -> Found:
    """Show how much of the broker each agency may use, and where each number is from."""
    wanted, there = quotas.Quotas(), quotas.found(admin_login(running().base))
    shown = Table("quota", "on the broker", "set", "from")
    rows = [(key, there.get(key), value, wanted.origin(key)) for key, value in wanted.by_key.items()]
    for key, now, value, origin in rows:
        shown.add_row(key, "none" if now is None else f"{now:,.12g}", f"{value:,.12g}" if value else "off", origin)
    out.print(shown)
    return {"quotas": [{"quota": k, "on_broker": now, "set": value, "from": o} for k, now, value, o in rows]}


# ---- at Kafka


def add_to(
    found: State, code: str, name: str, edition: EditionFrom, more: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, Path | None]:
    """An agency with its topics, its Kafka user and its entry, in the system that runs: the user, and the file with its
    password, if that is here. Of an entry that is there only what is said here changes, and a password that Kafka has
    stays, or that it gets in a moment: one that was made over HTTP is the agency's alone. Raises Complaint."""
    login, secret_file = admin_login(found.base), _secret_file(code)
    user = _at_kafka(lambda: access.add_agency(login.admin(), code, None))
    entry = enter(found.urls[INTAKE], code, name, edition, more)
    if login.username is None:
        write_private(secret_file, secrets.token_hex(24) + "\n")  # nobody asks for it
    elif not _at_kafka(lambda: access.is_known(login.admin(), user)) and not _waits(code):
        _give_password(login, code)
    _at_kafka(lambda: provisioning.follow(login, [entry]))
    return user, secret_file if secret_file.exists() else None


def _waits(code: str) -> bool:
    """Whether a password was made that Kafka does not have yet: somebody was told it."""
    kafka = _told("GET", f"/v1/agencies/{code}").json()["kafka"]
    return kafka["state"] == Follows.WAITING and kafka["password_made"] is not None and kafka["why"] != LOST


def _give_password(login: Login, code: str) -> None:
    """Has intake make a password, keeps it in its file, and gives it to Kafka at once. The follower gives Kafka the
    same once more, also where Kafka is away now: so the file is first. Raises Complaint."""
    made = _told("POST", f"/v1/agencies/{code}/kafka-password").json()
    write_private(_secret_file(code), made["password"] + "\n")
    _at_kafka(lambda: access.set_password(login.admin(), made["kafka"]["user"], made["password"]))


def admin_login(base: int) -> Login:
    """How the administrator reaches the broker of the running system."""
    env = os.environ
    if env.get("LOTSMAN_KAFKA_URL"):
        user, password = env.get("LOTSMAN_KAFKA_USERNAME"), env.get("LOTSMAN_KAFKA_PASSWORD")
        return Login(env["LOTSMAN_KAFKA_URL"], user, password)
    address = f"127.0.0.1:{Ports(base)['kafka']}"
    if not Path(home() / "kafka.properties").exists():
        return Login(address)
    return Login(address, "admin", passwords.load(home())["kafka-admin"])


def _at_kafka(step: Callable[[], T]) -> T:
    try:
        return step()
    except KafkaException as error:
        raise Complaint(f"Kafka refused the agency: {error.args[0].str()}.") from error


def secret_file_of(folder: Path, code: str) -> Path:
    """Where the password of an agency's Kafka user is kept, in the folder of a system."""
    return directory(folder / "agencies") / f"{code}.password"


def _secret_file(code: str) -> Path:
    return secret_file_of(home(), code)


# ---- at intake


def enter(url: str, code: str, name: str, edition: EditionFrom, more: Mapping[str, Any]) -> Agency:
    """Enters the agency at the running intake, or adds the edition to its entry; the entry. Raises Complaint."""
    return enter_at(url, keys.token(home(), [Role.ADMIN], sub=ACTOR), code, name, edition, more)


def enter_at(
    url: str,
    token: str,
    code: str,
    name: str,
    edition: EditionFrom,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Agency:
    """The same at any intake, with an administrator's token. Raises Complaint."""
    path = f"{url}/v1/agencies/{code}"
    there = ask(INTAKE, "GET", path, token)
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    editions, known = [edition.model_dump(mode="json")], {}
    if there.status_code == 200:
        headers["If-Match"] = there.headers["ETag"]
        known = {field: value for field, value in there.json().items() if field in AgencyEntry.model_fields}
        editions += [one for one in known["editions"] if one["since"] != editions[0]["since"]]
    body = {**known, "name": name, "editions": editions, **more}
    answer = ask(INTAKE, "PUT", path, token, headers=headers, body=body)
    if answer.is_error:
        raise Complaint(f"Intake refused the agency ({answer.status_code}): {why(answer)}")
    return Agency.model_validate(ask(INTAKE, "GET", path, token).json())


def _switch(code: str, how: str, reason: str) -> None:
    """Has an agency cut off or let in, first at intake and then at Kafka; what is so already stays so."""
    entry = _entry(code)
    _told("POST", f"/v1/agencies/{code}/{how}", {"why": reason}, entry["etag"] if how == "enabling" else None)
    if reached().named:
        return  # its follower has Kafka follow
    changed = Agency.model_validate(_told("GET", f"/v1/agencies/{code}").json())
    _at_kafka(lambda: provisioning.follow(admin_login(running().base), [changed]))


def _entry(code: str) -> Found:
    """An agency's entry with its ETag, and what it is called at Kafka. Raises Complaint."""
    _checked(code)
    answer = _told("GET", f"/v1/agencies/{code}")
    return {**answer.json(), **_named(code), "etag": answer.headers["ETag"]}


def _pages() -> Iterator[Found]:
    items = every_item(lambda more: _told("GET", f"/v1/agencies?{urlencode({'limit': 200, **more})}").json())
    return ({**one, **_named(one["code"])} for one in items)


def _named(code: str) -> dict[str, str]:
    return {"topic": agency_topic(code).name, "kafka_user": user_of(f"agency:{code}")}


def _told(method: str, path: str, body: Mapping[str, Any] | None = None, etag: str | None = None) -> httpx.Response:
    """What the running intake answers to an administrator. Raises Complaint with all that is wrong."""
    return answer_of(Role.ADMIN, INTAKE, method, path, body, headers={"If-Match": etag} if etag else None)


# ---- words


def _quota(code: str) -> str:
    """What an agency may have of the door in a minute, and whether its entry says so. Raises Complaint."""
    said = _told("GET", f"/v1/agencies/{code}/quota").json()
    if said["events_a_minute"] is None:
        return "no bound"
    whose = "its own" if said["own"] else "what all have"
    return f"{said['events_a_minute']:,} events, {said['bytes_a_minute']:,} bytes a minute: {whose}"


def _checked(code: str) -> None:
    try:
        agency_topic(code)
    except ValueError as error:
        raise Complaint(f"{error}.") from error


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Complaint(f"{error}.") from error


def _number(entry: Found) -> str:
    number = entry["organisation"]
    return f"{number['scheme']}:{number['value']}" if number else ""


def _followed(kafka: Found) -> str:
    """How an agency stands at Kafka, in words."""
    since = f" since {kafka['since']}" if kafka["since"] else ""
    return f"{kafka['state']}{since}" + (f": {kafka['why']}" if kafka["why"] else "")


def _standing(entry: Found) -> str:
    if entry["disabled"]:
        return f"disabled since {entry['disabled']}"
    days = [f"{word} {day}" for word, day in (("from", entry["active_from"]), ("to", entry["active_to"])) if day]
    return " ".join(days) or "yes"
