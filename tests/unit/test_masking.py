"""Of what gets parked, fails or is logged only that is shown which is known to be harmless."""

import hashlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, ValidationError

from contracts.agency import AGENCY, ApplicationSubmittedV2
from contracts.event import BrokenEvent, parse_fact
from contracts.freeze import CLASSES, example
from contracts.intake import INTAKE, ApplicationRegisteredV1
from deploy.local.home import ROOT
from services.chassis import logs, masking, telemetry
from services.chassis.logs import JsonLines
from services.chassis.masking import MASK, masked
from services.chassis.saying import trace_of, why
from services.chassis.settings import Settings
from services.chassis.spans import ATTRIBUTES, HarmlessSpans
from services.expertise.domain import expert, series, team
from services.expertise.service import SERVICE as EXPERTISE_ITSELF
from services.intake.domain import agency, reading
from services.intake.domain.later import UnknownAgency
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE_ITSELF
from services.law import erasing, exporting, handling, skipping
from services.registry.domain import experts
from services.registry.service import SERVICE as REGISTRY_ITSELF
from tests.kit.secret import SECRET, bytes_of, revealed, with_secret

# ---- parked views


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_nothing_of_any_event_shows_that_its_contract_does_not_close(name: str) -> None:
    for where, wrong in with_secret(example(name)):
        shown = json.dumps(masked(bytes_of(wrong)), ensure_ascii=False)
        assert not revealed(shown), where


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_what_helps_whoever_looks_is_shown(name: str) -> None:
    event = example(name)
    shown = masked(bytes_of(event))
    assert isinstance(shown, dict)
    for attribute in ("specversion", "id", "source", "type", "time"):
        assert shown[attribute] == event[attribute]
    assert set(shown["data"]) == set(event["data"]), "names of fields are known"


def test_codes_of_closed_lists_days_and_yes_or_no_are_shown_and_nothing_else() -> None:
    event = example(ApplicationSubmittedV2.TYPE)
    shown: Any = masked(bytes_of(event))
    data, sent = shown["data"], event["data"]
    assert data["planned_start"] == sent["planned_start"]
    assert data["title"] == data["problem"] == MASK
    assert {*data["contact"].values()} == {MASK} and {*data["initiator"]["id"].values()} == {MASK}
    assert {line["amount_minor"] for line in data["costs"]} == {MASK}
    assert MASK not in data, "no name that is not known"
    event["data"]["planned_start"] = "1985-03-02"
    born: Any = masked(bytes_of(event))
    assert born["data"]["planned_start"] == MASK, "a day of before there were pilots may be somebody's birthday"
    event["data"]["colour"] = "red"
    event["colour"] = "red"
    again: Any = masked(bytes_of(event))
    assert (again["data"][MASK], again[MASK]) == (1, 1)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("type", "pilots.agency.ivanov-ivan.v1"),
        ("type", SECRET),
        ("source", "/agencies/Иванов"),
        ("time", "1905-07-05 Иванов"),
        ("time", "1985-03-02"),
        ("subject", "i.ivanov@example.test"),
        ("subject", "Иванов"),
        ("id", "Иванов 1"),
        ("sequence", "12345"),
        ("datacontenttype", "text/plain; name=Ivanov"),
        ("dataschema", "https://example.test/Ivanov"),
        ("traceparent", "Ivanov"),
        ("specversion", "9"),
        ("id", 375000000000),
        ("id", ["a"]),
    ],
)
def test_an_attribute_is_shown_only_in_the_form_that_the_contract_gives_it(attribute: str, value: Any) -> None:
    shown = masked(bytes_of({**example(ApplicationSubmittedV2.TYPE), attribute: value}))
    assert isinstance(shown, dict) and shown[attribute] == MASK


