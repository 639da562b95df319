"""Mail is off by default: `up` and docker-compose start its process only when they are told to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cli import run
from deploy.cli.__main__ import main
from deploy.complaint import Complaint
from deploy.local import state
from deploy.local.backends import Backends
from deploy.local.home import ROOT
from deploy.local.stack import MAIL, Stack, commands
from services.chassis.settings import Settings
from services.expertise.mail.queue import MailSettings

PART: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][MAIL]


@pytest.mark.parametrize(("url", "there"), [(None, False), ("", False), ("smtp://127.0.0.1:2525", True)])
def test_up_starts_mail_only_when_a_server_is_named(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, there: bool
) -> None:
    asked = list[set[str]]()

    def stack(*_words: object, services: dict[str, list[str]], **_more: object) -> None:
        asked.append(set(services))
        raise Complaint("enough")

    monkeypatch.delenv("LOTSMAN_SMTP_URL", raising=False)
    if url is not None:
        monkeypatch.setenv("LOTSMAN_SMTP_URL", url)
    monkeypatch.setattr(run, "Stack", stack)
    assert main(["up"]) == 1
    assert asked == [{"desk", "follower", "intake", "expertise", "registry", *([MAIL] if there else [])}]


def test_mail_works_on_the_database_of_expertise_at_a_port_of_its_own(given: Backends, tmp_path: Path) -> None:
    stack = Stack(tmp_path, services=commands(mail=True))
    mail, expertise = stack.service_env(MAIL), stack.service_env("expertise")
    assert mail["LOTSMAN_DATABASE"] == expertise["LOTSMAN_DATABASE"] == "lotsman_expertise"
    assert mail["LOTSMAN_MONGO_URL"] == expertise["LOTSMAN_MONGO_URL"]
    assert mail["LOTSMAN_HTTP_PORT"] != expertise["LOTSMAN_HTTP_PORT"]


def test_the_real_process_is_ready_is_supervised_and_stops(
    given: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSMAN_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("LOTSMAN_SMTP_FROM", "lotsman@example.org")
    with Stack(tmp_path, services={MAIL: commands(mail=True)[MAIL]}) as stack:
        found = state.read(tmp_path)
        assert found is not None and found.children.keys() == {MAIL}
        process = stack.services[MAIL]
    assert process.exit_code == 0


def test_it_is_stopped_before_the_back_ends() -> None:
    assert state.ORDER.index(MAIL) < state.ORDER.index("mongod")


def test_compose_has_it_under_a_profile_of_its_own() -> None:
    assert PART["profiles"] == [MAIL]
    assert PART["command"] == ["python3", "-m", "services.expertise.mail"]
    assert PART["restart"] == "on-failure", "without a server it ends, and must not be started again and again"
    names = {name.removeprefix("LOTSMAN_").lower() for name in PART["environment"]}
    assert names <= Settings.model_fields.keys() | MailSettings.model_fields.keys()
    assert names >= {"smtp_url", "smtp_from"}
