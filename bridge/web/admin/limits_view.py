"""The views of the Limits page: the grid, its preview and its conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.metering.limits import Period, Rule
from bridge.domain.stores.stores import Store
from bridge.rendering.settings import limit_document
from bridge.services.admin import limit_settings, user_list
from bridge.services.admin.limit_settings import Conflict, ModuleEdit, ModuleSettings, Usage
from bridge.services.admin.what_if import NewLimit, Replay
from bridge.storage.engine.database import Connection
from bridge.web.admin.balance_form import new_key
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.limits_form import MAX_AUDIENCES, MAX_MODULES, LimitsForm, ModuleForm, form_of
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, day, language_names, local_time, number

PERIODS = (
    (Period.DAILY.value, "Day"),
    (Period.WEEKLY.value, "Week"),
    (Period.MONTHLY.value, "Month"),
    (Period.NEVER.value, "Never resets"),
)
LANGUAGES = language_names()
"""Code and name of each language that a module can have a name in."""
_ANY = ("guest", "user")


@dataclass(frozen=True, slots=True)
class Audience:
    """A column of the grid; `note` is the word below its label."""

    key: str
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class StoppedModule:
    """The users that a new limit would have stopped; `user_id` is None if the first of them is a guest."""

    label: str
    users: int
    first: str
    user_id: int | None
    at: LocalTime | None
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a preview; `modules` is empty if no limit differs from the saved one."""

    month: str
    users_read: str
    is_cut: bool
    stopped: int
    modules: tuple[StoppedModule, ...]


@dataclass(frozen=True, slots=True)
class ResetForm:
    """The form that resets the limits of many users; empty choices stand for all.

    `modules` and `roles` are those to choose from. `error` is about the field `error_field`.
    """

    key: str
    modules: tuple[tuple[str, str], ...]
    roles: tuple[str, ...]
    module: str = ""
    role: str = ""
    period: str = ""
    confirm: str = ""
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class LimitsPage:
    """The contents of the Limits page; `start` is the place of its first module, `next` that of the next page."""

    store: Store
    open_questions: str
    audiences: tuple[Audience, ...]
    form: LimitsForm
    reset: ResetForm
    preview: Preview | None
    error: str
    notice: str
    calls: Calls
    count: int
    start: int
    next: int | None


def begin(connection: Connection, store: Store, *, start: int) -> LimitsForm:
    """Return the form of the stored settings, from the module at this place on."""
    known = limit_settings.list_settings(connection, store.id)
    shown = list(known.values())[start : start + MAX_MODULES]
    audiences = limit_settings.list_audiences(connection, store.id, known.values())[:MAX_AUDIENCES]
    return LimitsForm(audiences, [form_of(settings, start + at) for at, settings in enumerate(shown, start=1)])


def begin_reset(connection: Connection, store: Store) -> ResetForm:
    """Return an empty form that resets the limits of many users."""
    known = limit_settings.list_settings(connection, store.id)
    modules = tuple((key, settings.module.label) for key, settings in known.items())
    return ResetForm(new_key(), modules, tuple(user_list.list_roles(connection, store)))


def build(
    connection: Connection,
    store: Store,
    form: LimitsForm,
    *,
    start: int = 0,
    reset: ResetForm | None = None,
    preview: Preview | None = None,
    error: str = "",
    notice: str = "",
) -> LimitsPage:
    """Return the page with a form."""
    count = len(limit_settings.list_settings(connection, store.id))
    return LimitsPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        audiences=tuple(_audience(key) for key in form.audiences),
        form=form,
        reset=reset or begin_reset(connection, store),
        preview=preview,
        error=error,
        notice=notice,
        calls=_calls(limit_settings.list_settings(connection, store.id)),
        count=count,
        start=start,
        next=start + MAX_MODULES if count > start + MAX_MODULES else None,
    )


