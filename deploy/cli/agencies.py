"""agency add, agency list, agency quotas."""

import os
import secrets
import uuid
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.table import Table

from contracts.reference import Role
from contracts.steps import EditionFrom
from contracts.topics import INTAKE, agency_of, agency_topic
from deploy import access, quotas, topics
from deploy.cli.common import Found, out, running
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local import secrets as passwords
from deploy.local.home import directory, home, write_private
from deploy.local.ports import Ports
from deploy.local.state import State
from deploy.login import Login
from deploy.service import ask, why

app = typer.Typer()
group = typer.Typer(help="Agencies: their topics, Kafka users and entries in intake.")
app.add_typer(group, name="agency")


@group.command()
def add(
    code: str,
    name: Annotated[str, typer.Option(help="The name of the agency, in its language.")],
    edition: Annotated[str, typer.Option(help="The edition of the rule book that it follows.")],
    since: Annotated[str | None, typer.Option(help="From which day (YYYY-MM-DD); today if left out.")] = None,
) -> Found:
    """Create an agency's topics and Kafka user, and enter it at intake."""
    try:
        agency_topic(code)
        first_day = date.fromisoformat(since) if since else date.today()
    except ValueError as error:
        raise Complaint(f"{error}.") from error
    user, secret_file = add_to(running(), code, name, EditionFrom(edition=edition, since=first_day))
    out.print(f"Kafka user: {user}")
    out.print(f"password:   in {secret_file}", soft_wrap=True)
    return {"agency": code, "kafka_user": user, "password_file": str(secret_file)}


def add_to(found: State, code: str, name: str, edition: EditionFrom) -> tuple[str, Path]:
    """An agency with its topics, its Kafka user and its entry, in the system that runs: the user, and the file with its
    password. Raises Complaint."""
    login = admin_login(found.base)
    secret_file = directory(home() / "agencies") / f"{code}.password"
    password = secret_file.read_text().strip() if secret_file.exists() else secrets.token_hex(24)
    try:
        user = access.add_agency(login.admin(), code, password if login.username else None)
    except KafkaException as error:
        raise Complaint(f"Kafka refused the agency: {error.args[0].str()}.") from error
    write_private(secret_file, password + "\n")
    enter(found.urls[INTAKE], code, name, edition)
    return user, secret_file


@group.command("list")
def list_() -> Found:
    """Show the agencies that have a topic."""
    found = running()
    known = topics.existing(admin_login(found.base).admin())
    table = Table("agency", "topic", "Kafka user")
    rows = [(code, topic, access.user_of(f"agency:{code}")) for topic in sorted(known) if (code := agency_of(topic))]
    for row in rows:
        table.add_row(*row)
    out.print(table)
    return {"agencies": [{"agency": code, "topic": topic, "kafka_user": user} for code, topic, user in rows]}


@group.command("quotas")
def quotas_() -> Found:
    """Show how much of the broker each agency may use, and where each number is from."""
    wanted, there = quotas.Quotas(), quotas.found(admin_login(running().base))
    table = Table("quota", "on the broker", "set", "from")
    rows = [(key, there.get(key), value, wanted.origin(key)) for key, value in wanted.by_key.items()]
    for key, now, value, origin in rows:
        table.add_row(key, "none" if now is None else f"{now:g}", f"{value:g}" if value else "off", origin)
    out.print(table)
    return {"quotas": [{"quota": k, "on_broker": now, "set": value, "from": o} for k, now, value, o in rows]}


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


def enter(url: str, code: str, name: str, edition: EditionFrom) -> None:
    """Enters the agency at the running intake, or adds the edition to its entry. Raises Complaint."""
    enter_at(url, keys.token(home(), [Role.ADMIN]), code, name, edition)


def enter_at(url: str, token: str, code: str, name: str, edition: EditionFrom) -> None:
    """The same at any intake, with an administrator's token. Raises Complaint."""
    path = f"{url}/v1/agencies/{code}"
    there = ask(INTAKE, "GET", path, token)
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    editions = [edition.model_dump(mode="json")]
    if there.status_code == 200:
        headers["If-Match"] = there.headers["ETag"]
        since = editions[0]["since"]
        editions += [one for one in there.json().get("editions", []) if one["since"] != since]
    answer = ask(INTAKE, "PUT", path, token, headers=headers, body={"name": name, "editions": editions})
    if answer.is_error:
        raise Complaint(f"Intake refused the agency ({answer.status_code}): {why(answer)}")
