"""What a service is told by its environment. Secrets come from here alone and never show in a representation."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.extent import EVENT
from contracts.topics import AGENCY_MAX_BYTES
from services.chassis.bounds import Bounds
from services.chassis.pace import SELDOM
from services.chassis.tokens import LIFE

MIB = 1024 * 1024


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
    agency_events_a_minute: int = Field(default=1200, ge=0)
    """How many events a minute one agency may publish that has no quota of its own; 0 is no bound. Over HTTP what is
    above it is told to come later; of its topic intake reads no more (assumption: twenty a second are a quarter of what
    two cores take, so that nobody else notices; a year's reports of a large agency come in a few minutes)."""
    agency_bytes_a_minute: int = Field(default=120 * MIB, ge=0)
    """The same of bytes over HTTP; at Kafka the broker keeps a quota of its own (assumption: the same number, there as
    2 MiB a second)."""
    key_overlap_hours: int = Field(default=24, ge=0)
    """How long a key of an agency is good beside its successor, where nobody says otherwise (assumption: a working day
    to exchange it in)."""
    otlp_url: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """From which level lines stand in the log: with INFO one for everything that is taken, refused, commanded, fired or
    sent; with WARNING what needs a look alone; with DEBUG what the framework has to say of each batch besides."""
    only: Literal["all", "http", "consumers"] = "all"
    """What a process does: everything; what is asked over HTTP; or reading, and over HTTP alone how it is (health,
    metrics, what is parked and read), so that it is watched like any other."""
    calendars: str = ""
    """A folder of calendar updates (`.toml`, see `CalendarUpdate` in contracts/calendars.py); empty: none."""
    editions: str = ""
    """A folder of editions and calendars of the deployment's own (see contracts/own.py); empty: none."""
    mappings: str = "deploy/mappings"
    """A folder of mappings of spreadsheets that agencies may choose over HTTP."""
    index_dir: str = ""
    """Where the register keeps its search index and its figures, and lists while they are being made: a folder of this
    process alone; empty: a passing one, so that index and figures are made anew at every start."""
    export_lease: float = Field(default=60.0, gt=0)
    """How long a list that is being taken out of the register may lie still before another worker goes on with it."""
    trusted_hops: int = Field(default=0, ge=0, le=10)
    """How many proxies of one's own stand before this service: so many entries of X-Forwarded-For are believed."""
    public_limit: str = "120/minute"
    """How often one address may ask what is open without a token."""
    public_uncounted: tuple[IPv4Network | IPv6Network, ...] = ()
    """From which networks the desk asks, as JSON (`["10.20.0.0/24"]`): it counts its own readers, so it is not counted
    here."""
    public_files: int = Field(default=4, ge=1)
    """Files open to all that are made at once, at most half of them for one caller (assumption: two for each core)."""
    public_age: int = Field(default=10, ge=0)
    """How long an answer that is open to all may be kept by whoever passes it on."""
    body_bytes: int = Field(default=AGENCY_MAX_BYTES, ge=1)
    """Bytes of a request's body, where its route says nothing else: as many as an event may have."""
    json_elements: int = Field(default=EVENT.elements, ge=1)
    """Values in a JSON body, at any depth: as many as in an event (assumption: no step of a person has a tenth)."""
    json_depth: int = Field(default=EVENT.depth, ge=1)
    """Objects and lists in one another in a JSON body (assumption, as above)."""
    routes: dict[str, Bounds] = Field(default_factory=dict)
    """Other bounds for single routes, as JSON: `{"POST /v1/events": {"bytes": 500000}}`. None by themselves."""
    requests: int = Field(default=256, ge=1)
    """Requests that are worked on at once (assumption: more only wait for each other on two cores)."""
    requests_of_one: int = Field(default=32, ge=1)
    """Of these, how many of one caller (assumption: a page of the desk asks for ten things at once)."""
    requests_waiting: int = Field(default=200, ge=0)
    """How many of one caller may wait for a turn; more are told to come again (assumption)."""
    turn_within: float = Field(default=10.0, gt=0)
    """How long a request waits for its turn at most (assumption: below what clients wait for an answer)."""
    bytes_in_flight: int = Field(default=16 * MIB, ge=1)
    """Bytes of bodies in hand at once, from the first byte to the answer. Measured: what is made of a megabyte takes up
    to ten, so that the whole stays below the 512 MB of the container."""
    bytes_of_one: int = Field(default=4 * MIB, ge=1)
    """Of these, how many of one caller (assumption: a quarter)."""
    batches_waiting: int = Field(default=4, ge=0)
    """How many batches of events one agency may have waiting while another is decided on; they are decided on one by
    one, in turn between agencies (assumption: a client that sends five side by side gains nothing by more)."""
    batch_within: float = Field(default=45.0, gt=0)
    """How long a batch waits for its turn, unread, until its agency is asked to send it later (assumption: its work
    and this stay below the minute after which proxies give up)."""
    papers_waiting: int = Field(default=5, ge=0)
    """How many papers that are not printed yet one caller may wait for; they are printed one by one, in turn between
    callers (assumption: each takes a fifth of a second)."""
    questions: int = Field(default=4, ge=1)
    """Questions to the search index and to the figures that are worked on at once, at most half of them one caller's
    (assumption: two for each core)."""
    polls: int = Field(default=100, ge=1)
    """How many may follow the change feed at once (assumption)."""
    polls_of_one: int = Field(default=10, ge=1)
    """Of these, how many of one caller: more than one is a fault of a client, or several clients (assumption)."""
    exports_of_one: int = Field(default=10, ge=1)
    """How many lists of one person may be on their way at once (assumption)."""
    hook_key: SecretStr = SecretStr("")
    """By what the secrets of hooks are sealed: 32 characters at least; several, the newest first, separated by commas.
    Without it there are no hooks."""
    hook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """To which networks hooks may be sent beside the public internet, as JSON: `["10.20.0.0/16"]`. To this machine
    (`["127.0.0.0/8"]`) also without TLS."""
    hook_pauses: tuple[float, ...] = Field(default=(5, 300, 1800, 7200, 18000, 36000, 36000), min_length=1)
    """Pauses after the first, second ... attempt in vain (Standard Webhooks 1.0, "Deliverability and reliability")."""
    hook_jitter: float = Field(default=0.1, ge=0, le=1)
    """By what part of it a pause may be longer, by chance, so that not all come back at once (assumption)."""
    hook_off_after: float = Field(default=120 * 3600.0, gt=0)
    """After how long without one success a hook is switched off (assumption: five days)."""
    hook_within: float = Field(default=15.0, gt=0)
    """Time for one attempt (Standard Webhooks: 15 to 30 s)."""
    hooks_at_once: int = Field(default=32, ge=2)
    """Attempts at once, to all hooks (assumption: each is one connection)."""
    hooks_of_one: int = Field(default=4, ge=1)
    """Of these, how many to one hook (assumption)."""
    hooks_of_owner: int = Field(default=10, ge=1)
    """How many hooks one agency or other system may have (assumption)."""
    hook_overlap: float = Field(default=24 * 3600.0, ge=0)
    """How long the secret of before signs beside a new one (assumption: a day to change it at the receiver)."""
    hook_days: int = Field(default=30, ge=6)
    """Days for which deliveries are kept, as receipts are in their topic; more than a hook may fail."""
    connections: int = Field(default=1000, ge=1)
    """Connections at once; at the bound the one that has been idle for longest makes room (assumption)."""
    connections_of_one: int = Field(default=200, ge=1)
    """Of these, how many of one address, where `trusted_hops` is 0: behind a proxy all come from one (assumption: an
    office behind one address)."""
    head_within: float = Field(default=10.0, gt=0)
    """Time for the head of a request (assumption; nginx has 60, Apache 20 to 40)."""
    head_bytes: int = Field(default=64 * 1024, ge=1024)
    """Bytes of the head of a request: a token of 16 KB with room (assumption; nginx has 32 KB)."""
    body_within: float = Field(default=60.0, gt=0)
    """Time for the body of a request, once it is its turn (assumption: a megabyte over 140 kbit/s)."""
    idle_within: int = Field(default=5, ge=1)
    """How long a connection is kept for the next request (as the server has it by itself)."""
    write_within: float = Field(default=60.0, gt=0)
    """How long nothing of an answer may go out because its reader takes nothing (assumption)."""
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
    ready_lag: int = Field(default=100_000, ge=1)
    """How many facts of other services may wait to be taken, until this process is not called ready (assumption: two
    minutes' work of two cores; who asks it would be told what was)."""
    ready_unsent: float = Field(default=300.0, gt=0)
    """How long facts may wait to be sent though Kafka answers, until the same (assumption: above it the alert has been
    up for minutes)."""
    ready_late: float = Field(default=10.0, gt=0)
    """How long the event loop may be held, until the same (assumption: far above the longest slice of work)."""
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
