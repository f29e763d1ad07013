"""Write the WordPress plugin as a ZIP file: `make plugin`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bridge.services.ops import plugin_archive  # noqa: E402 -- found by the line above


def main() -> None:
    """Build the archive in `dist/` and print its path."""
    target = ROOT / "dist" / plugin_archive.NAME
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(plugin_archive.build(plugin_archive.folder_in(ROOT)))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
