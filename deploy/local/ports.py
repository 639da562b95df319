"""Which port everything listens on, all of them counted from one base and bound to 127.0.0.1."""

import random
import socket
from dataclasses import dataclass
from typing import Final

from contracts.topics import DESK, EXPERTISE, INTAKE, REGISTRY
from deploy.complaint import Complaint

OFFSETS: Final = {
    DESK: 0,
    INTAKE: 1,
    EXPERTISE: 2,
    REGISTRY: 3,
    "mail": 4,
    "follower": 5,
    "mongod": 17,
    "otlp": 18,
    "kafka": 92,
    "controller": 93,
}


BASES = range(10_000, 30_000, 100)
"""The bases that `Ports.free` draws from; they lie below the range that outgoing connections are given."""


@dataclass(frozen=True)
class Ports:
    """Ports of one stack. `ports["intake"]` is the base plus the offset of intake."""

    base: int

    def __getitem__(self, name: str) -> int:
        return self.base + OFFSETS[name]

    @classmethod
    def free(cls) -> "Ports":
        """A base of BASES whose ports are all free."""
        for _ in range(200):
            ports = cls(random.choice(BASES))
            if all(is_free(ports[name]) for name in OFFSETS):
                return ports
        raise Complaint("No hundred free ports were found between 10000 and 30000.")


def is_free(port: int) -> bool:
    """Whether this process could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def need_free(port: int, purpose: str) -> None:
    """Raises Complaint when something else already listens there."""
    if not is_free(port):
        raise Complaint(
            f"Port {port}, needed for {purpose}, is in use; stop what uses it, "
            "or choose other ports with --port-base or LOTSMAN_PORT_BASE."
        )
