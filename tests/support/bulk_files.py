"""Bulk changes as an admin makes them: a file that is uploaded, and the job that applies it."""

from __future__ import annotations

import io

from bridge.web.context import utcnow
from schedulers.console_jobs import apply_bulk_changes
from schedulers.context import JobContext
from tests.support.ledger_sql import rows
from tests.support.pages import read

LIST = "/admin/shop/credits"
BULK = f"{LIST}/bulk"


def upload(client, body, **typed):
    """Upload a CSV file, and return the response."""
    form = read(client.get(BULK)).form("credits/bulk")
    file = (io.BytesIO(body if isinstance(body, bytes) else body.encode()), "tokens.csv")
    return client.post(
        form.action, data=form.fields | typed | {"file": file}, content_type="multipart/form-data", buffered=True
    )


def entries(database):
    """Return the ledger entries of bulk changes, by user."""
    return rows(
        database,
        "select a.user_id, e.tokens, e.reason, e.actor from entries e join accounts a on a.id = e.account_id"
        " where e.reference like 'bulk:%' order by a.user_id",
    )


def run_job(database, **more):
    """Apply what is confirmed, as the scheduler does."""
    return apply_bulk_changes(JobContext(database, utcnow, **more))
