"""How far a view that is derived from the register's own topic has come: the search indexes, and the figures."""

import time
from dataclasses import dataclass
from typing import Final

SILENT: Final = 10.0
"""Seconds without a word from Kafka or MongoDB after which answers are not called complete."""


@dataclass(slots=True)
class Progress:
    """How far a view is. `whole`: it has held all of the topic once, so that it may answer."""

    done: int = 0
    total: int = 0
    whole: bool = False
    confirmed_at: float = -SILENT
    """When the follower last knew that it had read all there was, on the clock of `time.monotonic`."""

    @property
    def complete(self) -> bool:
        """Whether answers hold every fact but those of the last moments."""
        return self.whole and time.monotonic() - self.confirmed_at < SILENT
