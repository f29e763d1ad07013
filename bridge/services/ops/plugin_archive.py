"""The WordPress plugin as a ZIP file, for `make plugin` and for the download in the console."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

NAME = "token-bridge.zip"
MAX_FILES = 2000
MAX_BYTES = 20 * 1024 * 1024
"""The most files of the plugin, and their bytes together; more is not the plugin."""

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3


class PluginTooLarge(Exception):
    """The folder holds more than a plugin can be."""


def folder_in(checkout: Path) -> Path:
    """Return the folder of the plugin in a checkout."""
    return checkout / "wordpress" / "token-bridge"


@functools.cache
def find_archive(folder: Path) -> bytes | None:
    """Return the plugin of a folder as `build` does, once for each process; None if there is no plugin."""
    return build(folder) if (folder / f"{folder.name}.php").is_file() else None


def build(folder: Path) -> bytes:
    """Return a ZIP file of a plugin's folder; the same files give the same bytes.

    Hidden files and symbolic links are left out. Raises `PluginTooLarge`.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in _files(folder):
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", _DATE)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return written.getvalue()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files in the order of their names."""
    total = 0
    for number, path in enumerate(sorted(_visible(folder), key=lambda path: path.relative_to(folder).as_posix())):
        total += path.stat().st_size
        if number >= MAX_FILES or total > MAX_BYTES:
            raise PluginTooLarge(f"{folder} has more than {MAX_FILES} files or {MAX_BYTES} bytes")
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _visible(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            yield from _visible(path)
        elif path.is_file():
            yield path
