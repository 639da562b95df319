"""How measured times spread."""

from collections.abc import Sequence


def not_exceeded(times: Sequence[float], part: float = 0.95) -> float:
    """What this part of the times did not exceed, in their own unit; there must be one at least."""
    return sorted(times)[max(0, -(-int(len(times) * part * 100) // 100) - 1)]
