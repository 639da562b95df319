"""docs."""

from typing import Annotated

import typer

from deploy.cli.common import Found, err, out, progress
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.progress import task

app = typer.Typer()


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a document is not up to date.")
    ] = False,
) -> Found:
    """Write the AsyncAPI and OpenAPI documents to docs/api, and where a case and a pilot can stand to docs."""
    with task(progress(), "making the documents from the code"):
        from deploy import docs as documents

        paths = documents.stale(ROOT) if check else documents.write(ROOT)
    names = [str(path.relative_to(ROOT)) for path in paths]
    if not check:
        for name in names:
            out.print(name, soft_wrap=True)
        return {"written": names}
    for name in names:
        err.print(f"not up to date: {name}", soft_wrap=True)
    if names:
        raise Complaint("./lotsman docs writes them anew.", found={"stale": names})
    return {"stale": names}
