"""Runs the intake service: `python -m services.intake`."""

from services.chassis.bus import AGENCIES
from services.chassis.hooks.running import sending
from services.chassis.run import main
from services.intake.api import make_router
from services.intake.hooks import KIND
from services.intake.service import RULES, SERVICE

if __name__ == "__main__":
    main(SERVICE, [AGENCIES, *SERVICE.sources], [make_router(RULES)], beside=[sending(KIND)])
