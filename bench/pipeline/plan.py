"""What a party of the pipeline is told: where Kafka and MongoDB are, which topics and databases are its own, how many.

Every party is a process of its own, so that its processor time and its memory can be told apart. It says that it is
ready with a file and starts when another file is there: what it takes to start is not measured.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from contracts.topics import SERVICES
from deploy.login import Login

PEOPLE: Final = "people"
"""The party that acts for the agency and for all officials: it submits, and answers each fact with the next command."""
PARTIES: Final = (*SERVICES, PEOPLE)
AGENCY: Final = "bench"
BATCH: Final = 500
"""Records that are taken from Kafka at once, and commands that are given at once, in every way that has batches."""
PARTITIONS: Final = 12
"""Of every fact topic, as in contracts/topics.py."""


@dataclass(frozen=True)
class Plan:
    """One run of one way. `topics` are the fact topics and `databases` those of each service, `submissions` is the
    agency's topic and `receipts` that of its receipts; `folder` is where the parties leave their marks."""

    run: str
    pilots: int
    kafka: Login
    mongo_url: str
    postgres: str
    topics: dict[str, str]
    submissions: str
    receipts: str
    databases: dict[str, str]
    folder: Path

    def write(self) -> Path:
        """Writes it down for the parties; the file is private, since logins are in it."""
        path = self.folder / f"{self.run}.plan.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({**asdict(self), "folder": str(self.folder)}))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """The plan that was written."""
        said = json.loads(path.read_text())
        return cls(**{**said, "kafka": Login(**said["kafka"]), "folder": Path(said["folder"])})

    def ready(self, party: str) -> Path:
        """The mark of a party that can begin."""
        return self.folder / f"{self.run}.{party}.ready"

    @property
    def go(self) -> Path:
        """The mark that the run has begun."""
        return self.folder / f"{self.run}.go"

    async def begin(self, party: str) -> None:
        """Says that a party is ready, and returns when all may begin."""
        self.ready(party).touch()
        while not self.go.exists():
            await asyncio.sleep(0.01)

    def event_ids(self) -> list[str]:
        """The agency's own ids of the submissions of this run, all of one length."""
        return [f"{self.run}-{number:06d}" for number in range(self.pilots)]
