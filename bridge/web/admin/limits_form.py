"""The form of modules and limits: what was typed, and the settings it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.limits import Allows, Period, Rule
from bridge.domain.stores.stores import Module, label_of
from bridge.services.admin.limit_settings import NEW, ModuleEdit, ModuleSettings, trimmed
from bridge.web.admin.typed_tokens import read_tokens
from bridge.web.api.parsing import path_module
from bridge.web.api.settings import LimitIn, ModuleIn, limit_of
from bridge.web.i18n.formatting import Language

MAX_AUDIENCES = 40
"""The most columns of the grid; rules of further audiences stay as they are."""
MAX_MODULES = 50
"""The most modules of one form."""

_LOST = "load the page again; parts of its form are missing"
_PLACES = {"period": "period", "message": "message", "second.period": "second_period"}
"""The fields of the API's body and their fields in the form."""
_FAULT = "Enter a whole number, unlimited or disabled."


@dataclass(slots=True)
class ModuleForm:
    """The fields of one module as they were typed; `errors` is by field, an audience for a cell of the grid.

    `second_period` is empty for a limit with one window. The errors of the cells of
    the second window are under the audience with `second ` before it. `names` are by
    language; None if the form has no fields for them, and then they stay.
    """

    key: str
    version: str
    label: str
    is_metered: bool
    place: str
    period: str
    message: str
    rules: dict[str, str]
    second_period: str = ""
    second_rules: dict[str, str] = field(default_factory=dict)
    is_removed: bool = False
    names: dict[str, str] | None = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Return whether the store does not have the module yet."""
        return self.version == NEW

    @property
    def has_faulty_name(self) -> bool:
        """Return whether the name in a language is invalid."""
        return any(field.startswith("name ") for field in self.errors)


@dataclass(slots=True)
class LimitsForm:
    """The whole form; `errors` is by field of the fields that belong to no module."""

    audiences: list[str]
    modules: list[ModuleForm]
    role: str = ""
    new_key: str = ""
    new_label: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        """Return whether a field is invalid."""
        return bool(self.errors) or any(module.errors for module in self.modules)

    @property
    def order(self) -> list[str] | None:
        """Return the keys sorted by the typed places; None if they stay as they are."""
        keys = [module.key for module in self.modules]
        places = {module.key: int(module.place) if module.place.isdecimal() else 0 for module in self.modules}
        wanted = sorted(keys, key=lambda key: places[key])
        return wanted if wanted != keys else None

    def add_role(self) -> None:
        """Add a column for the typed role, or state why not."""
        audience = f"role:{self.role}"
        try:
            LimitIn.read({"period": "monthly", "rules": {audience: 0}})
        except InvalidRequest:
            self.errors["role"] = "Enter the role's slug, such as editor: up to 100 characters, no colon."
            return
        if len(self.audiences) >= MAX_AUDIENCES:
            self.errors["role"] = f"The grid has {MAX_AUDIENCES} columns already. Set further roles with the API."
            return
        if audience not in self.audiences:
            self.audiences.append(audience)
        self.role = ""

    def add_module(self, known: Mapping[str, ModuleSettings]) -> None:
        """Add a card for the typed module, or state why not."""
        try:
            key = path_module(self.new_key)
        except InvalidRequest as error:
            self.errors["new_key"] = _sentence(error.fields[0].message)
            return
        if key in known or any(module.key == key for module in self.modules):
            self.errors["new_key"] = "The store already has this module."
            return
        label = self.new_label or label_of(key)
        place = str(len(known) + sum(module.is_new for module in self.modules) + 1)
        self.modules.append(ModuleForm(key, NEW, label, True, place, Period.MONTHLY.value, "", {}))
        self.new_key = self.new_label = ""

    def add_second(self, key: str) -> None:
        """Add a second window to the limit of a module, with another period than the first; no rules yet."""
        for module in self.modules:
            if module.key == key and not module.second_period:
                is_monthly = module.period == Period.MONTHLY.value
                module.second_period = (Period.DAILY if is_monthly else Period.MONTHLY).value


def form_of(settings: ModuleSettings, place: int) -> ModuleForm:
    """Return the form of a module as it is stored."""
    limit = settings.limit
    return ModuleForm(
        key=settings.key,
        version=settings.version,
        label=settings.module.label,
        is_metered=settings.module.is_metered,
        place=str(place),
        period=limit.period.value if limit else Period.MONTHLY.value,
        message=limit.message if limit else "",
        rules=_typed(limit.rules) if limit else {},
        second_period=limit.second.period.value if limit and limit.second else "",
        second_rules=_typed(limit.second.rules) if limit and limit.second else {},
        names=dict(settings.module.labels),
    )


def _typed(rules: Mapping[str, Rule]) -> dict[str, str]:
    return {audience: str(rule.document) for audience, rule in rules.items()}


def read_form(sent: Mapping[str, str]) -> LimitsForm:
    """Return the form that was sent; raises `InvalidRequest` if parts of it are missing."""
    audiences: list[str] = []
    while (audience := sent.get(f"a{len(audiences)}")) is not None:
        audiences.append(audience)
    modules: list[ModuleForm] = []
    while (key := sent.get(f"m{len(modules)}-key")) is not None:
        modules.append(_read_module(sent, f"m{len(modules)}", path_module(key), audiences))
    is_double = len({module.key for module in modules}) < len(modules) or len(set(audiences)) < len(audiences)
    if is_double or len(audiences) > MAX_AUDIENCES or len(modules) > 2 * MAX_MODULES:
        raise InvalidRequest(fields=[FieldError("form", _LOST)])
    typed = {name: sent.get(name, "").strip()[:200] for name in ("new-role", "new-key", "new-label")}
    return LimitsForm(audiences, modules, typed["new-role"], typed["new-key"], typed["new-label"])


def to_edits(form: LimitsForm, known: Mapping[str, ModuleSettings]) -> list[ModuleEdit]:
    """Return the settings that the form stands for; invalid fields get an error in the form."""
    if any(not module.place.isdecimal() or len(module.place) > 6 for module in form.modules):
        for module in form.modules:
            if not module.place.isdecimal() or len(module.place) > 6:
                module.errors["place"] = "Enter a whole number."
    return [_edit_of(module, form.audiences, known.get(module.key)) for module in form.modules]


def _read_module(sent: Mapping[str, str], prefix: str, key: str, audiences: Sequence[str]) -> ModuleForm:
    version = sent.get(f"{prefix}-was")
    if version is None:
        raise InvalidRequest(fields=[FieldError("form", _LOST)])
    return ModuleForm(
        key=key,
        version=version[:16],
        label=sent.get(f"{prefix}-label", "").strip()[:200],
        is_metered=f"{prefix}-metered" in sent,
        place=sent.get(f"{prefix}-place", "").strip()[:20],
        period=sent.get(f"{prefix}-period", "")[:20],
        message=sent.get(f"{prefix}-message", "").strip()[:600],
        rules={audience: sent.get(f"{prefix}-r{at}", "").strip()[:60] for at, audience in enumerate(audiences)},
        second_period="" if f"{prefix}-second-remove" in sent else sent.get(f"{prefix}-second-period", "")[:20],
        second_rules={audience: sent.get(f"{prefix}-s{at}", "").strip()[:60] for at, audience in enumerate(audiences)},
        is_removed=f"{prefix}-remove" in sent,
        names=_read_names(sent, prefix),
    )


def _read_names(sent: Mapping[str, str], prefix: str) -> dict[str, str] | None:
    """Return the typed names by language without the empty ones; None if the form has no field for any."""
    fields = {code.value: sent.get(f"{prefix}-name-{code.value}") for code in Language}
    typed = {code: text.strip()[:200] for code, text in fields.items() if text is not None}
    return {code: text for code, text in typed.items() if text} if typed else None


def _edit_of(form: ModuleForm, audiences: Sequence[str], current: ModuleSettings | None) -> ModuleEdit:
    known = current.limit if current else None
    rules = _read_rules(form, form.rules, known.rules if known else {}, audiences)
    second = None
    if form.second_period:
        others = known.second.rules if known and known.second else {}
        second = {
            "period": form.second_period,
            "rules": _read_rules(form, form.second_rules, others, audiences, "second "),
        }
        if form.second_period == form.period:
            form.errors["second_period"] = "Choose another period than that of the first window."
    label, limit = form.label, None
    try:
        if not form.label:
            raise InvalidRequest(fields=[FieldError("label", "must not be empty")])
        ModuleIn.read({"label": form.label, "metered": form.is_metered})
    except InvalidRequest as error:
        form.errors["label"] = _sentence(error.fields[0].message)
    names = form.names
    if names is None:
        names = dict(current.module.labels) if current else {}
    try:
        ModuleIn.read({"labels": names})
    except InvalidRequest as error:
        for fault in error.fields:
            form.errors[f"name {fault.field.removeprefix('labels.')}"] = _sentence(fault.message)
    try:
        body = LimitIn.read({"period": form.period, "rules": rules, "message": form.message, "second": second})
        limit = limit_of(form.key, body)
    except InvalidRequest as error:
        for fault in error.fields:
            place = _PLACES.get(fault.field, "module")
            form.errors.setdefault(place, _sentence(fault.message))
    settings = ModuleSettings(Module(form.key, label, form.is_metered, names), trimmed(limit))
    return ModuleEdit(settings, form.version, form.is_removed)


def _read_rules(
    form: ModuleForm, typed: Mapping[str, str], known: Mapping[str, Rule], audiences: Sequence[str], prefix: str = ""
) -> dict[str, int | str]:
    """Return the typed rules of one window, and the known ones that the form does not show.

    An invalid rule gets an error under its audience, with the prefix before it.
    """
    rules = {audience: rule.document for audience, rule in known.items() if audience not in audiences}
    for audience in audiences:
        rule = _read_rule(typed.get(audience, ""))
        if isinstance(rule, str):
            form.errors[f"{prefix}{audience}"] = rule
        elif rule is not None:
            rules[audience] = rule.document
    return rules


def _read_rule(text: str) -> Rule | str | None:
    """Return the rule that was typed, None for an empty field, or the error."""
    word = text.casefold()
    if not word:
        return None
    if word in {Allows.UNLIMITED.value, Allows.DISABLED.value}:
        return Rule(Allows(word))
    tokens = read_tokens(text, fault=_FAULT)
    return tokens if isinstance(tokens, str) else Rule(Allows.AMOUNT, tokens)


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
