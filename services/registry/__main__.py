"""Runs the registry service: `python -m services.registry`."""

from functools import partial

from services.chassis.run import Beside, main
from services.registry import feed as changes
from services.registry.api import make_router
from services.registry.exports import rows, worker
from services.registry.figures.following import FIGURES
from services.registry.projections import follower
from services.registry.service import SERVICE

if __name__ == "__main__":
    beside: list[Beside] = [
        follower.run,
        partial(follower.keep, FIGURES),
        changes.run,
        worker.making(rows.making, worker.options_of),
    ]
    main(SERVICE, SERVICE.sources, [make_router()], beside=beside)
