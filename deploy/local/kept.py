"""How much of what only tells about a run is kept: logs by size, traces by age and size; each a setting."""

from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.complaint import Complaint


class Kept(BaseSettings):
    """Settings of the embedded stack, each an environment variable `LOTSMAN_<NAME>`. No law says any of them: they are
    what a machine of one person can spare (assumptions)."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_", frozen=True)

    log_megabytes: float = Field(default=10.0, gt=0)
    """How large a log grows before it is put aside and begun anew; it may be larger by what is written in a second."""
    log_files: int = Field(default=3, ge=1, le=99)
    """How many logs of each process are kept beside the one that it writes to; each start puts one aside as well."""
    trace_days: float = Field(default=14.0, gt=0)
    """How long spans are kept."""
    trace_megabytes: float = Field(default=256.0, ge=1)
    """How large the file of the spans may be; the oldest go first."""

    @classmethod
    def read(cls) -> Self:
        """What the environment says. Raises Complaint where that is none of this."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = f"LOTSMAN_{str(first['loc'][0]).upper()}"
            raise Complaint(f"The setting {name} cannot be {first['input']!r}: {first['msg']}.") from error
