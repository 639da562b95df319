"""The shape of every answer over HTTP: commands, errors, published events, pages, health."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.agency import ApplicationSubmittedV2
from contracts.expertise import Conflict as Known
from contracts.expertise import ConflictKind
from contracts.freeze import example
from contracts.reference import Problem
from contracts.topics import AGENCY_MAX_BYTES
from deploy.samples.common import NOW
from services.chassis.answers import Balance, LookedThrough
from services.chassis.auth import Caller, Keys
from services.chassis.masking import MASK
from services.chassis.readiness import Check, NotReady
from services.chassis.spans import harmless
from services.chassis.store import StoreAway
from services.chassis.subject import (
    Broken,
    Claimed,
    Conflict,
    Document,
    Done,
    Duplicate,
    Outcome,
    Refused,
    Stale,
)
from services.chassis.web import make_app
from services.expertise.domain.parts import KnownConflict, PlaceStatus
from services.expertise.sight import sight
from services.intake.domain.state import Status
from services.law.decision import Refusal
from tests.kit.sides import (
    CASE,
    COMMAND_HEADERS,
    ENTRY,
    PILOT,
    REGISTERED,
    FakeEngine,
    Side,
    _fine,
    asked,
    bearer,
    problem,
)
from tests.unit.test_web import BODIES

# ---- the shape of every error


ACCEPT = f"/v1/applications/{PILOT}/acceptance"
OTHER = "11111111-a4a7-5cad-89a9-dc08e49b30fa"
RETURN = f"/v1/applications/{PILOT}/return"


def accept(side: Side, **headers: str | None) -> Any:
    """An acceptance with changed headers (None: left out); names are written with underscores."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    sent = {**COMMAND_HEADERS, **bearer("officer"), **named}
    return side.ask("post", ACCEPT, {k: v for k, v in sent.items() if v is not None})


def test_a_command_that_was_carried_out_answers_with_version_and_etag(intake: Side) -> None:
    answer = accept(intake)
    assert (answer.status_code, answer.json()) == (200, {"subject": PILOT, "version": 3})
    assert answer.headers["ETag"] == '"8"'
    assert "Idempotent-Replayed" not in answer.headers
    [one] = intake.engine.taken
    assert (one.if_match, one.actor.id, one.actor.role, one.cause_id) == (7, "u-1", "officer", "u-1:k-1")


def test_the_same_command_again_gives_the_same_answer_and_says_so(intake: Side) -> None:
    intake.engine.outcome = Duplicate(version=3, rev=9)
    answer = accept(intake)
    assert (answer.status_code, answer.json()["version"], answer.headers["ETag"]) == (200, 3, '"9"')
    assert answer.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", [None, ""])
def test_a_command_without_an_idempotency_key_is_400(key: str | None, intake: Side) -> None:
    assert problem(accept(intake, Idempotency_Key=key), 400)["title"] == "idempotency-key.missing"
    assert intake.engine.taken == []


def test_too_long_an_idempotency_key_is_422(intake: Side) -> None:
    assert (
        problem(accept(intake, Idempotency_Key="k" * 129), 422)["problems"][0]["pointer"] == "/header/Idempotency-Key"
    )


def test_a_command_without_if_match_is_428(intake: Side) -> None:
    assert problem(accept(intake, If_Match=None), 428)["title"] == "if-match.missing"
    assert intake.engine.taken == []


@pytest.mark.parametrize("etag", ['"7"', "7", 'W/"7"', ' "7" '])
def test_an_etag_is_taken_as_it_was_given_out(etag: str, intake: Side) -> None:
    assert accept(intake, If_Match=etag).status_code == 200
    assert intake.engine.taken[0].if_match == 7


@pytest.mark.parametrize("etag", ["", "*", '"x"', '"7", "8"', "-7", "7.0", '"²"', "9" * 19, "9" * 5000])
def test_what_is_no_etag_of_ours_is_400(etag: str, intake: Side) -> None:
    answer = accept(intake, If_Match=etag.encode("latin-1"))  # type: ignore[arg-type]
    assert problem(answer, 400)["title"] == "if-match.bad"


