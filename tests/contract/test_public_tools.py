"""Both kinds of documents, held to what public tools say of them: no error and no warning."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import SERVICES
from deploy.docs import ASYNCAPI
from deploy.local.home import ROOT
from tests.kit.public_tools import node_tools, python_tools, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DOCUMENTS = ROOT / "docs" / "api"
SCRIPT = Path(__file__).with_name("validate_asyncapi.js")
every_service = pytest.mark.parametrize("service", SERVICES)


def parsed(document: Path) -> list[dict[str, Any]]:
    """What the official parser of AsyncAPI says of a document."""
    done = run("node", SCRIPT, document, cwd=node_tools())
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def linted(document: Path) -> dict[str, Any]:
    """What Redocly says of an OpenAPI document by its recommended rules."""
    done = run(
        "node_modules/.bin/redocly", "lint", "--extends=recommended", "--format=json", document, cwd=node_tools()
    )
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


def test_the_official_parser_has_nothing_to_say_of_the_asyncapi_document(tmp_path: Path) -> None:
    """Not even that there is a newer version of AsyncAPI."""
    document = DOCUMENTS / "asyncapi.json"
    assert parsed(document) == []
    older = tmp_path / "older.json"
    older.write_text(document.read_text(encoding="utf-8").replace(f'"asyncapi": "{ASYNCAPI}"', '"asyncapi": "3.0.0"'))
    assert [one["code"] for one in parsed(older)] == ["asyncapi-latest-version"]


@every_service
def test_redocly_finds_no_error_and_no_warning(service: str) -> None:
    found = linted(DOCUMENTS / f"openapi-{service}.json")
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, [
        (one["ruleId"], one["message"], one["location"][0]["pointer"]) for one in found["problems"][:10]
    ]


@every_service
def test_openapi_spec_validator_takes_the_document(service: str, tmp_path: Path) -> None:
    tool, document = python_tools() / "openapi-spec-validator", DOCUMENTS / f"openapi-{service}.json"
    done = run(tool, document)
    assert (done.returncode, done.stdout.strip()) == (0, f"{document}: OK"), done.stdout[:2000]
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text(document.read_text(encoding="utf-8").replace('"operationId"', '"operationName"', 1)[:-2])
    assert run(tool, spoilt).returncode != 0
