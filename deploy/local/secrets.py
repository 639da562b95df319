"""Passwords of one embedded stack: random, made once, in a file that only its owner can read."""

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Final

from contracts.topics import DESK, SERVICES
from deploy.access import USERS
from deploy.local.home import directory, read_json, write_private

NAMES: Final = (
    "mongo-key",
    *(f"mongo-{user}" for user in ("admin", *SERVICES, DESK)),
    *(f"kafka-{user}" for user in ("admin", *USERS)),
    "kafka-controller",
    "hooks",
)


def load(folder: Path) -> dict[str, str]:
    """The passwords in `<folder>/secrets.json`; what is missing is made and kept."""
    path = directory(folder) / "secrets.json"
    known: dict[str, str] = read_json(path) or {}
    missing = [name for name in NAMES if name not in known]
    if missing:
        known.update({name: secrets.token_hex(24) for name in missing})
        write_private(path, json.dumps(known, indent=1) + "\n")
    return known


def scram_credential(user: str, password: str, iterations: int = 4096) -> str:
    """What `StorageTool format --add-scram` takes, salted here so that `ps` never shows a password."""
    salt = secrets.token_bytes(24)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    fields = {
        "name": user,
        "iterations": str(iterations),
        "salt": f'"{base64.b64encode(salt).decode()}"',
        "saltedpassword": f'"{base64.b64encode(salted).decode()}"',
    }
    return f"SCRAM-SHA-512=[{','.join(f'{key}={value}' for key, value in fields.items())}]"
