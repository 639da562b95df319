"""Runs the registry service: `python -m services.registry`."""

from services.chassis.run import Beside, main, need_rules
from services.chassis.settings import Settings

if __name__ == "__main__":
    need_rules(Settings())
    from services.chassis.exports import worker
    from services.chassis.hooks.running import sending
    from services.registry import feed
    from services.registry.api import make_router
    from services.registry.exports import files, rows
    from services.registry.hooks import KIND
    from services.registry.projections.projected import project
    from services.registry.service import SERVICE

    beside: list[Beside] = [
        project,
        feed.run,
        worker.making(rows.making, files.begin, worker.options_of),
        sending(KIND),
    ]
    main(SERVICE, SERVICE.sources, [make_router()], beside=beside)