def test_a_revision_that_is_gone_is_412_with_the_present_one(intake: Side) -> None:
    intake.engine.outcome = Stale(rev=9, version=4)
    answer = accept(intake)
    assert problem(answer, 412)["title"] == "revision.gone"
    assert answer.headers["ETag"] == answer.json()["etag"] == '"9"'


def test_a_revision_that_is_gone_is_412_with_the_version_that_stands_now(intake: Side) -> None:
    intake.engine.outcome = Stale(rev=7, version=2)
    body = problem(accept(intake), 412)
    assert (body["version"], body["etag"]) == (2, '"7"')


def test_a_key_that_was_used_for_something_else_is_409(intake: Side) -> None:
    intake.engine.outcome = Conflict()
    assert problem(accept(intake), 409)["title"] == "idempotency-key.reused"


def returned(side: Side, text: str, caller: str = "u-1", path: str = RETURN, backwards: bool = False) -> Claimed:
    """The mark of a return with the key `k-1`."""
    body = {"reasons": [{"code": "other", "text": text}]}
    if backwards:
        body = {"reasons": [dict(reversed(body["reasons"][0].items()))]}
    answer = side.ask("post", path, {**COMMAND_HEADERS, **bearer("officer", sub=caller)}, json=body)
    assert answer.status_code == 200, answer.text
    mark = side.engine.taken[-1].mark
    assert isinstance(mark, Claimed)
    return mark


def test_a_key_is_its_callers_own_and_the_same_content_is_the_same_in_whatever_order_it_comes(intake: Side) -> None:
    mine = returned(intake, "Нет плана")
    assert returned(intake, "Нет плана", backwards=True) == mine
    assert returned(intake, "Нет плана", caller="u-2").key != mine.key


def test_a_key_with_another_content_another_subject_or_another_route_is_another_command(intake: Side) -> None:
    intake.engine.found[OTHER] = replace(intake.engine.found[PILOT], subject=OTHER)
    mine = returned(intake, "Нет плана")
    for other in (returned(intake, "Нет сметы"), returned(intake, "Нет плана", path=RETURN.replace(PILOT, OTHER))):
        assert other.key == mine.key and other.digest != mine.digest
    accept(intake)
    stop = intake.engine.taken[-1].mark
    assert isinstance(stop, Claimed) and stop.key == mine.key and stop.digest != mine.digest


@pytest.mark.parametrize("status", [403, 409, 422])
def test_a_refusal_of_the_domain_keeps_its_code_its_status_and_its_problems(status: int, intake: Side) -> None:
    fault = Problem(pointer="/reasons/0/code", rule="reason.unknown", message="m", message_ru="м")
    intake.engine.outcome = Refused(Refusal("auth.role", status=status, problems=[fault], roles=["a", "b"]))
    body = problem(accept(intake), status)
    told = {**fault.model_dump(), "message_be": "м", "message_en": "m"}
    assert (body["title"], body["detail"], body["problems"]) == (
        "auth.role",
        "This needs one of the roles: a, b.",
        [told],
    )


def test_what_could_not_be_decided_is_500_and_tells_nothing_of_the_inside(intake: Side) -> None:
    intake.engine.outcome = Broken("KeyError: secret")
    answer = accept(intake)
    assert problem(answer, 500)["title"] == "engine.broken"
    assert "secret" not in answer.text


def test_what_is_stored_and_cannot_be_read_is_500_by_that_name(intake: Side) -> None:
    intake.engine.outcome = Broken("/status: enum", unreadable=True)
    assert problem(accept(intake), 500)["title"] == "state.unreadable"


def test_what_nobody_foresaw_is_500_and_a_problem_document_too(intake: Side) -> None:
    intake.engine.outcome = RuntimeError("secret")
    answer = accept(intake)
    assert problem(answer, 500)["action"] == "retry"
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_503_and_may_be_asked_again(intake: Side) -> None:
    intake.engine.outcome = StoreAway("host:27017 secret")
    answer = accept(intake)
    assert problem(answer, 503)["action"] == "retry"
    assert answer.headers["Retry-After"].isdigit()
    assert "secret" not in answer.text


