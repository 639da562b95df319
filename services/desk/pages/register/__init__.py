"""The public register (открытый реестр): what everybody may read of pilots, without signing in."""

from typing import Final

from services.desk.pages.register import behind, copies, data, feed, find, handed, money, pilot, start

PAGES: Final = (start, find, feed, money, behind, data, copies, pilot, handed)
"""Its pages, in the order in which addresses are looked for: a pilot has any name that is left."""
