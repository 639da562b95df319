"""CloudEvents' public conformance cases at both doors, with our types and data in their shapes.

The cases are those of github.com/cloudevents/conformance at c5bcce28 (`format/json/*`, and the features of the HTTP and
Kafka bindings), each by its id there, written anew: our contract fixes the type, the source and that data are a JSON
object. Where we differ is said by `ELSEWHERE` and by decision 44.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from services.chassis.engine import Engine
from tests.kit.engine.tiny import Broker
from tests.kit.intake.sides import Ask, sent, submitted

VALID: Final[Mapping[str, Mapping[str, Any]]] = {
    "validMinimal": {"time": ...},
    "validMinimalWithNullForOptional": {"datacontenttype": None, "dataschema": None, "subject": None, "time": None},
    "validAllCoreAttributes": {
        "datacontenttype": "application/json",
        "dataschema": "https://cloudevents.io/dataschema",
        "subject": "tests",
        "time": "2026-04-05T17:31:00Z",
    },
    "validMinimalWithTimeUtc": {"time": "2026-04-05T17:31:00Z"},
    "validMinimalWithTimeToNanosecondsUtc": {"time": "2026-04-05T17:31:00.000000000Z"},
    "validMinimalWithTimeUsingPositiveOffset": {"time": "2026-04-05T18:31:00+01:00"},
    "validMinimalWithTimeUsingNegativeOffset": {"time": "2026-04-05T16:31:00-01:00"},
    "validAllExtensionTypes": {
        "extinteger": 10,
        "extboolean": True,
        "extstring": "text",
        "exturi": "https://cloudevents.io",
        "exturiref": "//authority/path",
        "exttimestamp": "2023-03-31T15:12:00Z",
        "extbinary": "TWE=",
    },
}
"""By the id of a case, what an event has otherwise than our example; `...`: it is left out."""
ELSEWHERE: Final[dict[str, tuple[Mapping[str, Any], str]]] = {
    "validRelativeSource": ({"source": "#fragment"}, "/source"),
    "validSimpleTextData": ({"data": "Simple text"}, "/data"),
    "validAllCoreAttributes with text/plain": ({"datacontenttype": "text/plain"}, "/datacontenttype"),
}
"""What CloudEvents lets an event be and our contract does not, and the attribute that is named for it."""
INVALID: Final[dict[str, tuple[Mapping[str, Any], str]]] = {
    "invalidNoSpecVersion": ({"specversion": ...}, "/specversion"),
    "invalidNoId": ({"id": ...}, "/id"),
    "invalidNoType": ({"type": ...}, "/type"),
    "invalidNoSource": ({"source": ...}, "/source"),
    "invalidTimeGarbage": ({"time": "lunchtime"}, "/time"),
    "invalidTimeToMinute": ({"time": "2026-04-05T18:31Z"}, "/time"),
    "invalidTimeOffsetX": ({"time": "2026-04-05T18:31:00X"}, "/time"),
    "invalidTimeOffsetOutOfRange": ({"time": "2026-04-05T18:31:00+25:00"}, "/time"),
    "invalidTimeOffsetNonInteger": ({"time": "2026-04-05T18:31:00+xx:00"}, "/time"),
    "invalidTimeOffsetHourOnly": ({"time": "2026-04-05T18:31:00+05"}, "/time"),
    "invalidEmptyId": ({"id": ""}, "/id"),
    "invalidEmptyType": ({"type": ""}, "/type"),
    "invalidEmptySource": ({"source": ""}, "/source"),
    "invalidEmptySpecVersion": ({"specversion": ""}, "/specversion"),
    "invalidUnknownSpecVersion": ({"specversion": "0.9"}, "/specversion"),
    "invalidNonRfc2046DataContentType": ({"datacontenttype": "xyz"}, "/datacontenttype"),
    "invalidEmptyDataContentType": ({"datacontenttype": ""}, "/datacontenttype"),
    "invalidEmptyDataSchema": ({"dataschema": ""}, "/dataschema"),
    "invalidEmptySubject": ({"subject": ""}, "/subject"),
    "invalidNumericId": ({"id": 25}, "/id"),
    "invalidObjectId": ({"id": {"xyz": "abc"}}, "/id"),
    "invalidPunctuatedExtension": ({"my.extension": "bad"}, "/my.extension"),
    "invalidNonIntegerExtensionValue": ({"my.extension": 1.5}, "/my.extension"),
    "invalidNonIntegerExtensionValue by its value alone": ({"myextension": 1.5}, "/myextension"),
    "invalidCapitalizedExtension": ({"MyExtension": "bad"}, "/MyExtension"),
    "invalidBothDataAndDataBase64": ({"data_base64": "eyAieHl6IjogMTIzIH0="}, "/data_base64"),
}
"""By the id of a case, the same, and the attribute that is named."""
BATCH: Final = {"Content-Type": "application/cloudevents-batch+json"}


def made(changes: Mapping[str, Any], id_: str = "demo-1") -> dict[str, Any]:
    event = {**submitted(own_number=id_), "id": id_, **changes}
    return {name: value for name, value in event.items() if value is not ...}


def blocked(said: Mapping[str, Any]) -> set[str]:
    return {one["pointer"] for one in said["problems"] if one["severity"] == "block"}


def of_attributes(said: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is said of the attributes, if only to be told; of the data it depends on the day."""
    found = [(one["pointer"], one["rule"], one["severity"]) for one in said["problems"]]
    return [one for one in found if not one[0].startswith("/data/")]


