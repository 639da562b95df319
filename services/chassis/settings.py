"""What a service is told by its environment. Secrets come from here alone and never show in a representation."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.chassis.pace import SELDOM
from services.chassis.tokens import LIFE


class Settings(BaseSettings):
    """Settings of one service process, each an environment variable `LOTSMAN_<NAME>`. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_", frozen=True, hide_input_in_errors=True)

    kafka_url: str = "127.0.0.1:9092"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_tls: bool = False
    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0")
    mongo_driver: Literal["motor", "pymongo"] = "motor"
    database: str = ""
    compare: bool = True
    """Whether the database is held against the service's own topic before anything is done. Without it a service gives
    numbers and sequences out twice where its database was lost: for benches alone, whose databases have no topic."""
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    jwks: str = ""
    """Where the keys of the identity provider are: an https address (http on this machine), or the path of a JWKS
    file."""
    issuer: str = ""
    audience: str = "lotsman"
    roles_claim: str = Field(default="roles", min_length=1)
    """The claim in which tokens name roles; dots lead into objects: `realm_access.roles`."""
    organisation_claim: str = Field(default="org", min_length=1)
    """The claim in which tokens name the organisation or agency that is acted for, as one text; dots lead into
    objects."""
    token_life: float = Field(default=LIFE, gt=0)
    """The longest time from a token's issue to its end. Not law: a working day with its evening (assumption)."""
    otlp_url: str | None = None
    only: Literal["all", "http", "consumers"] = "all"
    calendars: str = ""
    """A folder of calendar updates (`.toml`, see `CalendarUpdate` in contracts/calendars.py); empty: none."""
    index_dir: str = ""
    """Where the register keeps its search index and its figures, and lists while they are being made: a folder of this
    process alone; empty: a passing one, so that index and figures are made anew at every start."""
    export_lease: float = Field(default=60.0, gt=0)
    """How long a list that is being taken out of the register may lie still before another worker goes on with it."""
    trusted_hops: int = Field(default=0, ge=0, le=10)
    """How many proxies of one's own stand before this service: so many entries of X-Forwarded-For are believed."""
    public_limit: str = "120/minute"
    """How often one address may ask what is open without a token."""
    public_age: int = Field(default=10, ge=0)
    """How long an answer that is open to all may be kept by whoever passes it on."""
    batch_records: int = Field(default=500, ge=1, le=5000)
    agency_batch_records: int = Field(default=100, ge=1, le=5000)
    """Events of all agencies together that are taken at once: whoever sends one waits for two such batches at most,
    that in hand and its own. Measured with a flood (assumption: an answer within 2 s)."""
    agency_batch_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """With so many bytes such a batch is full before that. Bounds memory (assumption)."""
    agency_fetch_bytes: int = Field(default=128 * 1024, ge=1024)
    """Bytes that are fetched of one agency's topic at once; a larger event comes alone (assumption)."""
    agencies_fetch_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """The same of all agencies' topics together (assumption)."""
    standing_after: float = Field(default=60.0, gt=0)
    """How long a partition may not get on, though there is more in it, until it is told of (assumption)."""
    metadata_age: float = Field(default=2.0, gt=0)
    """How soon a new agency's topic is noticed."""
    sweep_every: float = Field(default=2.0, gt=0)
    sweep_age: float = Field(default=5.0, ge=0)
    """How long a fact may wait in an outbox before the sweep takes it for left behind."""
    timers_every: float = Field(default=1.0, gt=0)
    idle_every: float = Field(default=SELDOM, gt=0)
    """How often it is looked for what is left or due, where nothing has happened in this process for a while."""
    retry_pauses: tuple[float, ...] = (0.2, 1.0, 3.0)
    """Pauses between the short retries of a batch, before it is given back to the broker."""
    nack_pause: float = Field(default=5.0, ge=0)
    publish_failures: int = Field(default=10, ge=1)
    """Consecutive failures to publish to a broker that answers, after which the process ends to start anew."""
    stop_within: float = Field(default=30.0, gt=0)