FOREIGN = [
    "375291234567", "80291234567", "29-123-45-67", "tel:375291234567", "tel-375-29-123-45-67", "contact_375291234567",
    "7000001125", "MP1234567", "app-MP1234567", "3010190A001PB5", "ivanov.ivan", "Ivanov_Ivan", "ivanov", "i.obraztsov",
    "obraztsov-1980", "ivan-2", "u-1:ivanov.ivan", "expert:ivanov.ivan", "agency:ivanov-ivan", "person:375291234567",
    "over-kafka", "ivan.petrov|7", "reading:ivanov", "jsample85", "primerchn12", "a.primerchn7",
    "1985-03-12", "12.03.1985", "19850312", "120385", "p-19850312", "app-12-03-1985", "expert:jsample1985",
    "timer:ivanov.ivan:2026-03-02T10:00:00+00:00",
]  # fmt: skip
OURS = [
    "4fe80acb-8a65-586f-8092-50953a736486", "00000000-0000-4000-8000-375291234567", "0" * 32, "7" * 64,
    "reading:4fe80acb-8a65-586f-8092-50953a736486", "expert:e-17", "agency:minzdrav", "series:2026", "u-2001:k-1",
    "app-2026-0099", "demo-1", "2026-000123", "1234", "order-2026-11-26-0042", "app-20261126123456", "op-1",
    "export:0123456789abcdef0123456789abcdef", "pilots.agency.minzdrav.v1/0/375291234567", "agency:mogilev",
    "event17", "e12", "app17", "000123", "report-2026-03", "n-1", "a-b-c-1",
    "4fe80acb-8a65-586f-8092-50953a736486.receipt", "parked:pilots.agency.minzdrav.v1/0/375291234567",
    "timer:4fe80acb-8a65-586f-8092-50953a736486:2026-03-02T10:00:00+00:00",
]  # fmt: skip


@pytest.mark.parametrize("attribute", ["id", "subject", "causationid", "correlationid"])
@pytest.mark.parametrize(("ids", "shown"), [(FOREIGN, False), (OURS, True)], ids=["foreign", "ours"])
def test_an_id_that_may_tell_of_somebody_is_masked_and_ours_are_shown(
    ids: list[str], shown: bool, attribute: str
) -> None:
    for one in ids:
        told: Any = masked(bytes_of({**example(ApplicationSubmittedV2.TYPE), attribute: one}))
        assert (told[attribute] == one) is shown, one
        assert (masking.opaque(one) == one) is shown, one


def made() -> Iterator[str]:
    """Ids as the services make them by themselves, many of each form."""
    for number in range(300):
        whole = hashlib.sha256(str(number).encode()).hexdigest()
        yield from (whole[:16], whole[:32], str(UUID(whole[:32])))


SUBJECTS: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "agency": lambda: map(agency.subject_of, ("minzdrav", "mogilev", "minprom-2")),
    "expert": lambda: [of(one) for of in (expert.subject_of, experts.subject_of) for one in ("u-2001", "e-1")],
    "export": lambda: [exporting.subject_of(one) for one in made() if len(one) == 32],
    "handling": lambda: map(handling.subject_of, made()),
    "person": lambda: map(erasing.subject_of, ("u-2001", "c-17")),
    "pilot": lambda: [pilot_id("minzdrav", str(number)) for number in range(300)],
    "reading": lambda: [reading.subject_of(pilot_id("minzdrav", str(number))) for number in range(300)],
    "series": lambda: [series.subject_of(code, 2026) for code in ("by", "health", "by-2")],
    "skipping": lambda: [skipping.subject_of(one) for one in made() if len(one) == 32],
    "team": lambda: map(team.subject_of, ("health", "roads-2", "city-transport")),
}
"""Subjects of every kind as the services name them."""


def test_no_subject_of_a_kind_that_a_service_has_is_masked() -> None:
    kinds = {kind for one in (INTAKE_ITSELF, EXPERTISE_ITSELF, REGISTRY_ITSELF) for kind in one.aggregates}
    assert kinds == {*SUBJECTS}, "a new kind names its subjects here"
    for kind, some in SUBJECTS.items():
        assert [one for one in some() if masking.opaque(one) != one] == [], kind


@pytest.mark.parametrize("name", ["team:anna-ivanova", "series:ivan:2026", "handling:anna", "agency:ivanov-ivan"])
def test_a_kind_of_ours_makes_no_name_an_id(name: str) -> None:
    assert masking.opaque(name) == MASK


@pytest.mark.parametrize(("code", "shown"), [("minzdrav", True), ("mogilev", True), ("ivanov-ivan", False)])
def test_an_agencys_code_is_shown_and_no_persons_name_in_its_place(code: str, shown: bool) -> None:
    source = f"/agencies/{code}"
    told: Any = masked(bytes_of({**example(ApplicationSubmittedV2.TYPE), "source": source}))
    assert (told["source"] == source) is shown