def test_an_unknown_subject_is_404_as_is_one_of_another_kind_or_without_a_state(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/applications/x", bearer("officer")), 404)["title"] == "not-found"
    answer = intake.ask("get", "/v1/applications/agency:vedomstvo", bearer("officer"))
    assert problem(answer, 404)["title"] == "not-found"
    intake.engine.found["passed-by"] = Document("passed-by", "pilot", rev=1, version=0)
    answer = intake.ask("get", "/v1/applications/passed-by", bearer("officer"))
    assert problem(answer, 404)["title"] == "not-found"


def test_a_command_on_an_unknown_subject_is_404_and_is_not_decided(registry: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("registrar")}
    answer = registry.ask("post", "/v1/pilots/x/launch", headers, json=BODIES["/v1/pilots/{pilot}/launch"])
    assert problem(answer, 404)["title"] == "not-found"
    assert registry.engine.taken == []


def test_an_unknown_route_is_404_and_a_wrong_method_405_with_those_allowed(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/nowhere"), 404)["title"] == "http.404"
    answer = intake.ask("delete", "/v1/applications", bearer("officer"))
    assert problem(answer, 405)["title"] == "http.405"
    assert answer.headers["Allow"] == "GET"


def test_a_body_that_does_not_fit_names_every_fault_by_its_place(intake: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("officer")}
    reasons = [{"code": "Not A Code"}, {"text": "x"}]
    body = problem(intake.ask("post", RETURN, headers, json={"reasons": reasons}), 422)
    assert [(p["pointer"], p["rule"]) for p in body["problems"]] == [
        ("/body/reasons/0/code", "schema.string-pattern-mismatch"),
        ("/body/reasons/1/code", "schema.missing"),
    ]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"[]", b""])
def test_a_body_that_is_no_json_object_is_refused_and_never_500(content: bytes, intake: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("officer"), "Content-Type": "application/json"}
    answer = intake.ask("post", RETURN, headers, content=content)
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_too_large_a_body_is_413_and_never_reaches_the_engine(intake: Side) -> None:
    content = b" " * (AGENCY_MAX_BYTES + 1)
    assert problem(intake.ask("post", "/v1/events", bearer("publisher"), content=content), 413)
    assert intake.engine.taken == []


# ---- publishing


def publish(side: Side, **changes: Any) -> Any:
    event = {**example(ApplicationSubmittedV2.TYPE), **changes}
    return side.ask("post", "/v1/events", bearer("publisher"), json=event)


def test_a_packed_body_is_415_and_never_reaches_the_engine(intake: Side) -> None:
    headers = {**bearer("publisher"), "Content-Encoding": "gzip"}
    answer = intake.ask("post", "/v1/events", headers, content=gzip.compress(b"{}"))
    assert problem(answer, 415)
    assert (answer.headers["Accept-Encoding"], intake.engine.taken) == ("identity", [])


@pytest.mark.parametrize(("outcome", "status"), [(Done(2, 1), 201), (Duplicate(2, 1), 200)])
@pytest.mark.parametrize("event_id", ["a-1", "заявка 17/04", "a?b#c%d"])
def test_a_published_event_is_answered_with_its_receipt_and_where_it_is(
    outcome: Outcome, status: int, event_id: str, intake: Side
) -> None:
    intake.publishes(event_id, REGISTERED.model_copy(update={"event_id": event_id}))
    intake.engine.outcome = outcome
    answer = publish(intake, id=event_id)
    assert (answer.status_code, answer.json()["status"]) == (status, "registered")
    assert answer.json()["event_id"] == event_id
    again = intake.ask("get", answer.headers["Location"], bearer("publisher"))
    assert again.json() == answer.json()
    assert answer.headers.get("Idempotent-Replayed") == ("true" if status == 200 else None)


def test_a_refused_event_is_422_with_every_problem_and_the_receipt(intake: Side) -> None:
    fault = Problem(pointer="/data/sector", rule="sector.unknown", message="m", message_ru="м")
    intake.publishes("a-1", REGISTERED.model_copy(update={"status": Status.REFUSED, "problems": (fault,)}))
    answer = publish(intake, id="a-1")
    body = problem(answer, 422)
    assert (body["title"], body["problems"]) == ("event.refused", [fault.model_dump()])
    assert answer.headers["ETag"] == '"1"'


