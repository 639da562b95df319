"""The right of an agency to be sent the register's changes: a scope of its keys that opens nothing else, and who
gives it."""

from typing import Any

import pytest

from contracts.event import Actor
from contracts.reference import Scope
from contracts.steps import KeyOrder
from deploy.cli import agency_keys as verbs
from deploy.cli.__main__ import main
from deploy.samples.common import NOW
from services.chassis.subject import Document
from services.intake.domain.agency import subject_of
from services.intake.domain.agency_keys import Fresh, IssueKey
from tests.kit.intake.story import CODE
from tests.kit.sides import Side, bearer, problem
from tests.unit.test_agencies import (
    DISABLED,
    ENTERED,
    agencies,
    decided,
    entered,
    given_out,
    holding,
    issued,
    noted,
    with_key,
)


def test_webhooks_of_the_registers_changes_need_a_key_with_that_very_right(registry: Side) -> None:
    """No token of the agency has it, nor a key that reads the register or looks after its receipts; it reads none."""
    subject, path, key = subject_of(CODE), "/v1/hooks", "lotsman_1_2"

    def with_scopes(*scopes: str, **more: Any) -> Any:
        state = noted(ENTERED, issued(key, scopes=scopes, **more))
        registry.engine.found[subject] = Document(subject, "agency", rev=1, version=1, state=state)
        registry.app.state.agencies.forget()
        return registry.ask("get", path, with_key(key))

    assert with_scopes("changes").status_code == 200
    assert problem(registry.ask("get", "/v1/pilots", with_key(key)), 403)["title"] == "key.scope"
    every_other = [one for one in Scope if one is not Scope.CHANGES]
    refused = problem(with_scopes(*every_other), 403)
    assert (refused["title"], "changes" in refused["detail"]) == ("key.scope", True)
    assert problem(with_scopes("changes", until=NOW), 401)["title"] == "auth.invalid"
    assert problem(registry.ask("get", path, bearer("publisher", org=CODE)), 403)["title"] == "auth.role"
    cut_off = noted(ENTERED, issued(key, scopes=("changes",)), DISABLED)
    registry.engine.found[subject] = Document(subject, "agency", rev=1, version=1, state=cut_off)
    registry.app.state.agencies.forget()
    assert problem(registry.ask("get", path, with_key(key)), 403)["title"] == "agency.disabled"


def test_nobody_of_an_agency_gives_its_keys_a_right_and_it_is_given_by_name(
    intake: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = KeyOrder(label="К", scopes=(Scope.CHANGES,))
    own = Actor(id="u-1", organisation=CODE, role="admin")
    refused = agencies.refused(entered(), IssueKey(order, Fresh("e" * 12, "d")), actor=own)
    assert (refused.code, refused.status) == ("agency.own-entry", 403)
    body, path = {"label": "К", "scopes": ["changes"]}, "/v1/agencies/vedomstvo/keys"
    told, command = given_out(intake, "", body)
    holding(intake, *decided(intake, command))
    for who in (bearer("publisher"), bearer("subscriber"), with_key(told["key"])):
        asked = intake.ask("post", path, who | {"Idempotency-Key": "k-2"}, json=body)
        assert problem(asked, 403)["title"] == "auth.role"
    bodies = list[Any]()

    def answered(_role: str, _service: str, _method: str, _path: str, body: Any) -> dict[str, str]:
        bodies.append(body)
        return {"key": "lotsman_1_2"}

    monkeypatch.setattr(verbs, "asked", answered)
    assert main(["agency", "key", "add", CODE, "--label", "ERP"]) == 0
    assert main(["agency", "key", "add", CODE, "--label", "ERP", "--scope", "changes"]) == 0
    assert [*bodies[0]["scopes"]] == ["publish", "validate", "receipts", "applications", "webhooks", "register"]
    assert [*bodies[1]["scopes"]] == ["changes"]
