"""Sums that may exceed 64 bits, such as those of a thousand of the largest balances.

SQLite's `sum` fails above 2^63, and so does a cast on PostgreSQL. So two halves
are summed, and combined here or capped in the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, case, func, literal_column

_SPLIT = 1_000_000
_MOST = 2**62


def halves(column: ColumnElement[int], name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the two columns from which `whole` computes the exact sum; 0 without rows."""
    return (
        func.coalesce(func.sum(column // _SPLIT), 0).label(f"{name}_high"),
        func.coalesce(func.sum(column % _SPLIT), 0).label(f"{name}_low"),
    )


def whole(row: Row[*tuple[Any, ...]], name: str) -> int:
    """Return the exact sum from the two columns of `halves`."""
    return int(getattr(row, f"{name}_high")) * _SPLIT + int(getattr(row, f"{name}_low"))


def capped_sum(column: ColumnElement[int]) -> ColumnElement[Any]:
    """Return the sum as one column, at most 2^62."""
    # Written out: as parameters, they would be sent with each of the many statements that sum.
    split, most, whole_most = (literal_column(str(number), BigInteger) for number in (_SPLIT, _MOST, _MOST // _SPLIT))
    high, low = func.sum(column // split), func.sum(column % split)
    return case((high >= whole_most, most), else_=high * split + low)
