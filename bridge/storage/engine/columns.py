"""The metadata that every table belongs to, and columns that many share."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, text

from bridge.storage.engine.types import BIG

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _amount(name: str, **options: object) -> Column[int]:
    return Column(name, BIG, nullable=False, server_default=text("0"), **options)  # type: ignore[arg-type]
