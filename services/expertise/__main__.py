"""Runs the expertise service: `python -m services.expertise`."""

from services.chassis.run import main, need_rules
from services.chassis.settings import Settings

if __name__ == "__main__":
    need_rules(Settings())
    from services.chassis.exports import worker
    from services.expertise import exports
    from services.expertise.api import make_router
    from services.expertise.documents.press import printing
    from services.expertise.service import RULES, SERVICE

    making = worker.making(exports.making, exports.begin, worker.options_of)
    main(SERVICE, SERVICE.sources, [make_router()], beside=[printing(RULES), making])