def test_of_a_type_that_is_not_known_or_is_newer_no_data_are_shown() -> None:
    event = example(ApplicationSubmittedV2.TYPE)
    for name in ("pilots.agency.application-submitted.v99", "pilots.agency.unheard-of.v1", None):
        shown = masked(bytes_of({**event, "type": name}))
        assert isinstance(shown, dict) and shown["data"] == MASK


@pytest.mark.parametrize("value", [b"", b"\xff" + SECRET.encode(), SECRET.encode("utf-16"), b"[" * 100_000, b'"x"'])
def test_of_what_is_no_object_only_the_size_is_told(value: bytes) -> None:
    assert masked(value) == f"{len(value)} bytes that are not a JSON object"


def test_a_long_list_is_shown_in_part() -> None:
    event = example(ApplicationSubmittedV2.TYPE)
    event["data"]["costs"] = [{}] * 5000
    shown: Any = masked(bytes_of(event))
    assert len(shown["data"]["costs"]) == masking.MOST_ROWS + 1


# ---- errors


class Form(BaseModel):
    name: int


def failed(call: Any) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError


def raising(error: BaseException) -> Any:
    def call() -> None:
        raise error

    return call


def grouped() -> None:
    raise ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])


def chained() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise RuntimeError(SECRET) from error


def noted() -> None:
    error = ValueError(SECRET)
    error.add_note(SECRET)
    raise error


ERRORS: dict[str, BaseException] = {
    "of a value": failed(raising(ValueError(SECRET))),
    "of a name": failed(raising(KeyError(SECRET))),
    "several": failed(grouped),
    "of another": failed(chained),
    "with a note": failed(noted),
    "of validation": failed(lambda: Form.model_validate({"name": SECRET, SECRET: 1})),
    "of a contract": failed(lambda: AGENCY.read(ApplicationSubmittedV2.TYPE, {"title": SECRET, "costs": [SECRET]})),
    "of an unknown name": failed(
        lambda: AGENCY.read(ApplicationSubmittedV2.TYPE, {SECRET: SECRET, "contact": {SECRET: 1}}, exactly=True)
    ),
    "of JSON": failed(lambda: json.loads("{" + SECRET)),
    "of a letter": failed(lambda: "\ud800".encode()),
    "of a fact": failed(
        lambda: parse_fact(
            bytes_of({**example(ApplicationRegisteredV1.TYPE), "data": {"after": {SECRET: SECRET}}}), INTAKE
        )
    ),
    "of a fact's attribute": failed(
        lambda: parse_fact(bytes_of({**example(ApplicationRegisteredV1.TYPE), "time": SECRET}), INTAKE)
    ),
}


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_is_told_by_its_kind_and_place_and_never_by_its_values(name: str) -> None:
    error = ERRORS[name]
    assert not revealed(why(error)) and not revealed(trace_of(error))
    assert type(error).__name__ in why(error) or isinstance(error, ValidationError)
    raised = (type(error), error, error.__traceback__)
    log = logging.LogRecord("services.x", logging.ERROR, __file__, 1, "it failed: %s", (error,), raised)
    foreign = logging.LogRecord("faststream", logging.ERROR, __file__, 1, f"{error!r}", None, raised)
    bare = logging.LogRecord("services.x", logging.ERROR, __file__, 1, error, None, None)
    for record in (log, foreign, bare):
        assert not revealed(JsonLines("test").format(record))


def test_where_an_error_came_up_is_told() -> None:
    assert "tests/unit/test_masking.py:" in why(ERRORS["of a value"]) and "in call" in why(ERRORS["of a value"])
    assert trace_of(ERRORS["of another"]).count("tests/unit/test_masking.py:") >= 2
    assert "RuntimeError" in trace_of(ERRORS["of another"]) and "KeyError" in trace_of(ERRORS["of another"])


def test_errors_whose_words_are_ours_are_told_in_them() -> None:
    said = why(UnknownAgency("agency demo is not in the directory"))
    assert said == "UnknownAgency: agency demo is not in the directory"
    assert why(BrokenEvent("the type has no version", "/type")) == "BrokenEvent: /type: the type has no version"
    assert "refused" in why(ConnectionRefusedError("Connection refused"))


def test_faults_of_a_contract_are_told_with_the_names_of_its_fields() -> None:
    assert "contact" in why(failed(lambda: AGENCY.read(ApplicationSubmittedV2.TYPE, {"contact": 5})))