async def over_http(ask: Ask, event: Mapping[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "application/cloudevents+json"}
    answer: httpx.Response = await ask("post", "/v1/events", content=json.dumps(event).encode(), headers=headers)
    return answer


async def over_kafka(engine: Engine, broker: Broker, event: Mapping[str, Any], *headers: tuple[str, bytes]) -> Any:
    """The receipt of an event that came over Kafka."""
    await engine.outbox.flush()  # what came before, so that the last receipt is that of this one
    await engine.records([replace(sent(event), headers=headers)])
    await engine.outbox.flush()
    return broker.events("pilots.receipts.demo.v1")[-1]["data"]


# ---- the JSON format


@pytest.mark.parametrize("case", VALID)
async def test_what_is_valid_is_taken_by_both_doors(engine: Engine, ask: Ask, broker: Broker, case: str) -> None:
    answer = await over_http(ask, made(VALID[case]))
    assert answer.status_code == 201, answer.text
    told = await over_kafka(engine, broker, made(VALID[case], "demo-2"))
    assert (told["event_id"], told["outcome"]) == ("demo-2", "registered")
    assert told["problems"] == answer.json()["problems"]


@pytest.mark.parametrize(("changes", "where"), (INVALID | ELSEWHERE).values(), ids=INVALID | ELSEWHERE)
async def test_what_is_invalid_is_refused_by_both_doors_naming_the_attribute(
    engine: Engine, ask: Ask, broker: Broker, changes: Mapping[str, Any], where: str
) -> None:
    answer = await over_http(ask, made(changes))
    assert (answer.status_code, blocked(answer.json())) == (422, {where}), answer.text
    told = await over_kafka(engine, broker, made({**changes, "id": changes.get("id", "demo-2")}))
    assert (told["outcome"], blocked(told)) == ("refused", {where})


async def test_an_event_that_does_not_say_when_it_happened_did_when_it_came_and_is_told_so(ask: Ask) -> None:
    answer = (await over_http(ask, made({"time": ...}))).json()
    assert of_attributes(answer) == [("/time", "time.missing", "warn")]
    again = await over_http(ask, made({"time": ...}))
    assert (again.status_code, again.json()["number"]) == (200, answer["number"])


async def test_data_that_were_sent_as_bytes_are_read(engine: Engine, ask: Ask, broker: Broker) -> None:
    def packed(said: bytes, id_: str = "demo-1") -> dict[str, Any]:
        return made({"data": ..., "data_base64": base64.b64encode(said).decode()}, id_)

    data = json.dumps(submitted()["data"]).encode()
    assert (await over_http(ask, packed(data))).status_code == 201
    assert (await over_kafka(engine, broker, packed(data, "demo-2")))["outcome"] == "registered"
    for bad in (packed(b"{bad", "demo-3"), {**packed(b"", "demo-4"), "data_base64": "!"}):
        answer = await over_http(ask, bad)
        assert (answer.status_code, blocked(answer.json())) == (422, {"/data_base64"}), answer.text
    assert blocked(await over_kafka(engine, broker, packed(b"[1]", "demo-5"))) == {"/data"}


# ---- batches


async def batched(ask: Ask, *events: Any) -> list[str]:
    answer = await ask("post", "/v1/events", content=json.dumps(events).encode(), headers=BATCH)
    assert answer.status_code == 207, answer.text
    return [one["verdict"] for one in answer.json()["items"]]


@pytest.mark.parametrize(
    ("case", "verdicts"),
    [
        ([], []),
        ([made({})], ["accepted"]),
        ([made({}), made({})], ["accepted", "duplicate"]),
        ([made({}), made(VALID["validAllCoreAttributes"], "demo-2")], ["accepted", "accepted"]),
        ([made({}), made(VALID["validAllExtensionTypes"], "demo-2")], ["accepted", "accepted"]),
        ([made({}), made({"specversion": "0.9"}, "demo-2")], ["accepted", "refused"]),
        ([made({"id": ...})], ["refused"]),
        (["not an object", made({})], ["refused", "accepted"]),
    ],
    ids=[
        *("validBatchEmpty", "validBatchMinimal", "validBatchMinimal2", "validBatchMinimalAndAllCore"),
        *("validBatchMinimalAndAllExtensionTypes", "invalidBatchMixedSpecVersions"),
        *("invalidBatchContainingInvalidCloudEvent", "invalidBatchContainingNonObject"),
    ],
)
async def test_of_a_batch_each_event_is_valid_or_not_by_itself(ask: Ask, case: list[Any], verdicts: list[str]) -> None:
    assert await batched(ask, *case) == verdicts


# ---- the bindings


def headers_of(event: Mapping[str, Any], prefix: str, content_type: str) -> dict[str, str]:
    said = {f"{prefix}{name}": str(value) for name, value in event.items() if name != "data"}
    return {**said, "content-type": content_type}


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
async def test_the_binary_mode_is_read_by_both_doors(
    engine: Engine, ask: Ask, broker: Broker, content_type: str
) -> None:
    event = made({"ext1": "value"})
    headers = headers_of(event, "ce-", content_type)
    answer = await ask("post", "/v1/events", content=json.dumps(event["data"]).encode(), headers=headers)
    assert (answer.status_code, of_attributes(answer.json())) == (201, []), answer.text
    assert (await over_http(ask, {**event, "datacontenttype": content_type})).status_code == 200, "it is the same event"
    event["id"] = "demo-2"
    records = [(name, value.encode()) for name, value in headers_of(event, "ce_", content_type).items()]
    told = await over_kafka(engine, broker, event["data"], *records)
    assert (told["event_id"], told["outcome"], of_attributes(told)) == ("demo-2", "registered", [])


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8", None]
)
async def test_the_structured_mode_is_read_by_both_doors(
    engine: Engine, ask: Ask, broker: Broker, content_type: str | None
) -> None:
    event = made({"datacontenttype": "application/json"})
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await ask("post", "/v1/events", content=json.dumps(event).encode(), headers=headers)
    assert (answer.status_code, of_attributes(answer.json())) == (201, []), answer.text
    records = [(name, value.encode()) for name, value in headers.items()]
    told = await over_kafka(engine, broker, {**event, "id": "demo-2"}, *records)
    assert (told["event_id"], told["outcome"], of_attributes(told)) == ("demo-2", "registered", [])


