"""The documents made from the code: up to date, valid by the published schemas, and complete."""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft7Validator, Draft202012Validator
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.definitions import OPENAPI_31
from typer.testing import CliRunner

from contracts.agency import AGENCY
from contracts.freeze import CLASSES, OWNERS, example, inlined
from contracts.freeze import published as schema_of_today
from contracts.topics import FACT_TOPICS, SERVICES, agency_topic, receipts_topic
from deploy import docs
from deploy.cli import docs as verb
from deploy.topics import settings
from services.intake.importing.work import PIECE
from tests.documented import closed
from tests.documented import document_of as openapi

ROOT = Path(__file__).parents[2]
STANDARDS = Path(__file__).parent / "standards"
TOPICS = [*FACT_TOPICS, agency_topic("minzdrav"), receipts_topic("minzdrav")]
ANYTHING = {
    "Contract.json_schema",  # a schema, of which there are many kinds
    "Contract.example",  # of an event of any type
    "OtherSaid",  # of a program that is newer than this one
    "Change.before",  # of any field of a card
    "Change.after",
    *(f"OpenDescription.{part}" for part in ("info", "paths", "components")),  # an OpenAPI document
    "JsonValue",  # of any field of an application
}
"""Where an answer may hold anything."""
made = cache(docs.documents)
every_service = pytest.mark.parametrize("service", SERVICES)


@cache
def asyncapi() -> Any:
    return docs.asyncapi()


@cache
def published() -> Draft7Validator:
    return Draft7Validator(json.loads((STANDARDS / "asyncapi-3.1.0.json").read_text(encoding="utf-8")))


def address(name: str) -> str:
    return re.sub(r"^pilots\.(agency|receipts)\.minzdrav\.v1$", r"pilots.\1.{agency}.v1", name)


def at(document: Any, reference: str) -> Any:
    """What a reference inside a document points to."""
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


