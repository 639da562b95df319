"""People who ask over HTTP, and the keys that take them by their word."""

from dataclasses import dataclass

import jwt

from services.chassis.auth import Caller, Keys


class Tokens(Keys):
    """Takes `id|role,role` or `id|role,role|agency` for a token: that tokens are checked is tested elsewhere."""

    def __init__(self) -> None:
        super().__init__("", "", "")

    def remembered(self, _token: str) -> None:
        """Every token is looked at."""

    async def caller(self, token: str) -> Caller:
        """Whom the token names."""
        id_, bar, said = token.partition("|")
        if not bar:
            raise jwt.InvalidTokenError("no token of these tests")
        roles, _, organisation = said.partition("|")
        return Caller(id_, frozenset(roles.split(",")), organisation or None)


@dataclass(frozen=True)
class Person:
    """Somebody with roles, who may act for an agency."""

    id: str
    roles: tuple[str, ...]
    organisation: str | None = None

    @property
    def token(self) -> str:
        return "|".join([self.id, ",".join(self.roles), *([self.organisation] if self.organisation else [])])