def test_an_id_used_for_another_event_is_409(intake: Side) -> None:
    intake.engine.outcome = Conflict()
    assert problem(publish(intake), 409)["title"] == "id.reused"


def test_a_newer_version_of_an_event_is_422_and_may_be_sent_again_later(intake: Side) -> None:
    body = problem(publish(intake, type="pilots.agency.application-submitted.v3"), 422)
    assert body["title"] == "event.newer-version"
    assert [(p["pointer"], p["action"]) for p in body["problems"]] == [("/type", "retry")]


def test_an_agency_that_is_not_in_the_directory_is_403_and_may_send_again(intake: Side) -> None:
    del intake.engine.found["agency:vedomstvo"]
    body = problem(publish(intake), 403)
    assert (body["title"], body["action"]) == ("agency.unknown", "retry")


def test_an_agency_that_needs_a_receipt_of_an_unknown_event_is_told_404(intake: Side) -> None:
    answer = intake.ask("get", "/v1/receipts/unheard-of", bearer("publisher"))
    assert problem(answer, 404)["title"] == "receipt.unknown"


def test_an_unknown_edition_is_404(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/editions/by-1999", bearer("officer")), 404)["title"] == "edition.unknown"


@pytest.mark.parametrize("code", ["A", "x", "a" * 21, "a.b", "а-б"])
def test_a_bad_agency_code_is_422(code: str, intake: Side) -> None:
    problem(intake.ask("get", f"/v1/agencies/{code}", bearer("admin")), 422)


# ---- an expert sees only what is assigned to the expert


def test_an_expert_does_not_see_a_review_of_others(expertise: Side) -> None:
    path = f"/v1/reviews/{PILOT}"
    assert expertise.ask("get", path, bearer("expert")).status_code == 200
    assert problem(expertise.ask("get", path, bearer("expert", sub="u-2")), 404)["title"] == "not-found"
    headers = bearer("expert", sub="u-2")  # also before it is said which headers are missing
    answer = expertise.ask("post", f"{path}/opinion", headers, json=BODIES["/v1/reviews/{pilot}/opinion"])
    assert problem(answer, 404)["title"] == "not-found"
    assert expertise.engine.taken == []


@given(data=st.data())
def test_what_a_query_finds_and_what_a_card_shows_is_one_rule(data: st.DataObject) -> None:
    """`Sight` says it twice, once to the database and once of a case: both mean the same."""
    people = st.sampled_from(["u-1", "u-2", "u-3"])
    places = [
        CASE.places[0].model_copy(
            update={"seat": ENTRY.model_copy(update={"expert_id": who}).seat(), "status": data.draw(statuses)}
        )
        for who in data.draw(st.lists(people, max_size=3, unique=True))
    ]
    conflicts = [
        KnownConflict(
            expert_id=who,
            conflict=Known(kind=ConflictKind.DECLARED),
            found=NOW,
            raised_by="u-9",
            status=data.draw(st.sampled_from(["open", "dismissed", "confirmed"])),
        )
        for who in data.draw(st.lists(people, max_size=3))
    ]
    case = CASE.model_copy(update={"places": tuple(places), "conflicts": tuple(conflicts)})
    roles = data.draw(st.frozensets(st.sampled_from(["expert", "operator", "approver", "auditor"]), min_size=1))
    eyes = sight(Caller(data.draw(people), roles, None))
    where = eyes.where()
    found = where["state.hidden_from"]["$ne"] not in case.hidden_from
    if "state.visible_to" in where:
        found = found and where["state.visible_to"] in case.visible_to
    assert eyes.sees(case) == found


statuses = st.sampled_from(PlaceStatus)


# ---- pages


def row(number: int) -> dict[str, Any]:
    state = {
        "number": f"N-{number}",
        "application": {"title": "т", "sector": "health"},
        "agency": "vedomstvo",
        "stage": "council",
        "term": None,
        "entered": f"2026-04-16T09:00:0{number}.000Z",
    }
    return {"_id": f"p-{number}", "state": state}


def test_a_page_names_the_next_one_and_the_last_page_names_none(registry: Side) -> None:
    registry.engine.store.found = [row(3), row(2), row(1)]
    first = registry.ask("get", "/v1/pilots?limit=2", bearer("auditor")).json()
    assert [item["id"] for item in first["items"]] == ["p-3", "p-2"]
    registry.engine.store.found = [row(1)]
    last = registry.ask("get", f"/v1/pilots?limit=2&after={first['next']}", bearer("auditor")).json()
    assert ([item["id"] for item in last["items"]], last["next"]) == (["p-1"], None)
    beyond = json.dumps(registry.engine.store.asked[-1])
    assert "2026-04-16T09:00:02.000Z" in beyond
    assert "p-2" in beyond


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CURSORS = ["x", "%", "=", "ё", "e30", encoded([]), encoded(["a"]), encoded(["a", "b", "c"]), encoded({"a": 1})]
CURSORS += [encoded([{"$gt": ""}, "a"]), encoded([["a"], "b"]), encoded([1.5, "a"]), encoded("ab")]
CURSORS += [base64.urlsafe_b64encode(b"\xff\xfe").decode(), base64.urlsafe_b64encode(b"[" * 20_000).decode()]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_that_was_not_given_out_is_400(cursor: str, registry: Side) -> None:
    answer = registry.ask("get", "/v1/pilots", bearer("auditor"), params={"after": cursor})
    assert problem(answer, 400)["title"] == "cursor.bad"
    assert [asked for asked in registry.engine.store.asked if "state.hidden_from" not in asked] == []


@given(cursor=st.text(max_size=40))
def test_no_cursor_whatever_is_more_than_400(cursor: str, sides: Mapping[str, Side]) -> None:
    answer = sides["registry"].ask("get", "/v1/pilots", bearer("auditor"), params={"after": cursor})
    assert answer.status_code in (200, 400)


def test_a_look_through_the_balance_goes_on_at_what_it_gave_out_and_nowhere_else(registry: Side) -> None:
    asked = list[str | None]()

    async def through(place: str | None) -> LookedThrough:
        asked.append(place)
        return LookedThrough(looked=1, found=0, next=None if place else "documents/a b")

    registry.app.state.through = through
    path, ops = "/v1/balance/whole", bearer("ops")
    following = registry.ask("get", path, ops).json()["next"]
    assert registry.ask("get", path, ops, params={"after": following}).json()["next"] is None
    for other in ("documents/a b", "\x14", encoded([1]), encoded([None]), encoded(["a", "b"])):
        assert problem(registry.ask("get", path, ops, params={"after": other}), 400)["title"] == "cursor.bad"
    assert asked == [None, "documents/a b"]


def test_a_balance_that_lacks_a_right_blames_not_kafka_and_names_the_topics(registry: Side) -> None:
    refusals = [TopicAuthorizationFailedError(TopicPartition("pilots.intake.v1", 0)), KafkaConnectionError("gone")]

    async def struck() -> Balance:
        raise refusals.pop(0)

    registry.app.state.balance = struck
    closed = problem(registry.ask("get", "/v1/balance", bearer("ops")), 503)
    assert closed["title"] == "kafka.closed" and "pilots.intake.v1" in closed["detail"]
    assert problem(registry.ask("get", "/v1/balance", bearer("ops")), 503)["title"] == "kafka.away"


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5"])
def test_a_page_has_1_to_200_rows(limit: str, registry: Side) -> None:
    problem(registry.ask("get", f"/v1/pilots?limit={limit}", bearer("auditor")), 422)


def test_an_unknown_status_of_parked_records_is_422(registry: Side) -> None:
    answer = registry.ask("get", "/v1/parked?status=lost", bearer("ops"))
    assert problem(answer, 422)["title"] == "status.unknown"


def test_a_parked_record_is_shown_without_personal_data(registry: Side) -> None:
    value = json.dumps(example(ApplicationSubmittedV2.TYPE), ensure_ascii=False).encode()
    fixed: dict[str, object] = {
        "status": "broken",
        "cause": "c",
        "subject": "s",
        "source": None,
        "sequence": None,
        "headers": [],
    }
    place = {"topic": "t", "partition": 0, "offset": 7}
    registry.engine.store.found = [{"_id": "t/0/7", **fixed, **place, "at": NOW, "value": value}]
    answer = registry.ask("get", "/v1/parked", bearer("ops"))
    contact = example(ApplicationSubmittedV2.TYPE)["data"]["contact"]
    event = answer.json()["items"][0]["event"]
    assert (event["type"], event["data"]["title"]) == (ApplicationSubmittedV2.TYPE, MASK)
    assert not [secret for secret in contact.values() if secret in answer.text]


# ---- health


def test_a_service_is_ready_only_when_everything_that_it_needs_answers(keys: Keys) -> None:
    async def away() -> None:
        raise ConnectionError("secret:27017")

    app = make_app("Lotsman x", keys, FakeEngine(), {"mongo": _fine, "kafka": away})  # type: ignore[arg-type]
    answer = asked(app, "get", "/health/ready")
    assert answer.status_code == 503
    told = answer.json()
    assert told.pop("editions").keys() >= {"by-2024"}
    assert told == {"status": "not ready", "checks": {"mongo": "ok", "kafka": "ConnectionError"}}
    assert asked(app, "get", "/health/serving").json()["status"] == "not serving"
    assert asked(app, "get", "/health/live").status_code == 200


def test_a_process_that_does_not_do_its_work_is_not_ready_and_one_that_starts_says_what_it_waits_for(
    keys: Keys,
) -> None:
    faults: dict[str, Exception] = {"reading": ConnectionError("a subscription does not read yet")}

    def check(name: str) -> Check:
        async def one() -> None:
            if name in faults:
                raise faults[name]

        return one

    lesser = {name: check(name) for name in ("kafka", "reading", "draining", "lag", "loop", "standing")}
    app = make_app("Lotsman x", keys, FakeEngine(), {"mongo": _fine}, lesser=lesser)  # type: ignore[arg-type]

    def told(path: str) -> tuple[int, str, dict[str, str]]:
        answer = asked(app, "get", f"/health/{path}")
        failed = {name: state for name, state in answer.json()["checks"].items() if state != "ok"}
        return answer.status_code, answer.json()["status"], failed

    assert told("start") == (503, "starting", {"reading": "ConnectionError"})
    assert told("ready") == (200, "degraded", {"reading": "ConnectionError"})
    faults.clear()
    assert told("start") == (200, "started", {})
    for name, words in {
        "reading": "a subscription has read nothing for 40 s",
        "draining": "facts have waited for 400 s to be sent",
        "lag": "200000 facts of other services are not taken yet",
        "loop": "the event loop was held for 12 s",
    }.items():
        for at_fault, code, status in ((True, 503, "not serving"), (False, 200, "serving")):
            faults[name] = NotReady(words, at_fault=at_fault)
            assert told("ready") == (503, "not ready", {name: words})
            assert told("serving") == (code, status, {name: words}), "a proxy sends requests where they are answered"
            assert told("start") == (200, "started", {})
        faults.clear()
    faults["standing"] = RuntimeError("a partition")
    assert told("ready")[:2] == (200, "degraded"), "one partition keeps nobody from being answered"


# ---- traces


def test_a_request_leaves_one_span_that_continues_its_trace_and_a_probe_leaves_none(
    registry: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    came = "4bf92f3577b34da6a3ce929d0e0e4736"
    asked(registry.app, "get", "/health/live")
    asked(registry.app, "get", "/metrics", headers=bearer("ops"))
    asked(registry.app, "get", "/v1/parked", headers={**bearer("ops"), "traceparent": f"00-{came}-00f067aa0ba902b7-01"})
    [span] = exporter.get_finished_spans()
    assert span.name == "GET /v1/parked" and span.context is not None
    assert f"{span.context.trace_id:032x}" == came
    told = {"http.request.method": "GET", "http.route": "/v1/parked", "http.response.status_code": 200}
    assert span.kind is trace.SpanKind.SERVER and told.items() <= dict(harmless(span).attributes or {}).items()
