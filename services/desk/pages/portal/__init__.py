"""The agency's portal: what a publisher sees and does for the own agency, and nothing of any other."""

from typing import Final

from services.desk.pages.portal import access, contracts, mine, sending, spreadsheets, submission

PAGES: Final = (mine, submission, sending, spreadsheets, access, contracts)
"""Its pages; each makes a router."""