def build_preview(store: Store, replay: Replay, labels: Mapping[str, str]) -> Preview:
    """Return the result of a replay for display."""
    zone = store.calendar.zone
    modules = []
    for each in replay.modules:
        first = each.first
        modules.append(
            StoppedModule(
                label=labels.get(each.module, each.module),
                users=each.stopped,
                first="" if first is None else _name(first.account.user_id, first.account.name),
                user_id=None if first is None else first.account.user_id,
                at=None if first is None else local_time(first.at, zone),
                is_estimate=each.is_estimate,
            )
        )
    month = f"{day(replay.month.first)} to {day(replay.month.last)}"
    stopped = sum(module.users for module in modules)
    return Preview(month, number(replay.accounts), replay.is_cut, stopped, tuple(modules))


def new_limits(edits: Sequence[ModuleEdit], known: Mapping[str, ModuleSettings]) -> list[NewLimit]:
    """Return the limits that the edits change, in modules whose use costs tokens."""
    wanted = []
    for edit in edits:
        current = known.get(edit.settings.key)
        before = current.limit if current else None
        after = None if edit.is_removed else edit.settings.limit
        is_free = not edit.settings.module.is_metered or (current is not None and not current.module.is_metered)
        if after != before and not is_free:
            wanted.append(NewLimit(edit.settings.key, after, before))
    return wanted


def note_conflict(form: ModuleForm, store: Store, conflict: Conflict) -> None:
    """State in the form who changed the module meanwhile; a second save replaces that."""
    change, current = conflict.change, conflict.current
    who = change.actor if change else "Another admin or the API"
    when = f" on {local_time(change.created_at, store.calendar.zone).text}" if change else ""
    if current is None:
        did = f"{who} removed this module{when}. Save again to add it, or reload the page."
    else:
        did = f"{who} changed this module{when}. It is now: {_in_words(current)}. Save again to replace that."
    form.errors["module"] = did
    form.version = limit_settings.version_of(current)


def note_usage(form: ModuleForm, usage: Usage) -> None:
    """State in the form why the module cannot be removed."""
    reasons = []
    if usage.operations:
        reasons.append(f"the price list has operations in it ({', '.join(usage.operations[:5])})")
    if usage.overrides:
        reasons.append(f"{number(usage.overrides)} users have a limit of their own in it")
    if usage.is_used:
        reasons.append("it has been used")
    form.errors["module"] = f"This module cannot be removed: {' and '.join(reasons)}. Turn metering off instead."
    form.is_removed = False


def _in_words(settings: ModuleSettings) -> str:
    metered = "" if settings.module.is_metered else ", not metered"
    if settings.limit is None:
        return f"“{settings.module.label}”{metered}, no limit"
    windows = "; and ".join(
        f"{window.period.value}, {_rules_in_words(window.rules)}" for window in settings.limit.windows
    )
    return f"“{settings.module.label}”{metered}, {windows}"[:600]


def _rules_in_words(rules: Mapping[str, Rule]) -> str:
    words = [
        f"{audience} {number(rule.document) if isinstance(rule.document, int) else rule.document}"
        for audience, rule in sorted(rules.items())
    ]
    return ", ".join(words) or "no rules"


def _audience(key: str) -> Audience:
    if key in _ANY:
        return Audience(key, "Guests" if key == "guest" else "Users", "" if key == "guest" else "signed in")
    return Audience(key, key.removeprefix("role:"), "role")


def _name(user_id: int | None, name: str) -> str:
    if user_id is None:
        return "a guest"
    return name or f"user {user_id}"


def _calls(known: Mapping[str, ModuleSettings]) -> Calls:
    limit = next((settings.limit for settings in known.values() if settings.limit), None)
    key = limit.module if limit else next(iter(known), "chat")
    body = limit_document(limit) if limit else {"period": "monthly", "rules": {"user": 1000}, "message": ""}
    body.pop("module", None)
    label = known[key].module.label if key in known else "Chat"
    return (
        call("Change a module", "PUT", f"/v1/modules/{key}", {"label": label, "metered": True}),
        call("Set a limit", "PUT", f"/v1/limits/{key}", body),
        call("Preview a limit on last month’s use", "POST", f"/v1/limits/{key}/preview", body),
        call("Remove a limit", "DELETE", f"/v1/limits/{key}"),
        call("Reset a limit for all users", "POST", "/v1/limits/reset", {"module": key}),
    )
