"""Keeps settings such as "# " and "~" as text, although YAML reads them as null."""

from __future__ import annotations

from typing import Any

import yaml
from jsonargparse import get_loader, set_loader


def keep_text_of_settings() -> None:
    """Make jsonargparse keep the text of a setting that YAML would read as null, unless it is empty or ``null``.

    jsonargparse parses each setting as YAML, even if a config file gives it in quotes. Without this, the comment
    prefix "# " would silently become null.
    """
    load = get_loader("yaml")
    if getattr(load, "keeps_text", False):
        return

    def load_setting(text: str) -> Any:
        value = load(text)
        is_null = "\n" in text or text.strip().lower() in {"", "null"}
        return text if value is None and not is_null else value

    load_setting.keeps_text = True  # type: ignore[attr-defined]
    set_loader("yaml", load_setting, exceptions=(yaml.YAMLError,))
