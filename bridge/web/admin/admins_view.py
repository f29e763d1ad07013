"""The view of the Admins pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from bridge.domain.admin.admins import Admin, Role
from bridge.domain.stores.stores import Store
from bridge.services.admin import invitations
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, zone_name

ROLES = (
    (Role.VIEWER, "reads every page"),
    (Role.MANAGER, "also changes balances, exceptions, users’ own limits and resets"),
    (Role.OWNER, "also changes settings, keys and admins, and removes users"),
)


@dataclass(frozen=True, slots=True)
class InviteForm:
    """The form of an invitation, with the typed values; `error` is about the field `error_field`."""

    email: str = ""
    role: str = Role.VIEWER.value
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An admin of the list; `is_editable` where their role can be changed on this page."""

    id: int
    email: str
    role: str
    stores: list[str]
    last_sign_in: LocalTime | None
    invited_until: LocalTime | None
    has_second_factor: bool
    is_self: bool
    is_editable: bool


@dataclass(frozen=True, slots=True)
class AdminsPage:
    """The Admins page of the installation, or of a store; `link` is shown once, after an invitation."""

    rows: list[Row]
    roles: tuple[tuple[Role, str], ...]
    form: InviteForm
    invited: str
    link: str
    zone: str
    blueprint: str
    open_questions: str


def build_page(
    connection: Connection, store: Store | None, current: Admin, form: InviteForm, *, invited: str, link: str
) -> AdminsPage:
    """Return the admins with a role in a store, or all of them for None."""
    names = {each.id: each.name for each in settings.list_stores(connection)}
    zone: tzinfo = UTC if store is None else store.calendar.zone
    rows = []
    for each in invitations.list_admins(connection, None if store is None else store.id):
        held = each.admin.role if store is None else each.admin.stores.get(store.id, each.admin.role)
        rows.append(
            Row(
                id=each.id,
                email=each.email,
                role="" if held is None else held.value,
                stores=[f"{names[id_]}: {role.value}" for id_, role in each.admin.stores.items() if id_ in names],
                last_sign_in=None if each.last_seen_at is None else local_time(each.last_seen_at, zone),
                invited_until=None if each.invited_until is None else local_time(each.invited_until, zone),
                has_second_factor=each.has_second_factor,
                is_self=each.id == current.id,
                is_editable=store is None or store.id in each.admin.stores,
            )
        )
    return AdminsPage(
        rows=rows,
        roles=ROLES,
        form=form,
        invited=invited,
        link=link,
        zone=zone_name(zone),
        blueprint="admins" if store is None else "store_admins",
        open_questions="" if store is None else count_exceptions(connection, store),
    )
