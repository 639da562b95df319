"""The documents that are made from the contracts and the services without running anything.

`docs/api/asyncapi.json` says everything that travels over Kafka, `docs/api/openapi-<service>.json` what each
service takes over HTTP, `docs/*-states.md` where a case and a pilot can stand. The same code always gives the same
bytes, so a check can compare.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from fastapi import APIRouter

from contracts import VERSION
from contracts.event import agency_source
from contracts.freeze import CLASSES, OWNERS, as_file, example, inlined, owner_of, published
from contracts.topics import (
    AGENCY_CODE,
    EXPERTISE,
    FACT_TOPICS,
    INTAKE,
    REGISTRY,
    SERVICES,
    Topic,
    agency_topic,
    group,
    receipts_topic,
    source_of,
)
from deploy.states import PAGES
from deploy.topics import settings
from services.chassis.auth import Keys
from services.chassis.engine import Engine
from services.chassis.web import make_app

FOLDER: Final = Path("docs")
ASYNCAPI: Final = "3.1.0"
"""The newest version that the official parser knows (`@asyncapi/parser`)."""
BINDING: Final = "0.5.0"
UNSAID: Final = frozenset({"compression.type", "message.timestamp.type"})
"""What is set of a topic and the AsyncAPI binding has no word for."""
PLACEHOLDER: Final = "agency-code"
"""An agency's code that stands for all of them until it is replaced by the parameter `{agency}`."""
AGENCY: Final = "agency"
PAIR: Final = re.compile(r"(?<!\\)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")


def documents() -> dict[str, str]:
    """Every document by its path in the folder of documents."""
    made = {"api/asyncapi.json": asyncapi()}
    made |= {f"api/openapi-{service}.json": openapi(service) for service in SERVICES}
    texts = {name: _for_yaml(as_file(body, sort_keys=True)) for name, body in made.items()}
    return texts | {name: page() for name, page in PAGES.items()}


def _for_yaml(text: str) -> str:
    """Many tools read JSON as YAML, which knows no character that is written as a pair of two numbers."""
    return PAIR.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)


