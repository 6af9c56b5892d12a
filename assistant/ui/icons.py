"""The page's few line icons, drawn on a 20 x 20 grid; always beside or behind a text label."""

_PATHS = {
    "up": "M7 9v8H4V9zm0 0 3.4-6c1.4 0 2 .9 1.8 2.100L11.600 8H15.500c1 0 1.700.9 1.500 1.900l-1.200 5.600c-.2.900-.9 1.500-1.800 1.500H7",
    "down": "M13 11V3h3v8zm0 0-3.400 6c-1.400 0-2-.9-1.800-2.100L8.400 12H4.500c-1 0-1.700-.9-1.500-1.900l1.200-5.600C4.400 3.600 5.100 3 6 3h7",
    "edit": "M4 16h3l9-9-3-3-9 9zM11.500 5.500l3 3",
    "again": "M16 10a6 6 0 1 1-1.800-4.300M16 3v3.500h-3.500",
    "copy": "M7 7h9v9H7zM4 13V4h9",
    "receipt": "M5 3h10v14l-2-1.300L11.500 17 10 15.700 8.500 17 7 15.700 5 17zM7.500 7h5M7.500 10h5",
    "close": "M5 5l10 10M15 5 5 15",
    "trash": "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
    "sliders": "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
    "sun": "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1 1M14.700 14.700l1 1M4.300 15.700l1-1M14.700 5.300l1-1",
    "open": "M8 5H4v11h11v-4M11 4h5v5M16 4l-7 7",
    "check": "M4 10.500 8.500 15 16 6",
    "left": "M12 4l-6 6 6 6",
    "right": "M8 4l6 6-6 6",
}


def icon(name: str) -> str:
    """Return an icon that screen readers skip."""
    path = _PATHS[name]
    return f'<svg class="j-icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="{path}"/></svg>'
