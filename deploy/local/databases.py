"""Which database each service works on: the one it began with, until a rebuild puts another in its place."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pymongo.errors import PyMongoError

from deploy import provisioning
from deploy.complaint import Complaint
from deploy.local.home import read_json, write_private
from services.chassis.store import Keys, Store, StoreAway

FILE = "databases.json"
INDEXES_WITHIN: Final = 900.0
"""Seconds."""


def first(service: str) -> str:
    """The database a service begins with."""
    return f"lotsman_{service}"


def current(folder: Path, service: str) -> str:
    """The database a service works on now."""
    return str(_read(folder).get(service, first(service)))


def switch(folder: Path, service: str, name: str) -> None:
    """Lets a service work on another database from its next start on."""
    write_private(folder / FILE, json.dumps({**_read(folder), service: name}, indent=1) + "\n")


def left(mongo_url: str, folder: Path, services: Sequence[str]) -> list[str]:
    """The databases that these services do not work on, and did before a rebuild, or that one was made for in vain.
    They have persons, and no erasure reaches them. Raises Complaint where MongoDB cannot be asked."""
    try:
        with provisioning.client(mongo_url) as client:
            there = client.list_database_names()
    except PyMongoError as error:
        raise Complaint(f"MongoDB cannot be asked which databases there are ({type(error).__name__}).") from error
    made = re.compile(rf"({'|'.join(map(first, services))})(_\d{{14}})?")
    return sorted({name for name in there if made.fullmatch(name)} - {current(folder, one) for one in services})


def drop(mongo_url: str, name: str) -> None:
    """Throws a database away. Raises PyMongoError."""
    with provisioning.client(mongo_url) as client:
        client.drop_database(name)


async def build_indexes(store: Store, indexes: Mapping[str, Sequence[Keys]]) -> None:
    """Builds a service's indexes in a database that is full already: much sooner than filling one that has them.

    Over many rows that takes longer than a call may wait; asking again joins the work that goes on. Raises Complaint
    where it takes too long.
    """
    deadline = time.monotonic() + INDEXES_WITHIN
    while True:
        try:
            return await store.prepare(indexes)
        except StoreAway as error:
            if time.monotonic() > deadline:
                raise Complaint("MongoDB did not build its indexes in time.") from error
            await asyncio.sleep(1)


def _read(folder: Path) -> dict[str, str]:
    found: dict[str, str] = read_json(folder / FILE) or {}
    return found