def write(root: Path) -> list[Path]:
    """Writes all documents below a root; returns where they are."""
    written = []
    for name, text in documents().items():
        path = root / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def stale(root: Path) -> list[Path]:
    """The documents below a root that are missing or not what the code says today."""
    paths = {root / FOLDER / name: text for name, text in documents().items()}
    return [path for path, text in paths.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


# ---- HTTP


def openapi(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service. Raises KeyError for an unknown one."""
    nothing = cast(Engine, None)
    app = make_app(f"Lotsman {service}", Keys("", "", ""), nothing, {})
    app.include_router(_ROUTERS[service]())
    return app.openapi()


def _intake() -> APIRouter:
    from services.intake.api import make_router
    from services.intake.service import RULES

    return make_router(RULES)


def _expertise() -> APIRouter:
    from services.expertise.api import make_router

    return make_router()


def _registry() -> APIRouter:
    from services.registry.api import make_router

    return make_router()


_ROUTERS: Final[Mapping[str, Callable[[], APIRouter]]] = {
    INTAKE: _intake,
    EXPERTISE: _expertise,
    REGISTRY: _registry,
}


# ---- Kafka


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of the whole system."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Lotsman: events of digital pilot projects",
            "version": VERSION,
            "description": "Every event is a CloudEvent 1.0: the whole of it as JSON in the record's value, its "
            "attributes repeated in the headers. Facts carry a sequence without holes for each subject.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": _server()},
        "channels": {name: _channel(topic, types) for name, (topic, types) in channels().items()},
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(name) for name in CLASSES},
            "securitySchemes": {
                "scram": {
                    "type": "scramSha512",
                    "description": "Each service and each agency has a user of its own; what it may read and write "
                    "is what its operations here say.",
                }
            },
        },
    }


def channels() -> dict[str, tuple[Topic, tuple[str, ...]]]:
    """Every topic by a short name, with the types of event that it carries."""
    facts = {source_of(topic.name): topic for topic in FACT_TOPICS}
    return {
        AGENCY: (agency_topic(PLACEHOLDER), tuple(OWNERS["agency"])),
        "receipts": (receipts_topic(PLACEHOLDER), tuple(OWNERS["receipts"])),
        **{service: (topic, tuple(OWNERS[service])) for service, topic in facts.items()},
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "protocol": "kafka-secure",
        "description": "Apache Kafka; topics are made by the operator, never by clients.",
        "variables": {"host": {"default": "localhost"}, "port": {"default": "9092"}},
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    }


def _channel(topic: Topic, types: Iterable[str]) -> dict[str, Any]:
    address = topic.name.replace(PLACEHOLDER, "{agency}")
    channel: dict[str, Any] = {
        "address": address,
        "summary": _kept(topic),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING,
            }
        },
    }
    if "{agency}" in address:
        channel["parameters"] = {
            "agency": {"description": f"The agency's code: {AGENCY_CODE}", "examples": ["minzdrav"]}
        }
    return channel


def _kept(topic: Topic) -> str:
    days = topic.retention_ms // (24 * 60 * 60 * 1000)
    return "Kept for ever: the complete journal of its service." if topic.retention_ms < 0 else f"Kept for {days} days."


def _configuration(topic: Topic) -> dict[str, Any]:
    said = settings(topic)
    policy = said.pop("cleanup.policy")
    numbers = {name: int(value) for name, value in said.items() if name not in UNSAID}
    return {"cleanup.policy": policy.split(","), **numbers}


def _operations() -> Iterable[tuple[str, dict[str, Any]]]:
    for name, (topic, types) in channels().items():
        for writer in topic.writers:
            who = writer.split(":")[0]
            yield f"{who}-sends-{name}", _operation("send", who, name, types)
        for reader in topic.readers:
            who = reader.split(":")[0]
            yield f"{who}-receives-{name}", _operation("receive", who, name, types)


def _operation(action: str, who: str, channel: str, types: Iterable[str]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "title": f"{who} {action}s {channel}",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in types],
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
        "tags": [{"name": who}],
    }
    if action == "receive" and who in SERVICES and who != channel:
        operation["bindings"] = {
            "kafka": {"groupId": {"type": "string", "enum": [group(who, channel)]}, "bindingVersion": BINDING}
        }
    return operation


def _message(name: str) -> dict[str, Any]:
    shown = example(name)
    schema = inlined(published(name))
    doc = (CLASSES[name].__doc__ or "").strip()
    return {
        "name": name,
        "title": CLASSES[name].__name__,
        "summary": doc.split("\n\n")[0].replace("\n    ", " "),
        "contentType": "application/json",
        "tags": [{"name": owner_of(name)}],
        "headers": _headers(shown),
        "payload": schema,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "bindings": {"kafka": {"key": _key(name), "bindingVersion": BINDING}},
        "examples": [{"name": "example", "payload": shown}],
    }


def _key(name: str) -> dict[str, str]:
    if owner_of(name) == AGENCY:
        return {"type": "string", "description": "Free: the topic has one partition."}
    return {"type": "string", "description": "The event's subject: everything on a subject stays in order."}


def _headers(shown: Mapping[str, Any]) -> dict[str, Any]:
    repeated = ("specversion", "id", "type", "source", "subject", "time")
    required = [f"ce_{name}" for name in repeated if name in shown]
    properties = {f"ce_{name}": {"type": "string", "description": f"Repeats `{name}`."} for name in repeated}
    properties["content-type"] = {"type": "string", "const": "application/json"}
    properties["traceparent"] = {"type": "string", "description": "W3C trace context."}
    optional = shown["source"].startswith(agency_source(""))
    return {
        "type": "object",
        "properties": properties,
        **({} if optional else {"required": [*required, "content-type"]}),
    }
