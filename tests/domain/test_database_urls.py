"""Addresses of databases: every usual form works, and an error names a bad one without its password."""

import pytest

from bridge.domain.engine.database_urls import normalize
from bridge.domain.errors import BadSetting

SEVERAL = "postgresql+psycopg://u:p@/db?host=h1,h2&port=1,2&target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("sqlite:////folder/bridge.sqlite3", "sqlite:////folder/bridge.sqlite3"),
        ("postgres://u:p@host/db", "postgresql+psycopg://u:p@host/db"),
        ("postgresql://u:p@host:5/db?sslmode=require", "postgresql+psycopg://u:p@host:5/db?sslmode=require"),
        ("postgresql+psycopg:///db?host=/run/postgresql", "postgresql+psycopg:///db?host=/run/postgresql"),
        ("postgresql+psycopg://u:p@h1:1,h2:2/db", SEVERAL),
        ("postgresql+psycopg://u:p@h1:1,h2:2/db?target_session_attrs=read-write", SEVERAL),
        ("postgresql://u:p@/db?host=h1:1&host=h2:2", SEVERAL),
        ("postgresql://u:p@/db?host=h1%3A1&host=h2%3A2", SEVERAL),
        ("postgresql://u:p@/db?host=h1,h2&port=1,2", SEVERAL),
        ("postgresql://h1,h2/db", "postgresql+psycopg:///db?host=h1,h2&port=5432,5432&target_session_attrs=read-write"),
        (
            "postgresql://[::1]:1,[::2]/db?target_session_attrs=any",
            "postgresql+psycopg:///db?host=::1,::2&port=1,5432&target_session_attrs=any",
        ),
    ],
)
def test_forms(given, wanted):
    assert normalize(given) == wanted


@pytest.mark.parametrize(
    "given",
    [
        "mysql://u:secret@host/db",
        "postgresql://u:secret@h1:x,h2/db",
        "postgresql://u:secret@h1,h2:99999/db",
        "postgresql://u:secret@h1,,h2/db",
        "postgresql://u:secret@h1:0,h2/db",
    ],
)
def test_bad_ones(given):
    with pytest.raises(BadSetting) as error:
        normalize(given)

    assert "BRIDGE_DATABASE_URL" in error.value.detail
    assert "secret" not in error.value.detail
