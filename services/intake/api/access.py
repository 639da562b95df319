"""Who may ask what of intake."""

from typing import Annotated, Final

from fastapi import Depends

from services.chassis.hand import Hand, hand

Officer = Annotated[Hand, Depends(hand("officer"))]
Admin = Annotated[Hand, Depends(hand("admin"))]
READERS: Final = ("officer", "auditor", "admin")
"""Who reads applications and the directory."""
