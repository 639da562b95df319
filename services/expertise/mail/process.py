"""The mail process of expertise: health and metrics beside the queue of notices. Off without LOTSMAN_SMTP_URL."""

import asyncio
from typing import Final

from contracts.rules import load
from services.chassis import beside, logs, telemetry
from services.chassis.answering import answering, told_to_end
from services.chassis.auth import Keys
from services.chassis.run import need_rules
from services.chassis.settings import Settings
from services.chassis.store import Store, open_client
from services.chassis.web import make_bare_app
from services.expertise.mail.queue import Mailer, MailSettings
from services.expertise.mail.smtp import Misconfigured

NAME: Final = "expertise-mail"


def main() -> None:
    """The whole life of the process. Without LOTSMAN_SMTP_URL it says that mail is off and ends."""
    mail, settings = MailSettings(), Settings()
    if not mail.smtp_url.get_secret_value():
        print("Mail is off: LOTSMAN_SMTP_URL is not set.", flush=True)
        return
    need_rules(settings)
    logs.log_to_stdout(NAME, settings.log_level)
    beside.tell(NAME)
    provider = telemetry.start(NAME, settings.otlp_url)
    try:
        asyncio.run(_serve(mail, settings))
    except Misconfigured as error:
        raise SystemExit(str(error)) from None
    finally:
        provider.shutdown()


async def _serve(mail: MailSettings, settings: Settings) -> None:
    stopping = told_to_end()
    store = Store(
        open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver),
        settings.database or "lotsman_expertise",
    )
    try:
        mailer = Mailer(store, mail, load())
        keys = Keys.of(settings)
        app = make_bare_app("Lotsman expertise: mail", keys, {"mongo": store.ping}, settings, {"mailing": mailer.goes})
        async with answering(app, settings, stopping):
            await mailer.run(stopping)
    finally:
        await store.close()
