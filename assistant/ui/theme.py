"""How the page looks: Gradio's theme tokens, two style sheets, one script; all of it local."""

import json
from pathlib import Path

import gradio as gr

from assistant.ui.words import Words

FOLDER = Path(__file__).parent
FONTS = [
    "Pretendard",
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "system-ui",
    "sans-serif",
]
MONOSPACE = ["ui-monospace", "D2Coding", "Consolas", "Noto Sans Mono CJK KR", "monospace"]


def theme() -> gr.themes.Base:
    """Return neutral greys with one teal accent; every value defers to style.css's own variables."""
    base = gr.themes.Base(
        primary_hue="teal", neutral_hue="zinc", font=FONTS, font_mono=MONOSPACE, radius_size="md", text_size="md"
    )
    tokens = {
        "body_background_fill": "var(--paper)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--ink-2)",
        "background_fill_primary": "var(--surface)",
        "background_fill_secondary": "var(--paper)",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--accent)",
        "block_background_fill": "transparent",
        "block_border_width": "0px",
        "block_shadow": "none",
        "block_padding": "0px",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--ink-2)",
        "block_title_text_color": "var(--ink-2)",
        "block_info_text_color": "var(--ink-2)",
        "panel_background_fill": "transparent",
        "input_background_fill": "var(--surface)",
        "input_background_fill_focus": "var(--surface)",
        "input_border_color": "var(--line-2)",
        "input_border_color_focus": "var(--accent)",
        "input_placeholder_color": "var(--ink-3)",
        "input_shadow": "none",
        "input_shadow_focus": "0 0 0 3px var(--accent-soft)",
        "button_primary_background_fill": "var(--accent)",
        "button_primary_background_fill_hover": "var(--accent-2)",
        "button_primary_text_color": "var(--on-accent)",
        "button_primary_text_color_hover": "var(--on-accent)",
        "button_secondary_background_fill": "var(--surface)",
        "button_secondary_background_fill_hover": "var(--hover)",
        "button_secondary_text_color": "var(--ink)",
        "button_secondary_border_color": "var(--line-2)",
        "slider_color": "var(--accent)",
        "checkbox_background_color_selected": "var(--accent)",
        "checkbox_border_color_selected": "var(--accent)",
        "color_accent": "var(--accent)",
        "color_accent_soft": "var(--accent-soft)",
        "link_text_color": "var(--accent)",
        "link_text_color_hover": "var(--accent-2)",
        "error_background_fill": "var(--bad-soft)",
        "error_border_color": "var(--bad)",
        "error_text_color": "var(--bad)",
        "layout_gap": "12px",
        "form_gap_width": "0px",
    }
    known = set(vars(base))
    both = {name: value for key, value in tokens.items() for name in (key, f"{key}_dark") if name in known}
    return base.set(**both)


def css() -> str:
    """Return the style sheets that Gradio scopes to its root."""
    from eval.reports.file import report_css

    own = [(FOLDER / name).read_text(encoding="utf-8") for name in ("style.css", "arena.css", "data.css", "tune.css")]
    return "\n".join([*own, report_css()])


def head(words: Words) -> str:
    """Return what goes into ``<head>``: the script with the few strings that it says itself, and the outer style."""
    said = {key: words(f"script.{key}") for key in ("copied", "sure", "menu")}
    said |= {"error": words("error.title"), "drop": words("documents.drop")}
    from eval.reports.file import items_script

    own = [(FOLDER / name).read_text(encoding="utf-8") for name in ("page.js", "data.js", "tune.js", "evaluate.js")]
    script = "\n".join([*own, items_script()])
    settings = json.dumps({"language": words.language, "words": said}, ensure_ascii=False).replace("<", "\\u003c")
    tags = '<meta name="referrer" content="no-referrer"><link rel="icon" href="/favicon.ico">'
    shell = (FOLDER / "shell.css").read_text(encoding="utf-8")
    return f"{tags}<style>{shell}</style><script>window.joyul = {settings};\n{script}</script>"
