"""The Lua modules of scripts/mpv without a player, in every Lua that mpv is built with."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(__file__).parents[1] / "scripts" / "mpv" / "modules"
LUAS = ("luajit21", "lua51", "lua52")
"""mpv takes LuaJIT, Lua 5.1 or 5.2."""


class Lua:
    """A fresh interpreter that finds our modules, and nothing of a player."""

    def __init__(self, kind: str = "lua52") -> None:
        module = pytest.importorskip(f"lupa.{kind}", reason="needs lupa (pip install lupa)")
        self._lua = module.LuaRuntime(unpack_returned_tuples=True)
        self._table = importlib.import_module(f"lupa.{kind}").lua_type
        self._lua.globals().package.path = f"{MODULES}/?.lua"

    def module(self, name: str) -> Any:
        """Load one of our modules."""
        return self._lua.require(name) if hasattr(self._lua, "require") else self._lua.eval(f'require "{name}"')

    def run(self, text: str) -> Any:
        """Run statements and return what they return."""
        return self._lua.execute(text)

    def table(self, value: Any) -> Any:
        """Turn mappings and lists into tables, all the way down."""
        if isinstance(value, Mapping):
            return self._lua.table_from({key: self.table(item) for key, item in value.items() if item is not None})
        if isinstance(value, Iterable) and not isinstance(value, str):
            return self._lua.table_from([self.table(item) for item in value])
        return value

    def plain(self, value: Any) -> Any:
        """Turn tables into mappings and lists, all the way down."""
        if self._table(value) != "table":
            return value
        items = dict(value.items())
        if items and all(isinstance(key, int) for key in items):
            return [self.plain(items[key]) for key in sorted(items)]
        return {key: self.plain(item) for key, item in items.items()}
