"""docs."""

from typing import Annotated

import typer

from deploy.cli.common import err, out
from deploy.complaint import Complaint
from deploy.local.home import ROOT

app = typer.Typer()


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a document is not up to date.")
    ] = False,
) -> None:
    """Write the AsyncAPI and OpenAPI documents to docs/api, and where a case and a pilot can stand to docs."""
    from deploy import docs as documents

    if not check:
        for path in documents.write(ROOT):
            out.print(str(path.relative_to(ROOT)), soft_wrap=True)
        return
    stale = documents.stale(ROOT)
    for path in stale:
        err.print(f"not up to date: {path.relative_to(ROOT)}", soft_wrap=True)
    if stale:
        raise Complaint("./lotsman docs writes them anew.")
