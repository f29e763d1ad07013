"""The amounts of order lines: the tokens per unit, fixed when they are first known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.orders.merge import Basis, LineState, OrderState
from bridge.domain.orders.packages import Package, PackageMap, package_of
from bridge.domain.stores.stores import Store
from bridge.storage.engine.database import Connection
from bridge.storage.orders import packages

SkuMap = Mapping[str, Sequence[Package]]


@dataclass(frozen=True, slots=True)
class _Catalog:
    """The entries that can decide some lines: by product and variation, and the packages of a SKU."""

    entries: PackageMap
    by_sku: SkuMap


def fix_amounts(
    connection: Connection, store: Store, every: Sequence[OrderState], *, now: datetime
) -> list[OrderState]:
    """Return the orders with the amount of each line fixed if it is known.

    In this order: the amount on the line, the variation's amount, the product's,
    the one package with the same SKU. An unclear amount fixes nothing: the line
    waits. An unreadable amount on the line also removes an amount that has granted
    nothing yet; tokens already granted stay, with a review item. A line of a
    product that is not a package gets 0, and no other amount automatically, see
    `_when_late`. Products that orders wait for are added to the store's list, and
    products without a name get the one in the order.
    """
    fixed, catalog = _with_amounts(connection, store, every)
    if catalog is not None:
        _add_missing(connection, store, fixed, catalog, now=now)
        _add_names(connection, store, fixed, catalog, now=now)
    return fixed


def with_amounts(connection: Connection, store: Store, every: Sequence[OrderState]) -> list[OrderState]:
    """Return the orders as `fix_amounts` does, and write nothing."""
    return _with_amounts(connection, store, every)[0]


def _with_amounts(
    connection: Connection, store: Store, every: Sequence[OrderState]
) -> tuple[list[OrderState], _Catalog | None]:
    """Return the orders with their amounts, and the entries that decided; None if every line has its amount."""
    lines = [line for known in every for line in known.lines if _is_open(line)]
    if not lines:
        return list(every), None
    catalog = _read_catalog(connection, store, lines)
    return [_fix_order(connection, store, known, catalog) for known in every], catalog


def _is_open(line: LineState) -> bool:
    return line.wants_amount or line.basis is Basis.NO_PACKAGE or _is_stamped_unclear(line)


def _is_stamped_unclear(line: LineState) -> bool:
    """Return whether an unreadable amount on the line follows an amount that has granted nothing yet."""
    is_decided = line.basis in {Basis.HAND, Basis.LEFT}
    return bool(line.line.unclear_stamp) and line.tokens is not None and not line.granted and not is_decided


def _read_catalog(connection: Connection, store: Store, lines: Sequence[LineState]) -> _Catalog:
    products = sorted({line.line.product_id for line in lines if line.line.product_id})
    entries = packages.find_by_product(connection, store.id, products) if products else {}
    skus = {sku for line in lines if line.line.stamped is None and (sku := _sku(line, entries))}
    return _Catalog(entries, packages.find_by_sku(connection, store.id, sorted(skus)) if skus else {})


def _fix_order(connection: Connection, store: Store, known: OrderState, catalog: _Catalog) -> OrderState:
    if not any(map(_is_open, known.lines)):
        return known
    return replace(known, lines=tuple(_fix(connection, store, known, line, catalog) for line in known.lines))


def _fix(connection: Connection, store: Store, known: OrderState, line: LineState, catalog: _Catalog) -> LineState:
    if _is_stamped_unclear(line):
        return _determine(connection, store, line, catalog)[0]
    if line.wants_amount:
        found = _determine(connection, store, line, catalog)[0]
        # The fixed amount stays until the amount for the new facts is known, so that nothing is reversed without one.
        return line if found.tokens is None and line.tokens is not None else found
    if line.basis is Basis.NO_PACKAGE:
        return _when_late(store, known, line, *_determine(connection, store, line, catalog))
    return line


def _when_late(store: Store, known: OrderState, line: LineState, now: LineState, package: Package | None) -> LineState:
    """Return a line whose product became a package later; only the owner's decision gives it the amount."""
    if not now.tokens or package is None:
        return line
    is_covered = (
        store.history == "grant"
        and store.connected_at is not None
        and known.placed_at is not None
        and known.placed_at < store.connected_at
    )
    if is_covered or package.late == "grant":
        return now
    return replace(line, basis=Basis.LEFT) if package.late == "leave" else line


