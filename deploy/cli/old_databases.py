"""Databases that a rebuild left: no erasure reaches them, so none is called done while one is there."""

import os
from collections.abc import Sequence

from deploy.cli import common
from deploy.cli.common import Found, out
from deploy.complaint import Complaint
from deploy.local import databases
from deploy.local.backends import Backends
from deploy.local.home import home
from deploy.local.ports import Ports


def need_none(found: Found, services: Sequence[str]) -> Found:
    """What an erasure found. Raises Complaint with it where these services have left databases behind, or where MongoDB
    cannot be asked."""
    elsewhere = common.reached().named or "mongod" not in common.running().children
    if elsewhere and not os.environ.get("LOTSMAN_MONGO_URL"):
        out.print("nobody looked for databases that a rebuild left: LOTSMAN_MONGO_URL says where they are")
        return found
    system = common.running()
    backends = Backends(home(), Ports(system.base))
    backends.join(mongod="mongod" in system.children, broker=None)
    try:
        left = databases.left(backends.mongo_url, home(), services)
    except Complaint as complaint:
        raise Complaint(f"What the services keep is erased. {complaint}", found=found) from None
    if left:
        raise Complaint(
            f"What the services keep is erased, and still stands in what a rebuild left: {', '.join(left)}. Drop that "
            "(docs/standing-up-again.md), and run the same once again.",
            found={**found, "left": left},
        )
    return found
