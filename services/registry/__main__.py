"""Runs the registry service: `python -m services.registry`."""

from services.chassis.run import main
from services.registry.api import make_router
from services.registry.finding import follower
from services.registry.service import SERVICE

if __name__ == "__main__":
    main(SERVICE, SERVICE.sources, [make_router()], beside=[follower.run])
