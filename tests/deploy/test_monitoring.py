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

from contracts.topics import DESK, SERVICES, agency_topic, fact_topic
from deploy.local.health import WHOLE
from deploy.local.home import ROOT
from deploy.top import rows
from services.chassis import arrival, balance, ends, messaging, pulse, supervised, telemetry, timed, watching
from services.chassis.figures import HTTP, TO_REGISTER, Answers, Labels, Since
from services.chassis.hooks import delivering
from services.chassis.parking import BROKEN, WAITING

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


# ---- what a query asks of each metric

SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^{}]*)\}")
MATCHER: Final = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")
BY: Final = re.compile(r"\bby \(([^)]*)\)\s*\(")
PROCESSES: Final = frozenset({*SERVICES, DESK, "follower", "mail"})
JOBS: Final = frozenset(
    job["job_name"]
    for job in yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text())["scrape_configs"]
)
STATUSES: Final = frozenset({WAITING, BROKEN})
CHECKS: Final = WHOLE | {"mongo", "journal"}
"""What `/health/ready` tells of: that of the services, the mail and the follower."""
BOUNDED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("lotsman_ready", "check"): CHECKS,
    ("lotsman_parked", "status"): STATUSES,
    ("lotsman_parked_oldest_seconds", "status"): STATUSES,
    ("lotsman_terms", "state"): frozenset({"running", "nearing", "breached", "suspended"}),
    ("lotsman_balance_events", "part"): frozenset(balance.PARTS),
    ("lotsman_flow_records", "part"): frozenset(balance.FLOW_PARTS),
    ("lotsman_own_facts", "part"): frozenset(balance.OWN_PARTS),
    ("lotsman_submissions_total", "outcome"): frozenset(
        {"received", "registered", "refused", "duplicate", "conflict", "parked", "given-back"}
    ),
    **{(f"{HTTP}_{end}", "http_route"): frozenset({"/metrics", "/v1/pilots"}) for end in ("count", "bucket", "sum")},
    **{
        (f"{HTTP}_{end}", "http_response_status_code"): frozenset({"200", "201", "404", "429", "500", "503"})
        for end in ("count", "bucket", "sum")
    },
    (f"{HTTP}_bucket", "le"): frozenset({*map(str, telemetry.HTTP_BOUNDS), "+Inf"}),
    ("lotsman_lag_records", "topic"): frozenset({fact_topic("intake"), agency_topic("primer").name}),
}
"""What a label of a metric may say, where that is bounded; of routes, statuses and topics some that there are."""


def labels_of(metric: str, known: Mapping[str, set[str]]) -> set[str]:
    """The labels that the samples of a name have, those of Prometheus with them."""
    if metric in {rule.get("record") for rule in RULES}:
        return {"service"}
    own = known.get(metric, set())
    return own | {"service", "job", "instance"} | ({"le"} if metric.endswith("_bucket") else set())


def inside(query: str, begin: int) -> str:
    """What stands in the brackets that are opened just before `begin`."""
    depth, end = 1, begin
    while depth:
        depth += {"(": 1, ")": -1}.get(query[end], 0)
        end += 1
    return query[begin : end - 1]


def wrong_with(query: str) -> Iterator[str]:
    """What a query asks for that no sample can ever have."""
    known = metrics()
    for metric, matchers in SELECTOR.findall(query):
        for label, how, value in MATCHER.findall(matchers):
            if label not in labels_of(metric, known):
                yield f"{metric} has no label {label}"
            there = {"job": JOBS, "service": PROCESSES}.get(label) or BOUNDED.get((metric, label))
            if there is None:
                yield f"what {label} of {metric} may say is not known here: BOUNDED has to say it"
                continue
            asked = re.split(r"\|", value) if how in ("=~", "!~") else [value]
            for one in asked:
                if not any(re.fullmatch(one if "~" in how else re.escape(one), some) for some in there):
                    yield f"{label} of {metric} is never {one}"
    for found in BY.finditer(query):
        for metric in set(METRIC.findall(inside(query, found.end()))):
            for label in map(str.strip, found[1].split(",")):
                if label not in labels_of(metric, known):
                    yield f"{metric} has no label {label} to be summed by"


@pytest.mark.parametrize("place", queries())
def test_a_query_asks_for_metrics_labels_and_values_that_there_are(place: str) -> None:
    query, known = queries()[place], metrics()
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    named = set(METRIC.findall(query))
    assert named, "it asks for something"
    assert named - recorded - OF_PROMETHEUS - OF_A_PROCESS <= known.keys(), query
    assert not [*wrong_with(query)], query


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ('lotsman_ready{check="kafak"} == 0', ["check of lotsman_ready is never kafak"]),
        ('lotsman_ready{check=~"mongo|jurnal"}', ["check of lotsman_ready is never jurnal"]),
        ('lotsman_terms{status="breached"}', ["lotsman_terms has no label status"]),
        ('rate(http_server_request_duration_seconds_bucket{le="1"}[5m])', [f"le of {HTTP}_bucket is never 1"]),
        ("sum by (agency) (lotsman_lag_records)", ["lotsman_lag_records has no label agency to be summed by"]),
        ("sum by (le) (rate(lotsman_stage_seconds_count[5m]))", ["lotsman_stage_seconds_count has no label le to be"]),
        ('lotsman_flow_records{part="parked"} + lotsman_balance_events{part="parkd"}', ["is never parkd"]),
        ('up{job="lotsmans"}', ["job of up is never lotsmans"]),
        ('lotsman_mails_total{outcome="given-up"}', ["what outcome of lotsman_mails_total may say is not known here"]),
        ('lotsman_lag_records{topic=~"pilots[.]agency[.].*"}', []),
    ],
)
def test_a_query_for_what_can_never_be_is_found(query: str, wrong: list[str]) -> None:
    found = [*wrong_with(query)]
    assert len(found) >= len(wrong) and all(any(one in some for some in found) for one in wrong), found
    assert found if wrong else not found


@pytest.mark.parametrize("alert", ALERTS)
def test_what_an_alert_says_of_itself_names_labels_that_it_has(alert: str) -> None:
    rule, known = ALERTS[alert], metrics()
    said = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    query = str(rule["expr"])
    has = set().union(*(labels_of(metric, known) for metric in METRIC.findall(query)))
    if query.startswith("sum by ("):
        has = {one.strip() for one in query[len("sum by (") : query.index(")")].split(",")}
    assert said <= has, (said, has)


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
    heading, _, _ = page.read_text("utf-8").partition("\n")
    assert alert in heading.removeprefix("# ").split(", ")
    assert rule["labels"]["severity"] in ("page", "ticket")
    tested = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    asked = [one for group in tested for one in group["alert_rule_test"] if one["alertname"] == alert]
    assert {bool(one["exp_alerts"]) for one in asked} == {True, False}, "once it fires, and once it does not"


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