@pytest.mark.parametrize(
    "written",
    [
        quote("заявка 17/04 «А» 100%", safe=""),
        f'"{quote("заявка 17/04 «А» 100%", safe=" ")}"',
        quote("заявка 17/04 «А» 100%", safe="").lower(),
        "заявка 17/04 «А» 100%25".encode(),
        '"заявка 17\\/04 «А» 100%25"'.encode(),
    ],
    ids=["encoded", "quoted", "in small letters", "as UTF-8", "as UTF-8 and quoted"],
)
async def test_an_attribute_in_a_header_is_unquoted_and_then_decoded_once(ask: Ask, written: str | bytes) -> None:
    event = made({})
    headers = {**headers_of(event, "ce-", "application/json"), "ce-id": written}
    answer = await ask("post", "/v1/events", content=json.dumps(event["data"]).encode(), headers=headers)
    assert (answer.status_code, answer.json()["event_id"]) == (201, "заявка 17/04 «А» 100%"), answer.text


@pytest.mark.parametrize("name", ["subject", "ext1"])
async def test_an_attribute_whose_bytes_are_no_text_is_refused_by_both_doors(
    engine: Engine, ask: Ask, broker: Broker, name: str
) -> None:
    event = made({})
    headers = {**headers_of(event, "ce-", "application/json"), f"ce-{name}": "%C0%A0"}
    answer = await ask("post", "/v1/events", content=json.dumps(event["data"]).encode(), headers=headers)
    assert (answer.status_code, blocked(answer.json())) == (422, {f"/{name}"}), answer.text
    event["id"] = "demo-2"
    records = [(one, value.encode()) for one, value in headers_of(event, "ce_", "application/json").items()]
    told = await over_kafka(engine, broker, event["data"], *records, (f"ce_{name}", b"\xc0\xa0"))
    assert (told["event_id"], told["outcome"], blocked(told)) == ("demo-2", "refused", {f"/{name}"})
