"""Who may ask what of intake."""

from typing import Annotated, Final

from fastapi import Depends, Query

from contracts.forms import AGENCY
from contracts.reference import Role
from services.chassis.hand import Hand, hand

Officer = Annotated[Hand, Depends(hand(Role.OFFICER))]
Admin = Annotated[Hand, Depends(hand(Role.ADMIN))]
READERS: Final = (Role.OFFICER, Role.AUDITOR, Role.ADMIN)
"""Who reads applications and the directory."""
AgencyAsked = Annotated[str | None, Query(pattern=AGENCY)]
"""The agency that is asked for, by its code."""
