"""The texts of a receipt in the buyer's language, ready to be set on pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from bridge.domain.orders.sales import SaleBuyer, SaleKind
from bridge.services.orders.receipts import OrderReceipt, ReceiptLine
from bridge.web.i18n.formatting import Language, country_name, day, decimal, money, number, percent
from bridge.web.i18n.messages import Texts, texts_of

_NOT_PRINTABLE = frozenset({Language.JAPANESE, Language.ARABIC})
"""Languages whose script the font of receipts does not have: their receipts are in English."""
_STATE_AFTER_CITY = frozenset({"AU", "CA", "US"})
_UNPAID = frozenset({"pending", "on-hold", "checkout-draft", "draft", "auto-draft"})
_REVOKED = frozenset({"cancelled", "failed", "trash", "deleted"})


@dataclass(frozen=True, slots=True)
class Heading:
    """The names of the columns; one without a value in any row is empty and left out."""

    item: str
    quantity: str
    rate: str
    tokens: str
    amount: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the order; `detail` stands below the name."""

    item: str
    detail: str
    quantity: str
    rate: str
    tokens: str
    amount: str


@dataclass(frozen=True, slots=True)
class Sum:
    """A line below the table."""

    label: str
    value: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """A receipt as texts; `missing` is the note for a document with characters that cannot be printed."""

    language: str
    country: str
    title: str
    subtitle: str
    seller_label: str
    seller: tuple[str, ...]
    buyer_label: str
    buyer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    heading: Heading
    rows: tuple[Row, ...]
    sums: tuple[Sum, ...]
    tokens: tuple[Sum, ...]
    notes: tuple[str, ...]
    missing: str
    footer: str


def printable(language: Language) -> Language:
    """Return the language that a receipt for this one is written in."""
    return Language.ENGLISH if language in _NOT_PRINTABLE else language


def receipt_text(receipt: OrderReceipt, language: Language) -> ReceiptText:
    """Return the texts of a receipt for a reader of this language."""
    texts = texts_of(printable(language))
    purchase, sale, store = receipt.purchase, receipt.sale, receipt.store
    rows = tuple(_rows(receipt, texts))
    return ReceiptText(
        language=texts.language.value,
        country="" if sale.buyer is None else sale.buyer.country,
        title=texts.gettext("Receipt"),
        subtitle=texts.gettext("Order {number}", number=purchase.shown_number),
        seller_label=texts.gettext("Seller"),
        seller=tuple(_seller(receipt, texts)),
        buyer_label=texts.gettext("Buyer"),
        buyer=tuple(_buyer(sale.buyer, texts)),
        facts=tuple(_facts(receipt, texts)),
        heading=Heading(
            item=texts.gettext("Item"),
            quantity=texts.gettext("Quantity"),
            rate=texts.gettext("Tax rate") if any(row.rate for row in rows) else "",
            tokens=texts.gettext("Tokens") if any(row.tokens for row in rows) else "",
            amount=texts.gettext("Price"),
        ),
        rows=rows,
        sums=tuple(_sums(receipt, texts)),
        tokens=tuple(_tokens(receipt, texts)),
        notes=tuple(_notes(receipt, texts, asked=language)),
        missing=texts.gettext("Characters that this document cannot print are shown as {mark}.", mark="\ufffd"),
        footer=f"{store.seller_name or store.name} · {_host(store.url)}",
    )


def _seller(receipt: OrderReceipt, texts: Texts) -> Iterator[str]:
    store = receipt.store
    yield store.seller_name or store.name
    yield from store.seller_address.splitlines()
    yield _host(store.url)
    if store.seller_vat_id:
        yield texts.gettext("VAT ID: {id}", id=store.seller_vat_id)


def _buyer(buyer: SaleBuyer | None, texts: Texts) -> Iterator[str]:
    if buyer is None:
        return
    if buyer.country in _STATE_AFTER_CITY:
        region = " ".join(part for part in (buyer.state, buyer.postcode) if part)
        city = ", ".join(part for part in (buyer.city, region) if part)
    else:
        town = " ".join(part for part in (buyer.postcode, buyer.city) if part)
        city = ", ".join(part for part in (town, buyer.state) if part)
    country = country_name(buyer.country, texts.language) if buyer.country else ""
    lines = (buyer.company, buyer.name, buyer.street, buyer.street_more, city, country, buyer.email)
    yield from (line for line in lines if line)
    if buyer.vat_id:
        yield texts.gettext("VAT ID: {id}", id=buyer.vat_id)


