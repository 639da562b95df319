"""How often pilots of the measurements come to each stage: as in the United States' federal inventory of 2025."""

from typing import Final

from services.registry.domain.stages import Stage

BEFORE, CARRIED, IN_USE, GIVEN_UP = 1479, 440, 1040, 314
"""Use cases before their deployment, piloted, deployed and retired in the inventory."""
STAGES: Final = {
    **dict.fromkeys((Stage.LOOK_OVER, Stage.RETURNED, Stage.EXPERTISE, Stage.NEGATIVE, Stage.COUNCIL), BEFORE / 7),
    **dict.fromkeys((Stage.EXPEDIENT, Stage.AGREED), BEFORE / 7),
    **dict.fromkeys((Stage.RUNNING, Stage.SUSPENDED, Stage.FINISHED, Stage.AT_COMMISSION), CARRIED / 4),
    **dict.fromkeys((Stage.EFFECTIVE, Stage.PARTLY_EFFECTIVE, Stage.SCALED, Stage.NOT_SCALED), IN_USE / 6),
    **dict.fromkeys((Stage.CATALOGUED, Stage.CREDITED), IN_USE / 6),
    **dict.fromkeys((Stage.INEFFECTIVE, Stage.STOPPED_EARLY, Stage.NOT_EXPEDIENT, Stage.NOT_AGREED), GIVEN_UP / 9),
    **dict.fromkeys((Stage.NOT_CREDITED, Stage.WITHDRAWN, Stage.STOPPED, Stage.LAPSED, Stage.REFUSED), GIVEN_UP / 9),
}
"""Every stage with how often it is taken: the inventory's four kinds, each spread evenly over its stages here."""
