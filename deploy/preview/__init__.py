"""What a changed edition or a changed module of the contracts would do to the events that agencies have sent.

Each pass judges all of them by one set of rules, in a process of its own, so that a changed module can stand in the
place of the packaged one before anything has read it; `deploy/cli/contracts.py` holds two passes against each other.
"""

from typing import Final

PROGRESS: Final = "> "
"""How a line on stderr begins in which a pass says how far it is; all others are its last words."""
