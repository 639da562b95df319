"""The bare route beside the agencies' door: FastAPI, pydantic, one `insert_many` with `w=majority`, and nothing else.

It takes a list of applications, each held by pydantic against its contract, and saves them as they came. It decides
nothing, knows no rule, draws no number, tells nobody, and what comes twice is an error. `python -m bench.bare_door`
with the address of MongoDB on stdin; the port stands on stdout.
"""

import socket
import sys
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from pymongo import WriteConcern

from contracts.agency import AGENCY, ApplicationSubmittedV2
from services.chassis.store import open_client

DATABASE: Final = "lotsman_bench_bare"
PATH: Final = "/events"
Event: Any = AGENCY.whole(ApplicationSubmittedV2.TYPE)


def app(url: str) -> FastAPI:
    """The route, on this MongoDB."""
    made = FastAPI()
    database = open_client(url)[DATABASE]
    events = database.get_collection("events", write_concern=WriteConcern(w="majority"))

    @made.post(PATH, status_code=201)
    async def publish(body: list[Event]) -> dict[str, int]:
        rows = [{"_id": f"{one.source}|{one.id}", **one.model_dump(mode="json")} for one in body]
        await events.insert_many(rows, ordered=False)
        return {"inserted": len(rows)}

    return made


if __name__ == "__main__":
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who reads the port may connect at once: until uvicorn runs the system keeps the queue
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app(sys.stdin.readline().strip()), log_level="warning", access_log=False)
        uvicorn.Server(config).run([listening])
