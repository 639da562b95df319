"""Users on a real MongoDB: a service sees its own database alone."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from contracts.topics import DESK, SERVICES
from deploy.local.backends import Backends
from deploy.local.mongod import Mongod
from deploy.local.ports import Ports


def test_the_member_is_primary_and_wants_a_login(backends: Backends) -> None:
    with MongoClient[dict[str, Any]](backends.mongo_url) as client:
        assert client.admin.command("hello")["isWritablePrimary"]
    with MongoClient[dict[str, Any]](
        backends.mongo_url.replace("admin:", "admin:x"), serverSelectionTimeoutMS=3000
    ) as wrong:
        _refuses(wrong, "Authentication failed")
    assert backends.mongod is not None
    with MongoClient[dict[str, Any]]("127.0.0.1", backends.mongod.port, directConnection=True) as nobody:
        _refuses(nobody, "requires authentication")


def _refuses(client: MongoClient[dict[str, Any]], why: str) -> None:
    with pytest.raises(OperationFailure, match=why):
        client.lotsman_intake.subjects.find_one()


@pytest.mark.parametrize("service", (*SERVICES, DESK))
def test_a_service_reads_writes_and_indexes_its_own_database(backends: Backends, service: str) -> None:
    with MongoClient[dict[str, Any]](backends.mongo_as(service)) as client:
        collection = client[f"lotsman_{service}"].things
        collection.create_index("a", unique=True)
        collection.insert_one({"_id": "x", "a": 1})
        assert collection.find_one({"a": 1}) == {"_id": "x", "a": 1}
        collection.drop()


@pytest.mark.parametrize("service", (*SERVICES, DESK))
def test_a_service_sees_no_other_database(backends: Backends, service: str) -> None:
    with MongoClient[dict[str, Any]](backends.mongo_as(service)) as client:
        for other in (*(f"lotsman_{name}" for name in (*SERVICES, DESK) if name != service), "admin"):
            with pytest.raises(OperationFailure, match="not authorized"):
                client[other].things.find_one()
            with pytest.raises(OperationFailure, match="not authorized"):
                client[other].things.insert_one({})


def test_the_data_stays_when_the_port_changes(tmp_path: Path) -> None:
    from deploy.local import secrets

    passwords = secrets.load(tmp_path)
    for number in range(2):
        mongod = Mongod(tmp_path, Ports.free()["mongod"], passwords, lambda _: None)
        try:
            mongod.start()
            with MongoClient[dict[str, Any]](mongod.url("intake")) as client:
                things = client.lotsman_intake.things
                assert things.count_documents({}) == number
                things.insert_one({})
        finally:
            mongod.kill() if number == 0 else mongod.stop()
