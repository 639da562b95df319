"""Hooks in the life of a process: makes deliveries and sends them, beside the engine."""

import asyncio
import logging

from fastapi import FastAPI

from services.chassis.engine import Engine
from services.chassis.hooks.address import Allowed
from services.chassis.hooks.delivering import Sender
from services.chassis.hooks.following import Follower
from services.chassis.hooks.kind import Kind
from services.chassis.hooks.post import Post
from services.chassis.hooks.signing import NoKey, Sealer
from services.chassis.run import Beside
from services.chassis.settings import Settings
from services.chassis.store import Store

log = logging.getLogger(__name__)


def sending(kind: Kind) -> Beside:
    """Sends for the life of the process what this kind says. Without a key for secrets nobody can register a hook, and
    there is nothing to do."""

    async def run(app: FastAPI, store: Store, settings: Settings) -> None:
        engine: Engine = app.state.engine
        try:
            sealer = Sealer(settings.hook_key.get_secret_value())
        except NoKey as error:
            log.info("no hooks: %s", error)
            await asyncio.Event().wait()
            return
        post = Post(Allowed(settings.hook_networks), settings.hook_within, at_once=settings.hooks_at_once)
        sender = Sender(kind, store, settings, engine.now, post, sealer)
        registered = asyncio.Event()

        def stir() -> None:
            engine.pace.stir()
            registered.set()
            sender.stir()

        app.state.stir_hooks = stir
        follower = Follower(kind, store, settings, engine.now, sender.stir)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(sender.run(engine.pace))
                tasks.create_task(follower.run(engine.pace, registered))
        finally:
            await post.close()

    return run
