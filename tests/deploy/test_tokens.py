"""Tokens of the embedded stack can be checked with the public half that the services are given."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from deploy.complaint import Complaint
from deploy.local import keys


def claims(folder: Path, token: str) -> dict[str, Any]:
    env = keys.service_env(folder)
    published = json.loads(Path(env["LOTSMAN_JWKS"]).read_text())
    assert all("d" not in key for key in published["keys"]), "no private half"
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    found: dict[str, Any] = jwt.decode(
        token, key, algorithms=["ES256"], issuer=env["LOTSMAN_ISSUER"], audience=env["LOTSMAN_AUDIENCE"]
    )
    return found


def test_a_token_carries_roles_and_organisation_and_ends(tmp_path: Path) -> None:
    said = claims(tmp_path, keys.token(tmp_path, ["officer", "auditor"], org="7700", sub="p-7"))
    assert (said["roles"], said["org"], said["sub"]) == (["officer", "auditor"], "7700", "p-7")
    assert said["exp"] - said["iat"] == 12 * 3600
    assert "name" not in said


def test_people_are_told_apart_without_a_name(tmp_path: Path) -> None:
    first, second = (claims(tmp_path, keys.token(tmp_path, ["ops"]))["sub"] for _ in range(2))
    assert first != second


def test_a_token_of_another_stack_is_refused(tmp_path: Path) -> None:
    foreign = keys.token(tmp_path / "a", ["admin"])
    with pytest.raises(jwt.InvalidSignatureError):
        claims(tmp_path / "b", foreign)


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="no role 'king'"):
        keys.token(tmp_path, ["king"])


def test_a_life_that_services_refuse_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="12 hours at most"):
        keys.token(tmp_path, ["ops"], hours=12.5)


def test_an_identity_provider_of_ones_own_is_the_one_that_services_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"LOTSMAN_JWKS": "https://sso.example/keys", "LOTSMAN_ISSUER": "sso", "LOTSMAN_AUDIENCE": "pilots"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert keys.service_env(tmp_path) == own
