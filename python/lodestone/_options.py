"""Arguments as the library's records of options have them."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, TypeVar

from lodestone import _core

Documented = TypeVar("Documented", bound=Callable[..., Any])

# "    max_epoch_steps, max_steps : int" of a docstring in NumPy's style; Python 3.13 takes the spaces.
_ARGUMENTS = re.compile(r" *(?P<names>\w+(?:, \w+)*) : .+")


def with_ranges(verb: str, **renamed: str) -> Callable[[Documented], Documented]:
    """Puts the ranges of options into a docstring: "width : int" becomes "width : int (even, 2 to
    20000)". `renamed` has the option of each argument that has another name."""
    ranges = {record["name"]: record["range"] for record in _core.options(verb)}

    def range_of(line: str) -> str:
        arguments = _ARGUMENTS.fullmatch(line)
        names = arguments["names"].split(", ") if arguments else []
        found = {ranges.get(renamed.get(name, name), "") for name in names}
        return found.pop() if len(found) == 1 else ""

    def document(documented: Documented) -> Documented:
        lines = (documented.__doc__ or "").splitlines()
        ends = [f" ({text})" if (text := range_of(line)) else "" for line in lines]
        documented.__doc__ = "\n".join(line + end for line, end in zip(lines, ends))
        return documented

    return document


def with_entries_of(documented: Any) -> Callable[[Documented], Documented]:
    """Puts entries of another docstring in the place of lines of their names: "cv, select" takes the
    entries "cv : ..." and "select : ..." with all their lines."""
    entries: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in inspect.cleandoc(documented.__doc__ or "").splitlines():
        if not line.startswith(" "):
            lines = []
            if found := _ARGUMENTS.fullmatch(line):
                entries.update(dict.fromkeys(found["names"].split(", "), lines))
        lines.append(line)

    def document(taking: Documented) -> Documented:
        written: list[str] = []
        for line in inspect.cleandoc(taking.__doc__ or "").splitlines():
            names = line.split(", ")
            known = all(name in entries for name in names)
            taken = [entries[name] for name in names] if known else [[line]]
            for i, entry in enumerate(taken):
                if not any(entry is earlier for earlier in taken[:i]):  # one entry of several names
                    written += entry
        taking.__doc__ = "\n".join(written)
        return taking

    return document
