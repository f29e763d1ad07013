"""Product, customer and webhook documents with the keys in WooCommerce 10.9.1's recorded order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fakeshop.model.catalog import Meta, Product, User
from fakeshop.model.order_documents import address
from fakeshop.model.site import Document, Site
from fakeshop.webhooks.subscriptions import HOOKS, Webhook

_NO_SALE = ("sale_price", "date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt")
_NO_DIMENSIONS = {"length": "", "width": "", "height": ""}


def product_document(site: Site, product: Product, variations: Sequence[Product]) -> Document:
    """Return the document of GET /products/ID and of product webhooks, for a variation too."""
    is_variation = product.type == "variation"
    is_variable = product.type == "variable"
    is_virtual = product.is_virtual and not is_variable
    return {
        "id": product.id,
        "name": product.name,
        "slug": _slug(product.name),
        "permalink": _permalink(site, product),
        **site.times("date_created", product.created_at),
        **site.times("date_modified", product.modified_at),
        "type": product.type,
        "status": "publish",
        "featured": False,
        "catalog_visibility": "visible",
        "description": "",
        "short_description": "",
        "sku": product.sku,
        **_prices(product, regular="" if is_variable else f"{product.price:.2f}"),
        "on_sale": False,
        "purchasable": True,
        "total_sales": "0" if is_variation else product.sold,
        **_downloads(product, is_virtual=is_virtual),
        **_stock_fields(product, is_virtual=is_virtual),
        "parent_id": product.parent_id,
        "purchase_note": "",
        "categories": [] if is_variation else [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
        "brands": [],
        "tags": [],
        "images": [],
        "attributes": _attributes(product, variations),
        "default_attributes": [],
        "variations": sorted(variation.id for variation in variations),
        "grouped_products": [],
        "menu_order": 0,
        "price_html": _price_html(product),
        "related_ids": [],
        "meta_data": [_meta(entry) for entry in product.meta],
        "stock_status": "instock",
        "has_options": is_variable,
        "post_password": "",
        "global_unique_id": "",
        "_links": _product_links(site, product),
    }


def variation_document(site: Site, variation: Product) -> Document:
    """Return the shorter document of GET /products/PARENT/variations/ID."""
    path = f"products/{variation.parent_id}/variations/{variation.id}"
    return {
        "id": variation.id,
        "type": "variation",
        **site.times("date_created", variation.created_at),
        **site.times("date_modified", variation.modified_at),
        "description": "",
        "permalink": _permalink(site, variation),
        "sku": variation.sku,
        "global_unique_id": "",
        **_prices(variation, regular=f"{variation.price:.2f}"),
        "on_sale": False,
        "status": "publish",
        "purchasable": True,
        **_downloads(variation, is_virtual=variation.is_virtual),
        **_tax(variation),
        "manage_stock": False,
        "stock_quantity": None,
        "stock_status": "instock",
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
        "weight": "",
        "dimensions": _NO_DIMENSIONS,
        "shipping_class": "",
        "shipping_class_id": 0,
        "image": None,
        "gallery_image_ids": [],
        "attributes": _attributes(variation, ()),
        "menu_order": 0,
        "meta_data": [_meta(entry) for entry in variation.meta],
        "name": variation.option,
        "parent_id": variation.parent_id,
        "_links": {**site.links(path), "up": [{"href": site.api(f"products/{variation.parent_id}")}]},
    }


def customer_document(site: Site, user: User) -> Document:
    """Return the document of GET /customers/ID and of customer webhooks; `role` is the first role."""
    role = user.roles[0] if user.roles else ""
    is_deletable = role in ("customer", "subscriber")
    allow = ("GET", "POST", "PUT", "PATCH", *(("DELETE",) if is_deletable else ()))
    face = hashlib.sha256(user.email.encode()).hexdigest()
    return {
        "id": user.id,
        **site.times("date_created", user.created_at),
        **site.times("date_modified", user.modified_at),
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": role,
        "username": user.username,
        "billing": _customer_address(user, email=user.email),
        "shipping": _customer_address(user, email=None),
        "is_paying_customer": user.is_paying,
        "avatar_url": f"https://secure.gravatar.com/avatar/{face}?s=96&d=mm&r=g",
        "meta_data": [],
        "_links": site.links(f"customers/{user.id}", allow=allow),
    }


def webhook_document(site: Site, webhook: Webhook) -> Document:
    """Return the document of GET /webhooks/ID, without the secret and the failure count."""
    resource, _, event = webhook.topic.partition(".")
    return {
        "id": webhook.id,
        "name": webhook.name,
        "status": webhook.status,
        "topic": webhook.topic,
        "resource": resource,
        "event": event,
        "hooks": [event] if resource == "action" else list(HOOKS[webhook.topic]),
        "delivery_url": webhook.delivery_url,
        **site.times("date_created", webhook.created_at),
        **site.times("date_modified", webhook.modified_at),
        "_links": site.links(f"webhooks/{webhook.id}"),
    }


def _slug(name: str) -> str:
    words = "".join(character if character.isalnum() or character in " -" else "" for character in name.casefold())
    return "-".join(words.replace("-", " ").split())


def _permalink(site: Site, product: Product) -> str:
    if product.type == "variation":
        parent = product.name.removesuffix(f" - {product.option}")
        return f"{site.url}/product/{_slug(parent)}/?attribute_size={product.option}"
    return f"{site.url}/product/{_slug(product.name)}/"


def _prices(product: Product, *, regular: str) -> Document:
    prices: Document = {"price": f"{product.price:.2f}", "regular_price": regular}
    return {**prices, **dict.fromkeys(_NO_SALE), "sale_price": ""}


def _downloads(product: Product, *, is_virtual: bool) -> Document:
    return {
        "virtual": is_virtual,
        "downloadable": product.is_downloadable,
        "downloads": [],
        "download_limit": -1,
        "download_expiry": -1,
    }


def _tax(product: Product) -> Document:
    return {"tax_status": "taxable" if product.is_taxed else "none", "tax_class": ""}


def _stock_fields(product: Product, *, is_virtual: bool) -> Document:
    return {
        "external_url": "",
        "button_text": "",
        **_tax(product),
        **_stock(),
        "sold_individually": False,
        "weight": "",
        "dimensions": _NO_DIMENSIONS,
        "shipping_required": not is_virtual,
        "shipping_taxable": not is_virtual,
        "shipping_class": "",
        "shipping_class_id": 0,
        "reviews_allowed": product.type != "variation",
        "average_rating": "0.00",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
    }


def _stock() -> Document:
    return {
        "manage_stock": False,
        "stock_quantity": None,
        "backorders": "no",
        "backorders_allowed": False,
        "backordered": False,
        "low_stock_amount": None,
    }


def _attributes(product: Product, variations: Sequence[Product]) -> list[Document]:
    if product.type == "variation":
        return [{"id": 0, "name": "Size", "slug": "size", "option": product.option}]
    if not variations:
        return []
    options = [variation.option for variation in sorted(variations, key=lambda variation: variation.id)]
    size = {"id": 0, "name": "Size", "slug": "Size", "position": 0, "visible": True, "variation": True}
    return [{**size, "options": options}]


def _price_html(product: Product) -> str:
    symbol = '<span class="woocommerce-Price-currencySymbol" translate="no">&#36;</span>'
    return f'<span class="woocommerce-Price-amount amount"><bdi>{symbol}{product.price:.2f}</bdi></span>'


def _product_links(site: Site, product: Product) -> Document:
    links = site.links(f"products/{product.id}")
    if product.parent_id:
        links["up"] = [{"href": site.api(f"products/{product.parent_id}")}]
    return links


def _customer_address(user: User, *, email: str | None) -> Document:
    fields = address(user.first_name, user.last_name, email=email)
    # Customers have the state after the country, orders before the postcode.
    names = ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state")
    names = (*names, *(("email",) if email is not None else ()), "phone")
    return {name: fields[name] if user.has_address else "" for name in names}


def _meta(entry: Meta) -> Document:
    return {"id": entry.id, "key": entry.key, "value": entry.value}
