"""The form of the Limits page, filled in as a browser sends it."""

from __future__ import annotations

import html

from bridge.services.stores import changes
from tests.support.pages import read

PAGE = "/admin/shop/settings/limits"


def put(shop, path, **body):
    """Send a PUT with the store's key; return its answer."""
    response = shop.client.put(f"/v1/{path}", json=body, headers=shop.headers)
    assert response.status_code == 200, response.json
    return response.json


def limit(shop, module="chat"):
    """Return the limit of a module."""
    return shop.client.get(f"/v1/limits/{module}", headers=shop.headers).json


def modules(shop):
    """Return the keys of the store's modules in order."""
    return [item["key"] for item in shop.client.get("/v1/modules", headers=shop.headers).json["items"]]


def opened(admin):
    """Return the form of the Limits page."""
    return grid(admin.get(PAGE))


def grid(response):
    """Return the form of a page with the fields a browser would send."""
    page = read(response)
    form = page.form("settings/limits")
    for tag, values in page.tags:
        if tag == "input" and values.get("type") == "checkbox" and "checked" not in values:
            form.fields.pop(values["name"], None)
    source, at = page.source, 0
    for place in range(len([name for name in form.fields if name.endswith("-key") and name != "new-key"])):
        at = source.index(f'name="m{place}-period"', at)
        select = source[at : source.index("</select>", at)]
        form.fields[f"m{place}-period"] = select.partition(" selected")[0].rpartition('value="')[2].rstrip('"')
        second = source.find(f'name="m{place}-second-period"')
        if second >= 0:
            select = source[second : source.index("</select>", second)]
            form.fields[f"m{place}-second-period"] = (
                select.partition(" selected")[0].rpartition('value="')[2].rstrip('"')
            )
    return form


def place_of(form, key):
    """Return the prefix of a module's fields."""
    return next(name.partition("-")[0] for name, value in form.fields.items() if value == key and name.endswith("-key"))


def name_of(form, key, audience):
    """Return the name of a cell's field."""
    return f"{place_of(form, key)}-r{next(name[1:] for name, value in form.fields.items() if value == audience)}"


def error_texts(response):
    """Return the errors beside the fields."""
    text_ = html.unescape(response.get_data(as_text=True))
    return [part.partition(">")[2].partition("<")[0] for part in text_.split('class="grid__error"')[1:]]


def recorded(database, shop):
    """Return actor, subject and name of the recorded changes."""
    with database.reading() as connection:
        return [
            (change.actor, change.subject, change.name)
            for change in changes.list_page(connection, shop.connected.store.id, limit=20)
        ]