@pytest.mark.parametrize("logger", ["asyncio", "faststream", "pymongo.command", "py.warnings", "whoever"])
def test_of_what_libraries_log_that_see_content_only_the_place_is_told(logger: str) -> None:
    record = logging.LogRecord(logger, logging.ERROR, "/x/lib.py", 7, "task failed: %s", (SECRET,), None)
    line = JsonLines("test").format(record)
    assert not revealed(line) and "lib:7" in line and logger in line


def test_what_libraries_say_of_connections_is_told() -> None:
    values = ("b:9092", KeyError(SECRET))
    record = logging.LogRecord("aiokafka.conn", logging.WARNING, "c.py", 7, "%s is away: %s", values, None)
    line = JsonLines("test").format(record)
    assert "b:9092 is away" in line and not revealed(line)


def test_a_line_is_written_whatever_stands_in_it() -> None:
    odd = logging.LogRecord("services.x", logging.INFO, __file__, 1, "%d and \ud800", ("no number",), None)
    assert json.loads(JsonLines("test").format(odd))["logger"] == "services.x"
    half = logging.LogRecord("services.x", logging.INFO, __file__, 1, "half \ud800", None, None)
    JsonLines("test").format(half).encode()
    with logs.about(pilot=SECRET, event="demo-1"):
        line = json.loads(JsonLines("test").format(half))
    assert (line["pilot"], line["event"]) == (MASK, "demo-1")


def test_what_nobody_caught_is_logged_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        logs.log_to_stdout("test")
        error = ERRORS["of a value"]
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
    told = capsys.readouterr()
    assert "nobody caught an error" in told.out and not revealed(told.out + told.err)


def test_a_process_that_is_aborted_says_where_its_threads_are_and_with_what_nothing() -> None:
    begun = f"from services.chassis import logs; import os; logs.log_to_stdout('test'); told = {SECRET!r}"
    ended = subprocess.run([sys.executable, "-c", f"{begun}; os.abort()"], capture_output=True, text=True, cwd=ROOT)
    assert 'File "<string>", line 1' in ended.stderr and not revealed(ended.stdout + ended.stderr)


def test_a_setting_that_cannot_be_read_is_not_repeated() -> None:
    error = failed(lambda: Settings(http_port=SECRET))
    assert not revealed(str(error))


# ---- spans


def test_of_a_span_only_what_is_known_to_be_harmless_leaves() -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(HarmlessSpans(kept)))
    for scope in ("fastapi", "lotsman"):
        tracer = provider.get_tracer(scope)
        with pytest.raises(ValueError), tracer.start_as_current_span("GET /v1/search") as span:
            span.set_attribute("url.query", f"q={SECRET}")
            span.set_attribute("url.path", f"/v1/receipts/{SECRET}")
            span.set_attribute("server.address", SECRET)
            span.set_attribute("http.route", "/v1/search")
            span.set_attribute("pilot.id", SECRET)
            span.set_attribute("pilot.event.id", "demo-1")
            span.add_event(name="x", attributes={"y": SECRET})
            span.add_link(span.get_span_context(), {"z": SECRET})
            if scope == "lotsman":
                span.set_status(trace.Status(trace.StatusCode.ERROR, why(ValueError(SECRET))))
            raise ValueError(SECRET)
    for one in kept.get_finished_spans():
        if one.instrumentation_scope is not None and one.instrumentation_scope.name == "fastapi":
            assert not revealed(one.to_json())
        assert one.attributes is not None and set(one.attributes) <= ATTRIBUTES
        assert one.attributes["http.route"] == "/v1/search"
        assert (one.attributes["pilot.id"], one.attributes["pilot.event.id"]) == (MASK, "demo-1")
        assert [dict(event.attributes or {}) for event in one.events if event.name == "exception"] == [
            {"exception.type": "ValueError"}
        ]


def test_baggage_that_a_caller_brings_goes_no_further() -> None:
    tracer = TracerProvider().get_tracer("test")
    token = context.attach(baggage.set_baggage("person", "Ivanov"))
    try:
        with tracer.start_as_current_span("x") as span:
            assert set(telemetry.carrier_of(span)) == {"traceparent"}
            assert set(telemetry.carrier_of_current()) == {"traceparent"}
    finally:
        context.detach(token)
    assert propagate.get_global_textmap() is not None
