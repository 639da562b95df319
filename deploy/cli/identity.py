"""token."""

from typing import Annotated

import typer

from deploy.cli.common import Found, told_to_program
from deploy.local import keys
from deploy.local.home import home

app = typer.Typer()


@app.command()
def token(
    role: Annotated[list[str], typer.Option(help=f"May be repeated: {', '.join(keys.ROLES)}.")],
    org: Annotated[str | None, typer.Option(help="The organisation of the person.")] = None,
    sub: Annotated[str | None, typer.Option(help="The opaque id of the person; random if left out.")] = None,
    hours: Annotated[float, typer.Option(help="How long it is good for.", min=0.01)] = 12,
) -> Found:
    """Make a token for the system that ./lotsman up runs, and print it."""
    made = keys.token(home(), role, org, sub, hours)
    if not told_to_program():  # a secret is said once, not into a log beside it as well
        print(made)
    return {"token": made}
