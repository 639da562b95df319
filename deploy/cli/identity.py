"""token."""

from typing import Annotated

import typer

from deploy.local import keys
from deploy.local.home import home

app = typer.Typer()


@app.command()
def token(
    role: Annotated[list[str], typer.Option(help=f"May be repeated: {', '.join(keys.ROLES)}.")],
    org: Annotated[str | None, typer.Option(help="The organisation of the person.")] = None,
    sub: Annotated[str | None, typer.Option(help="The opaque id of the person; random if left out.")] = None,
    hours: Annotated[float, typer.Option(help="How long it is good for.", min=0.01)] = 12,
) -> None:
    """Make a token for the system that ./lotsman up runs, and print it."""
    print(keys.token(home(), role, org, sub, hours))
