"""With what a service's process ends, for whoever starts it."""

from typing import Final

STARTS_ANEW: Final = 70
"""It wants to be started again."""
REFUSES: Final = 78
"""It would end in the same way again until somebody has helped; the last line of its log says how (EX_CONFIG)."""