def _determine(
    connection: Connection, store: Store, line: LineState, catalog: _Catalog
) -> tuple[LineState, Package | None]:
    """Return the line with its amount by current data, and the entry the amount comes from.

    Without an amount, its `basis` is why it waits; None for an unknown product.
    """
    line = replace(line, tokens=None, months=None, basis=None, priced=None)
    if line.line.stamped is not None:
        line = replace(line, tokens=line.line.stamped, months=line.line.stamped_months)
        return replace(line, basis=Basis.STAMP, priced=line.facts), None
    if line.line.unclear_stamp:
        return replace(line, basis=Basis.UNCLEAR), None
    key = {"product_id": line.line.product_id, "variation_id": line.line.variation_id}
    package = package_of(catalog.entries, **key) if line.line.product_id else None
    if package is not None and package.tokens is None:
        return replace(line, basis=Basis.UNCLEAR), package
    if package is not None and (package.tokens or package.admin_tokens is not None):
        basis = Basis.VARIATION if package.variation_id else Basis.PRODUCT
        return _with(line, package, basis if package.tokens else Basis.NO_PACKAGE), package
    same = _same_sku(connection, store, line, catalog, is_known=package is not None)
    if len({(other.tokens, other.months) for other in same}) == 1:
        return _with(line, same[0], Basis.SKU), same[0]
    if same and not line.line.is_of_deleted_product:
        return replace(line, basis=Basis.SAME_SKU), None
    return (line if package is None else _with(line, package, Basis.NO_PACKAGE)), package


def _with(line: LineState, package: Package, basis: Basis) -> LineState:
    return replace(line, tokens=package.tokens, months=package.months, basis=basis, priced=line.facts)


def _same_sku(
    connection: Connection, store: Store, line: LineState, catalog: _Catalog, *, is_known: bool
) -> Sequence[Package]:
    """Return the packages with the line's SKU; for a deleted product without one, those with its name."""
    same = catalog.by_sku.get(_sku(line, catalog.entries), ())
    if same or is_known or not line.line.is_of_deleted_product or not line.line.name:
        return same
    return packages.find_namesakes(connection, store.id, sku="", name=line.line.name)


def _sku(line: LineState, entries: PackageMap) -> str:
    """Return the SKU sold: the order's, otherwise the product's."""
    if line.line.sku:
        return line.line.sku
    for variation_id in (line.line.variation_id, 0):
        entry = entries.get((line.line.product_id, variation_id))
        if entry is not None and entry.sku:
            return entry.sku
    return ""


def _add_missing(
    connection: Connection, store: Store, every: Sequence[OrderState], catalog: _Catalog, *, now: datetime
) -> None:
    """Add products that lines wait for and that are missing in the store's list, with their names in the orders."""
    missing: dict[tuple[int, int], Package] = {}
    for line in (line for known in every for line in known.lines):
        if line.tokens is not None or not line.line.product_id or not line.line.quantity:
            continue
        product = catalog.entries.get((line.line.product_id, 0))
        is_per_variation = product is not None and product.is_per_variation
        key = (line.line.product_id, line.line.variation_id if is_per_variation else 0)
        if key not in catalog.entries and not (line.basis is Basis.UNCLEAR and not is_per_variation):
            missing.setdefault(key, Package(*key, name=line.line.name, sku=line.line.sku))
    if missing:
        packages.add_missing(connection, store.id, [missing[key] for key in sorted(missing)], now=now)


def _add_names(
    connection: Connection, store: Store, every: Sequence[OrderState], catalog: _Catalog, *, now: datetime
) -> None:
    """Name the listed products that have no name, because an admin set their amount before any order."""
    named: dict[tuple[int, int], Package] = {}
    for line in (line.line for known in every for line in known.lines):
        for key in {(line.product_id, line.variation_id), (line.product_id, 0)}:
            entry = catalog.entries.get(key)
            if entry is not None and not entry.name and line.name:
                is_own = key == (line.product_id, line.variation_id)
                named.setdefault(key, Package(*key, name=line.name, sku=line.sku if is_own else ""))
    if named:
        packages.add_names(connection, store.id, [named[key] for key in sorted(named)], now=now)
