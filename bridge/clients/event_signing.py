"""Signatures of outgoing events, computed by the reference library of Standard Webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(body: bytes, *, event_id: str, secret: str, now: datetime) -> dict[str, str]:
    """Return the Standard Webhooks headers for these bytes, sent now; `secret` is the whole `whsec_…`."""
    # The library uses the local time fields, whatever the zone.
    sent_at = now.astimezone(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, sent_at, body.decode()),
    }
