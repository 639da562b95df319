"""The figures kept up with the register's own topic, as the search indexes are."""

from typing import Final

from services.registry.figures.figures import begin_anew, open_figures
from services.registry.projections.follower import Kept

FIGURES: Final = Kept(
    "figures",
    "sums",
    open_figures,
    begin_anew,
    lambda figures, whole: figures.commit(figures.offsets, whole=whole),
)
"""Which view is kept, in which folder, and how it is opened, begun anew and committed."""
