"""Runs the expertise service: `python -m services.expertise`."""

from services.chassis.run import main
from services.expertise.api import make_router
from services.expertise.documents.press import printing
from services.expertise.service import RULES, SERVICE

if __name__ == "__main__":
    main(SERVICE, SERVICE.sources, [make_router()], beside=[printing(RULES)])
