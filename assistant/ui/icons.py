"""The page's few line icons, drawn on a 20 x 20 grid; always beside or behind a text label."""

_PATHS = {
    "up": "M7 9v8H4V9zm0 0 3.4-6c1.4 0 2 .9 1.8 2.1L11.6 8h3.9c1 0 1.7.9 1.5 1.9l-1.2 5.6c-.2.9-.9 1.5-1.8 1.5H7",
    "down": "M13 11V3h3v8zm0 0-3.4 6c-1.4 0-2-.9-1.8-2.1L8.4 12H4.5c-1 0-1.7-.9-1.5-1.9l1.2-5.6C4.4 3.6 5.1 3 6 3h7",
    "edit": "M4 16h3l9-9-3-3-9 9zM11.5 5.5l3 3",
    "again": "M16 10a6 6 0 1 1-1.800-4.3M16 3v3.5h-3.5",
    "copy": "M7 7h9v9H7zM4 13V4h9",
    "receipt": "M5 3h10v14l-2-1.3L11.5 17 10 15.700 8.5 17 7 15.700 5 17zM7.5 7h5M7.5 10h5",
    "close": "M5 5l10 10M15 5 5 15",
    "trash": "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
    "sliders": "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
    "sun": "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.5M10 16.5V18M2 10h1.5"
    "M16.5 10H18M4.3 4.3l1 1M14.700 14.700l1 1M4.3 15.700l1-1M14.700 5.3l1-1",
    "open": "M8 5H4v11h11v-4M11 4h5v5M16 4l-7 7",
    "check": "M4 10.5 8.5 15 16 6",
    "left": "M12 4l-6 6 6 6",
    "right": "M8 4l6 6-6 6",
}


def icon(name: str) -> str:
    """Return an icon that screen readers skip."""
    path = _PATHS[name]
    return f'<svg class="j-icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="{path}"/></svg>'
