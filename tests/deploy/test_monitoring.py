"""Alerts, dashboards, `top`: each asks for metrics that there are; each alert has its page, and a test for promtool."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.local.home import ROOT
from deploy.top import rows
from services.chassis import arrival, balance, ends, messaging, pulse, supervised, telemetry, timed, watching
from services.chassis.figures import HTTP, TO_REGISTER, Answers, Labels, Since
from services.chassis.hooks import delivering

FOLDER: Final = ROOT / "deploy" / "monitoring"
RULES: Final[list[dict[str, Any]]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
ALERTS: Final = {rule["alert"]: rule for rule in RULES if "alert" in rule}
BOARDS: Final = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "dashboards").glob("*.json")}
OF_PROMETHEUS: Final = {"up"}
OF_A_PROCESS: Final = {"process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
METRIC: Final = re.compile(
    r"\b(?:lotsman[a-z_:0-9]*|http_server[a-z_]*|messaging_(?:client|process)_[a-z_]*|process_[a-z_]*|up)\b(?=[\s{\[)]|$)"
)
LABELS: Final = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"|by \(([^)]*)\)")
BY_PROMETHEUS: Final = {"service", "job", "instance", "le"}


def metrics() -> dict[str, set[str]]:
    """The names of all samples that a process gives, with their labels."""
    assert telemetry and messaging and timed and watching and delivering and ends and pulse and balance and supervised
    assert arrival
    found: dict[str, set[str]] = {}
    for one in list(REGISTRY._collector_to_names):
        labels = set(getattr(one, "_labelnames", ()))
        found |= {name: labels for name in REGISTRY._collector_to_names[one]}
    return found


def queries() -> dict[str, str]:
    """Every query of a rule or a panel, by where it stands."""
    asked = {f"rule {rule.get('alert') or rule['record']}": str(rule["expr"]) for rule in RULES}
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                asked[f"{name}: {panel['title']} {target['refId']}"] = target["expr"]
    return asked


@pytest.mark.parametrize("place", queries())
def test_a_query_asks_for_metrics_and_labels_that_there_are(place: str) -> None:
    query, known = queries()[place], metrics()
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    named = set(METRIC.findall(query))
    assert named, "it asks for something"
    assert named - recorded - OF_PROMETHEUS - OF_A_PROCESS <= known.keys(), query
    labels = {
        word.strip() for one, several in LABELS.findall(query) for word in (one, *several.split(",")) if word.strip()
    }
    assert labels - BY_PROMETHEUS <= {label for name in named for label in known.get(name, ())}, query


class Asked(Mapping[str, Mapping[Labels, float]]):
    """Samples of every metric, that note which are asked for, and by which labels."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}

    def __getitem__(self, name: str) -> Mapping[Labels, float]:
        self.names.setdefault(name, set())
        given = {"topic": "t", "state": "running", "version": "1", "le": "+Inf", "http_response_status_code": "500"}
        return {frozenset(given.items()): 1.0}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Listening(Answers):
    """What a service answers, with each question noted."""

    def sum(self, name: str, **labels: str) -> float:
        assert isinstance(self.samples, Asked)
        self.samples.names.setdefault(name, set()).update(labels)
        return Answers.sum(self, name, **labels)

    def by(self, name: str, label: str) -> dict[str, float]:
        assert isinstance(self.samples, Asked)
        self.samples.names.setdefault(name, set()).add(label)
        return Answers.by(self, name, label)


def test_top_asks_for_metrics_and_labels_that_there_are() -> None:
    asked, known = Asked(), metrics()
    found = {"intake": Since(Listening(1.0, asked), Listening(2.0, asked))}
    rows.as_found(found)
    rows.to_register(found)
    assert {"lotsman_inputs_total", "lotsman_terms", f"{HTTP}_count", f"{TO_REGISTER}_bucket"} <= asked.names.keys()
    assert asked.names.keys() - OF_A_PROCESS <= known.keys()
    for name, labels in asked.names.items():
        assert labels - BY_PROMETHEUS <= known.get(name, set()), name


PAGES: Final = [
    *(ROOT / "docs" / "runbooks").glob("*.md"),
    *(ROOT / "services" / "desk" / "pages" / "ops").glob("*.py"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_runbook_and_a_page_for_ops_name_metrics_that_there_are(page: Path) -> None:
    named = set(
        re.findall(
            r"[`\"](?:rate\()?((?:lotsman|http_server|messaging|process)_[a-z_]+[a-z])\b", page.read_text("utf-8")
        )
    )
    assert named - OF_A_PROCESS <= metrics().keys()


def test_there_are_dashboards_of_the_system_the_agencies_and_the_terms() -> None:
    assert BOARDS.keys() == {"system", "agencies", "terms"}
    for board in BOARDS.values():
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_its_page_its_severity_and_a_test(alert: str) -> None:
    rule = ALERTS[alert]
    page = ROOT / rule["annotations"]["runbook"]
    assert page.read_text("utf-8").startswith(f"# {alert}\n")
    assert rule["labels"]["severity"] in ("page", "ticket")
    tested = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    fired = {one["alertname"] for group in tested for one in group["alert_rule_test"] if one["exp_alerts"]}
    assert alert in fired


def test_no_page_is_left_of_an_alert_that_is_gone_and_its_links_lead_somewhere() -> None:
    pages = set((ROOT / "docs" / "runbooks").glob("*.md"))
    assert pages == {ROOT / rule["annotations"]["runbook"] for rule in ALERTS.values()}
    for page in pages:
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).resolve().is_file(), (page.name, link)


def test_prometheus_finds_its_rules_and_every_file_of_compose_is_mounted() -> None:
    given = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text())
    compose = (ROOT / "docker-compose.yml").read_text()
    assert [Path(one).name for one in given["rule_files"]] == ["rules.yml"]
    for path in (*FOLDER.glob("*.yml"), *FOLDER.glob("*/*.*")):
        if path.name != "rules_test.yml":
            assert f"./{path.relative_to(ROOT)}" in compose, path.name


def test_the_alerts_fire_when_they_should_by_promtool() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH (Debian: the package prometheus)")
    done = subprocess.run(
        [promtool, "test", "rules", FOLDER / "rules_test.yml"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
