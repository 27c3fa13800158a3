"""Alerts: a row of ops.alerts for every failed run and every failed check of severity error, sent out where wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases


@dataclass(frozen=True)
class Alert:
    """What went wrong in a run: the run itself, or a check."""

    run_id: str
    subject: str
    severity: str
    message: str


def raise_alerts(settings: Settings, alerts: Sequence[Alert]) -> int:
    """Write alerts down, each once, and send those out that were not sent yet; returns how many are new.

    RevopsError if they cannot be sent: they stay written, and the next call tries again.
    """
    new = 0
    with databases.engine(settings, "warehouse").begin() as connection:
        for alert in alerts:
            new += connection.execute(
                sa.text(
                    "insert into ops.alerts (run_id, subject, severity, message)"
                    " values (:run_id, :subject, :severity, :message) on conflict (run_id, subject) do nothing"
                ),
                vars(alert),
            ).rowcount
    if settings.alert_urls:
        _send(settings, settings.alert_urls.get_secret_value().split())
    return new


def _send(settings: Settings, addresses: Sequence[str]) -> None:
    import apprise  # takes a third of a second, and most installations never need it

    sender = apprise.Apprise()
    for address in addresses:
        if not sender.add(address):
            raise RevopsError("REVOPS_ALERT_URLS: not an address that Apprise knows (https://appriseit.com/services)")
    with databases.engine(settings, "warehouse").begin() as connection:
        rows = connection.execute(
            sa.text(
                "select alert_id, severity, subject, message from ops.alerts where notified_at is null"
                " order by alert_id for update skip locked"
            )
        ).all()
        for alert_id, severity, subject, message in rows:
            if not sender.notify(title=f"revops-assets ({settings.env}): {severity}: {subject}", body=message):
                raise RevopsError(f"alert {alert_id} could not be sent by Apprise; it stays in ops.alerts")
            connection.execute(
                sa.text("update ops.alerts set notified_at = clock_timestamp() where alert_id = :id"), {"id": alert_id}
            )
