"""docs."""

from typing import Annotated

import typer

from deploy.cli.common import err, out, progress
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.progress import task

app = typer.Typer()


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a document is not up to date.")
    ] = False,
) -> None:
    """Write the AsyncAPI and OpenAPI documents to docs/api, and where a case and a pilot can stand to docs."""
    with task(progress(), "making the documents from the code"):
        from deploy import docs as documents

        paths = documents.stale(ROOT) if check else documents.write(ROOT)
    if not check:
        for path in paths:
            out.print(str(path.relative_to(ROOT)), soft_wrap=True)
        return
    for path in paths:
        err.print(f"not up to date: {path.relative_to(ROOT)}", soft_wrap=True)
    if paths:
        raise Complaint("./lotsman docs writes them anew.")
