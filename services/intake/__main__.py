"""Runs the intake service: `python -m services.intake`."""

from services.chassis.bus import AGENCIES
from services.chassis.run import main, need_rules
from services.chassis.settings import Settings

if __name__ == "__main__":
    need_rules(Settings())
    from services.chassis.hooks.running import sending
    from services.intake.api import make_router
    from services.intake.hooks import KIND
    from services.intake.importing import work
    from services.intake.service import RULES, SERVICE

    main(SERVICE, [AGENCIES, *SERVICE.sources], [make_router(RULES)], beside=[sending(KIND), work.run])
