"""What the desk is told by its environment beside what every service is: `LOTSMAN_DESK_<NAME>`. Times in seconds."""

from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DAY: Final = 24 * 3600.0


class DeskSettings(BaseSettings):
    """Settings of the desk. Which claims name roles and organisation stands in the settings of every service."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_DESK_", frozen=True, hide_input_in_errors=True)

    url: str = "http://127.0.0.1:8100"
    """The address under which browsers know the desk. Beyond this machine it must be https."""
    intake_url: str = "http://127.0.0.1:8101"
    expertise_url: str = "http://127.0.0.1:8102"
    registry_url: str = "http://127.0.0.1:8103"
    collector_url: str = ""
    """Where the collector of the embedded stack tells of the traces and logs that it keeps."""
    traces_url: str = Field(default="", validation_alias=AliasChoices("traces_url", "LOTSMAN_TRACES_URL"))
    """`LOTSMAN_TRACES_URL`: the query API of a Jaeger, where traces are kept anywhere else: `http://jaeger:16686`."""
    logs_url: str = ""
    """A link to the lines of one trace in the store of the logs, `{trace}` standing for its id; empty: no link."""
    asked_within: float = Field(default=10.0, gt=0)
    """How long an answer of a service is waited for (assumption: who has sent a form does not wait longer)."""
    read_within: float = Field(default=5.0, gt=0)
    """The same of what a page reads, without files (assumption: 95 of 100 pages have all of it within 0.3 s, and after
    5 s of looking for MongoDB a service says itself that it cannot answer)."""
    connected_within: float = Field(default=2.0, gt=0)
    """How long a connection to a service is waited for (assumption)."""
    provider: str = ""
    """The issuer at which people sign in, an OpenID Connect provider; its configuration is asked of it."""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    """Empty: a public client, which PKCE alone protects."""
    scope: str = "openid profile"
    name_claim: str = Field(default="name", min_length=1)
    """The claim of the ID token that says what a person is called; shown to that person alone."""
    readers: str = "300/minute"
    """How often one address may ask for the pages of the public register, which nobody signs in for (assumption: an
    office behind one address)."""
    public_age: int = Field(default=10, ge=0)
    """For how many seconds a page of the public register may be kept by whoever passes it on (assumption: as the
    register's own answers)."""
    public_api: str = ""
    """Under which address everybody reaches the register's `/public/v1`, where not through the desk, which hands it
    on."""
    zone: str = "Europe/Minsk"
    """The zone in which moments are told to readers; terms are counted in the zone of their edition."""
    session_life: float = Field(default=12 * 3600.0, gt=0)
    """How long somebody stays signed in at most (assumption: a working day with its evening)."""
    file_life: float = Field(default=DAY, gt=0)
    """How long a file is held that was chosen in a form and could not be sent (assumption: whoever chose it comes back
    within a day; it may tell of persons, so no longer)."""
    draft_life: float = Field(default=30 * DAY, gt=0)
    """How long words that were typed and not sent are kept (assumption: longer than any term of a review)."""
    personal_draft_life: float = Field(default=7 * DAY, gt=0)
    """The same of a form that asks who somebody is, or an event of an agency: no erasure reaches a draft, so it ends
    with the spreadsheets that intake keeps (assumption)."""

    @property
    def secure(self) -> bool:
        """Whether browsers come over https."""
        return urlsplit(self.url).scheme == "https"

    @property
    def origin(self) -> str:
        """The address without a path, as browsers name it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("traces_url", "collector_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("the address of the traces begins with http:// or https://")
        return url.rstrip("/")

    @field_validator("logs_url")
    @classmethod
    def _a_link(cls, url: str) -> str:
        if url and not (url.startswith(("http://", "https://")) and "{trace}" in url):
            raise ValueError("the link to the logs is an http address in which {trace} stands for the id of a trace")
        return url

    @model_validator(mode="after")
    def _not_in_the_clear(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("the address of the desk must be https beyond this machine: cookies would go in the clear")
        return self


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
