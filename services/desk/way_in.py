"""The way in, whatever stands behind it."""

from typing import Protocol

from services.desk.session import SignedIn


class Door(Protocol):
    """The way in: an identity provider, or what stands for one on the embedded stack."""

    async def renewed(self, who: SignedIn) -> SignedIn | None:
        """The person with newer tokens; None where they must sign in again. Raises nothing else than StoreAway."""
        ...

    async def left(self, who: SignedIn, back: str) -> str | None:
        """Where the provider is told that the person signs out, if it wants to be told."""
        ...

    async def ready(self) -> None:
        """Raises, with whatever says why, unless people can sign in just now."""
        ...

    async def sweep(self) -> None:
        """Forgets what nobody finished. Raises StoreAway."""
        ...