def _facts(receipt: OrderReceipt, texts: Texts) -> Iterator[tuple[str, str]]:
    zone, sale = receipt.store.calendar.zone, receipt.sale
    if receipt.placed_at is not None:
        yield texts.gettext("Ordered on"), day(receipt.placed_at.astimezone(zone).date(), texts.language)
    if sale.paid_at is not None:
        yield texts.gettext("Paid on"), day(sale.paid_at.astimezone(zone).date(), texts.language)
    if sale.payment_method:
        yield texts.gettext("Paid with"), sale.payment_method


def _rows(receipt: OrderReceipt, texts: Texts) -> Iterator[Row]:
    language, currency = texts.language, receipt.purchase.currency
    for each in receipt.lines:
        line = each.line
        if line.kind is SaleKind.PRODUCT:
            yield Row(
                item=line.name or line.sku,
                detail=_detail(each, texts),
                quantity="" if line.quantity is None else decimal(line.quantity, language),
                rate=" + ".join(percent(rate, language) for rate in line.rates),
                tokens=number(each.tokens, language) if each.tokens and each.months is None else "",
                amount=money(line.subtotal, currency, language),
            )
    if receipt.sale.more_lines:
        more = texts.ngettext("{n} more item", "{n} more items", receipt.sale.more_lines)
        yield Row(more, "", "", "", "", money(receipt.sale.more_subtotal, currency, language))


def _detail(each: ReceiptLine, texts: Texts) -> str:
    sku = each.line.sku if each.line.name else ""
    if not each.tokens or each.months is None:
        return sku
    term = texts.ngettext(
        "{tokens} a month, for {n} month",
        "{tokens} a month, for {n} months",
        each.months,
        tokens=texts.ngettext("{n} token", "{n} tokens", each.tokens),
    )
    return f"{sku} · {term}" if sku else term


def _sums(receipt: OrderReceipt, texts: Texts) -> Iterator[Sum]:
    sale, language, currency = receipt.sale, texts.language, receipt.purchase.currency

    def amount(value: Decimal) -> str:
        return money(value, currency, language)

    if receipt.is_complete:
        products = (each.line.subtotal for each in receipt.lines if each.line.kind is SaleKind.PRODUCT)
        yield Sum(texts.gettext("Subtotal without tax"), amount(sum(products, sale.more_subtotal)))
        if sale.discount:
            yield Sum(texts.gettext("Discount"), amount(-sale.discount))
        for line in (each.line for each in receipt.lines):
            if line.kind is not SaleKind.PRODUCT:
                name = texts.gettext("Shipping") if line.kind is SaleKind.SHIPPING else texts.gettext("Fee")
                yield Sum(f"{name}: {line.name}" if line.name else name, amount(line.total))
        yield from _taxes(receipt, texts)
    yield Sum(texts.gettext("Total"), amount(sale.total), is_strong=True)
    for refund in sale.refunds:
        label = texts.gettext("Refund")
        yield Sum(f"{label}: {refund.reason}" if refund.reason else label, amount(-refund.amount))
    if sale.refunds:
        yield Sum(texts.gettext("Total after refunds"), amount(receipt.kept), is_strong=True)


def _taxes(receipt: OrderReceipt, texts: Texts) -> Iterator[Sum]:
    sale, language, currency = receipt.sale, texts.language, receipt.purchase.currency
    is_listed = sum((tax.amount for tax in sale.taxes), Decimal(0)) == sale.tax
    if not is_listed or not sale.taxes:
        yield Sum(texts.gettext("Tax"), money(sale.tax, currency, language))
        return
    for tax in sale.taxes:
        rate = "" if tax.rate is None else f" ({percent(tax.rate, language)})"
        yield Sum((tax.label or texts.gettext("Tax")) + rate, money(tax.amount, currency, language))


def _tokens(receipt: OrderReceipt, texts: Texts) -> Iterator[Sum]:
    purchase, language = receipt.purchase, texts.language
    if purchase.tokens:
        yield Sum(texts.gettext("Tokens bought"), number(purchase.tokens, language), is_strong=True)
    if purchase.reversed:
        yield Sum(texts.gettext("Tokens refunded"), number(-purchase.reversed, language))
        yield Sum(texts.gettext("Tokens after refunds"), number(purchase.tokens - purchase.reversed, language), True)


def _notes(receipt: OrderReceipt, texts: Texts, *, asked: Language) -> Iterator[str]:
    status = receipt.purchase.status
    if status in _UNPAID:
        yield texts.gettext("This order is not paid yet.")
    if status in _REVOKED:
        yield texts.gettext("This order was cancelled.")
    if receipt.is_erased:
        yield texts.gettext("The data of the buyer was deleted.")
    if not receipt.is_complete:
        yield texts.gettext(
            "The shop has not sent the taxes, discounts and billing address of this order. Ask it for an invoice."
        )
    if printable(asked) is not asked:
        yield texts.gettext("This receipt is in English, because its font does not have the letters of your language.")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
