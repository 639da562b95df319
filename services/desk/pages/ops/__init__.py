"""The ops view: what goes on now, what is parked, what a trace did, how the services are. Role ops alone."""

from services.desk.pages.ops import group, now, parked, record, repairs, services, traces, waterfall

PAGES = (now, parked, group, record, repairs, services, traces, waterfall)
"""All of them; each makes a router."""