# ---- up to date


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents are made once for all tests of what becomes of them: it takes seconds."""
    monkeypatch.setattr(docs, "documents", made)


@pytest.mark.usefixtures("made_once")
def test_the_documents_in_the_repository_are_what_the_contracts_say_today() -> None:
    assert docs.stale(ROOT) == []


def test_the_documents_are_the_same_each_time_they_are_made() -> None:
    assert docs.documents() == made()


@pytest.mark.usefixtures("made_once")
def test_a_document_that_is_missing_or_differs_is_named(tmp_path: Path) -> None:
    written = docs.write(tmp_path)
    assert docs.stale(tmp_path) == []
    written[0].write_text("{}", encoding="utf-8")
    written[1].unlink()
    assert docs.stale(tmp_path) == written[:2]


@pytest.mark.usefixtures("made_once")
def test_the_verb_writes_the_documents_and_checks_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "ROOT", tmp_path)
    run = CliRunner()
    assert run.invoke(verb.app, ["--check"]).exit_code != 0
    said = run.invoke(verb.app, [])
    assert (said.exit_code, len(said.stdout.splitlines())) == (0, 6)
    assert run.invoke(verb.app, ["--check"]).exit_code == 0


# ---- AsyncAPI


def test_the_asyncapi_document_is_valid_by_the_published_schema() -> None:
    published().validate(asyncapi())


def test_the_published_schema_is_asked_in_earnest() -> None:
    for place, value in (
        (("channels", "intake", "address"), 5),
        (("operations", "intake-sends-intake", "action"), "x"),
    ):
        spoilt = copy.deepcopy(asyncapi())
        at(spoilt, "/".join(place[:-1]))[place[-1]] = value
        assert not published().is_valid(spoilt)


def test_every_reference_inside_the_document_points_to_something() -> None:
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(asyncapi()))
    assert references
    assert all(at(asyncapi(), reference) for reference in references)


def test_every_topic_is_a_channel_with_its_partitions_and_retention() -> None:
    channels = {c["address"]: c for c in asyncapi()["channels"].values()}
    assert channels.keys() == {address(topic.name) for topic in TOPICS}
    for topic in TOPICS:
        bound = channels[address(topic.name)]["bindings"]["kafka"]
        assert (bound["topic"], bound["partitions"]) == (address(topic.name), topic.partitions)
        said = {k: ",".join(v) if isinstance(v, list) else str(v) for k, v in bound["topicConfiguration"].items()}
        given = settings(topic)
        assert said | {name: given[name] for name in docs.UNSAID} == given


def test_the_topics_of_agencies_have_the_code_as_a_parameter() -> None:
    with_parameter = {n: c for n, c in asyncapi()["channels"].items() if "{agency}" in c["address"]}
    assert with_parameter.keys() == {"agency", "receipts"}
    assert all(set(c["parameters"]) == {"agency"} for c in with_parameter.values())
    assert all("parameters" not in c for n, c in asyncapi()["channels"].items() if n not in with_parameter)


def test_every_topic_is_named_in_both_directions_for_everybody_who_writes_or_reads_it() -> None:
    found = set()
    for operation in asyncapi()["operations"].values():
        channel = at(asyncapi(), operation["channel"]["$ref"])
        found.add((operation["tags"][0]["name"], operation["action"], channel["address"]))
        named = {reference["$ref"].rsplit("/", 1)[1] for reference in operation["messages"]}
        assert named == channel["messages"].keys()
    expected = {(who.split(":")[0], "send", address(t.name)) for t in TOPICS for who in t.writers}
    expected |= {(who.split(":")[0], "receive", address(t.name)) for t in TOPICS for who in t.readers}
    assert found == expected
    assert {action for _, action, _ in found} == {"send", "receive"}


def test_the_consumer_groups_of_services_are_named() -> None:
    groups = {
        name: o["bindings"]["kafka"]["groupId"]["enum"]
        for name, o in asyncapi()["operations"].items()
        if "bindings" in o
    }
    assert groups == {
        "intake-receives-agency": ["intake.agency"],
        "intake-receives-expertise": ["intake.expertise"],
        "intake-receives-registry": ["intake.registry"],
        "expertise-receives-intake": ["expertise.intake"],
        "registry-receives-intake": ["registry.intake"],
        "registry-receives-expertise": ["registry.expertise"],
    }


def test_every_event_type_is_a_message_of_the_channel_of_its_owner() -> None:
    assert asyncapi()["components"]["messages"].keys() == CLASSES.keys()
    for owner, classes in OWNERS.items():
        assert asyncapi()["channels"][owner]["messages"].keys() == classes.keys()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_message_carries_its_schema_and_a_valid_example(name: str) -> None:
    message = asyncapi()["components"]["messages"][name]
    assert message["payload"] == inlined(schema_of_today(name))
    [shown] = message["examples"]
    assert shown["payload"] == example(name)
    Draft202012Validator(message["payload"]).validate(shown["payload"])
    Draft7Validator(message["payload"]).validate(shown["payload"])
    assert message["bindings"]["kafka"]["key"]["type"] == "string"
    assert {"ce_id", "ce_type", "ce_source", "content-type"} <= message["headers"]["properties"].keys()


def test_everything_over_kafka_needs_a_login() -> None:
    scheme = {"$ref": "#/components/securitySchemes/scram"}
    assert asyncapi()["components"]["securitySchemes"]["scram"]["type"] == "scramSha512"
    assert asyncapi()["servers"]["kafka"]["security"] == [scheme]
    assert all(o["security"] == [scheme] for o in asyncapi()["operations"].values())


# ---- OpenAPI


def operations(service: str) -> list[tuple[str, str, Any]]:
    verbs = ("get", "put", "post", "delete", "patch")
    return [(p, v, item[v]) for p, item in openapi(service)["paths"].items() for v in verbs if v in item]


@every_service
def test_the_openapi_document_is_valid_by_the_published_schema(service: str) -> None:
    Draft202012Validator(OPENAPI_31).validate(openapi(service))
    spoilt = copy.deepcopy(openapi(service))
    del spoilt["info"]
    assert not Draft202012Validator(OPENAPI_31).is_valid(spoilt)


@every_service
def test_a_tester_finds_every_operation_and_can_resolve_it(service: str) -> None:
    loaded = schemathesis.openapi.from_dict(openapi(service))
    asked = [one.ok() for one in loaded.get_all_operations() if isinstance(one, Ok)]
    found = {(one.path, one.method) for one in asked}
    assert found == {(path, verb_) for path, verb_, _ in operations(service)}


@every_service
def test_every_reference_of_an_openapi_document_is_inside_it(service: str) -> None:
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(openapi(service)))
    assert references
    assert all(reference.startswith("#/") for reference in references)
    for reference in references:
        at(openapi(service), reference)  # KeyError: it is not there; an empty schema takes anything


@every_service
def test_every_operation_but_health_and_what_is_public_needs_a_bearer_token(service: str) -> None:
    [(scheme, said)] = openapi(service)["components"]["securitySchemes"].items()
    assert (said["type"], said["scheme"]) == ("http", "bearer")
    for path, _, operation in operations(service):
        expected: Any = [] if path.startswith(("/health/", "/public/")) else [{scheme: []}]
        assert operation.get("security") == expected, path


@every_service
def test_every_operation_says_what_it_is_for(service: str) -> None:
    assert [path for path, _, operation in operations(service) if not operation.get("description")] == []


@every_service
def test_operations_are_called_by_verbs_of_which_each_is_there_once(service: str) -> None:
    names = [operation["operationId"] for _, _, operation in operations(service)]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch("[a-z]+([A-Z][a-z]+)+", name)] == []


@every_service
def test_every_tag_is_declared_with_its_words(service: str) -> None:
    declared = {tag["name"]: tag["description"] for tag in openapi(service)["tags"]}
    assert all(declared.values())
    assert {tag for _, _, operation in operations(service) for tag in operation["tags"]} == declared.keys()


@every_service
def test_every_error_is_the_problem_document(service: str) -> None:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    for path, _, operation in operations(service):
        errors = {code: said for code, said in operation["responses"].items() if code[0] in "45"}
        assert "422" in errors, path
        if path.startswith(("/v1/", "/public/")):
            assert {"500", "503"} <= errors.keys()
        for code, said in errors.items():
            if not (path.startswith("/health/") and code == "503"):
                assert said["content"].keys() == {"application/problem+json"}, (path, code)
                assert said["content"]["application/problem+json"]["schema"] == schema, (path, code)
        if operation.get("security"):
            assert {"401", "403"} <= errors.keys()


def places_of_anything(schema: Any, components: Any, place: str, met: set[str]) -> Iterator[str]:
    """Where a schema takes any object or any value at all."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in met:
            met.add(name)
            yield from places_of_anything(components[name], components, name, met)
        return
    said = schema.keys() - {"title", "description", "default", "examples"}
    inside = {f".{name}": one for name, one in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties")
    if not said or (schema.get("type") == "object" and not inside and more in (None, {}, True)):
        yield place
        return
    parts = [*inside.items(), *(("", one) for name in ("anyOf", "oneOf") for one in schema.get(name, ()))]
    parts += [("[]", one) for one in (schema.get("items"), more) if isinstance(one, dict)]
    for name, one in parts:
        yield from places_of_anything(one, components, place + name, met)


@every_service
def test_every_answer_has_a_form_to_its_last_field(service: str) -> None:
    """No object or value of which nothing is said, but where there may be anything."""
    found = {
        (operation["operationId"], where)
        for _, _, operation in operations(service)
        for said in operation["responses"].values()
        for content in said.get("content", {}).values()
        for where in places_of_anything(content["schema"], openapi(service)["components"]["schemas"], "", set())
    }
    assert {one for one in found if one[1] not in ANYTHING} == set()


@every_service
def test_every_answer_has_an_example_of_its_form(service: str) -> None:
    schemas = {"schemas": closed(openapi(service)["components"]["schemas"])}
    shown = openapi(service)["components"]["examples"]
    for path, verb_, operation in operations(service):
        for status, said in operation["responses"].items():
            for kind, content in said.get("content", {}).items():
                if not kind.endswith("json"):
                    continue
                named = content.get("examples")
                example_ = shown[status]["value"] if named else content["example"]
                assert not named or named == {status: {"$ref": f"#/components/examples/{status}"}}
                judge = Draft202012Validator({**content["schema"], "components": schemas})
                faults = [f"{one.json_path} {one.message[:200]}" for one in judge.iter_errors(example_)]
                assert faults == [], (verb_, path, status)


def test_an_event_over_http_has_the_frozen_schemas_of_both_versions() -> None:
    document = openapi("intake")
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    body = content["application/cloudevents+json"]
    judge = Draft202012Validator({**body["schema"], "components": document["components"]})
    for name in AGENCY.classes:
        judge.validate(example(name))
        judge.validate(body["examples"][name]["value"])
    assert not judge.is_valid(example("pilots.intake.receipt-issued.v1"))


def test_the_documents_of_imports_say_of_how_many_rows_a_piece_is() -> None:
    said = openapi("intake")["paths"]["/v1/imports/{id}/stop"]["post"]["description"]
    assert f"two pieces of {PIECE} rows" in said
