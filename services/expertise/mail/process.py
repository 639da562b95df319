"""The mail process of expertise: health and metrics beside the queue of notices. Off without LOTSMAN_SMTP_URL."""

import asyncio
import logging
import signal
from typing import Final

from contracts.rules import load
from services.chassis import telemetry
from services.chassis.auth import Keys
from services.chassis.run import need_rules, serving
from services.chassis.settings import Settings
from services.chassis.store import Store, open_client
from services.chassis.web import make_bare_app
from services.expertise.mail.queue import Mailer, MailSettings
from services.expertise.mail.smtp import Misconfigured

log = logging.getLogger(__name__)

NAME: Final = "expertise-mail"


def main() -> None:
    """The whole life of the process. Without LOTSMAN_SMTP_URL it says that mail is off and ends."""
    mail, settings = MailSettings(), Settings()
    if not mail.smtp_url.get_secret_value():
        print("Mail is off: LOTSMAN_SMTP_URL is not set.", flush=True)
        return
    need_rules(settings)
    telemetry.log_to_stdout(NAME, settings.log_level)
    provider = telemetry.start(NAME, settings.otlp_url)
    try:
        asyncio.run(_serve(mail, settings))
    except Misconfigured as error:
        raise SystemExit(str(error)) from None
    finally:
        provider.shutdown()


async def _serve(mail: MailSettings, settings: Settings) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    store = Store(
        open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver),
        settings.database or "lotsman_expertise",
    )
    try:
        mailer = Mailer(store, mail, load())
        keys = Keys.of(settings)
        server = serving(make_bare_app("Lotsman expertise: mail", keys, {"mongo": store.ping}, settings), settings)
        http = asyncio.create_task(server.serve())
        http.add_done_callback(lambda _done: stopping.set())
        try:
            await mailer.run(stopping)
            if http.done():
                raise SystemExit("the HTTP server ended")
        finally:
            log.info("stopping")
            server.should_exit = True
            await http
    finally:
        await store.close()
