"""The rooms of the code and the one-way edges between them, as docs/architecture.md has them."""

import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ["include/lodestone", "src", "tools", "apps", "python/src"]

# Headers that belong to no room: the version, and what includes the public headers for users.
VERSION = "lodestone/version.hpp"
UMBRELLA = "include/lodestone/lodestone.hpp"


def allowed():
    """What each room may include, from the table of rooms."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = {}
    for line in text.partition("| room | holds | may include |\n")[2].splitlines()[1:]:
        if not line.startswith("|"):
            break
        name, _, rooms = (cell.strip() for cell in line.strip("|").split("|"))
        table[name.strip("`")] = set(re.findall(r"`([^`]+)`", rooms))
    return table


def room_of(path):
    """The room of a file, from its folder; nothing for the headers that belong to none."""
    parts = Path(path).parts
    if parts[0] in ("apps", "python"):
        return parts[0]
    inside = parts[2:] if parts[0] == "include" else parts[1:]
    if len(inside) == 1:
        return None
    if parts[0] == "tools":
        return f"tools/{inside[0]}"
    return "/".join(inside[:2]) if inside[0] == "io" and len(inside) > 2 else inside[0]


def files():
    found = [
        file.relative_to(ROOT).as_posix()
        for folder in SOURCES
        for pattern in ("*.hpp", "*.cpp")
        for file in (ROOT / folder).rglob(pattern)
    ]
    assert len(found) > 100
    return sorted(found)


def included(file):
    """The project's files that a file includes, as paths from the root."""
    text = (ROOT / file).read_text(encoding="utf-8")
    for quote, name in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', text, re.MULTILINE):
        if name == VERSION:
            continue
        places = [f"include/{name}", f"src/{name}", f"tools/{name}", f"{Path(file).parent}/{name}"]
        path = next((place for place in places if (ROOT / place).is_file()), None)
        if path is not None:
            yield path
        else:
            assert quote == "<", f"{file} includes {name}, which is not there"


def test_the_table_names_the_rooms_that_are_there():
    assert set(allowed()) == {room_of(file) for file in files()} - {None}


def test_edges_go_one_way():
    table = allowed()
    for room, rooms in table.items():
        assert rooms <= set(table), f"{room} may include {rooms - set(table)}, which are no rooms"
    try:
        list(graphlib.TopologicalSorter(table).static_order())
    except graphlib.CycleError as error:
        pytest.fail("rooms in a circle: " + " -> ".join(error.args[1]))


def test_every_include_is_an_edge_of_the_table():
    table = allowed()
    forbidden = [
        f"{file} ({room_of(file)}) includes {path} ({room_of(path)})"
        for file in files()
        if file != UMBRELLA
        for path in included(file)
        if room_of(path) != room_of(file) and room_of(path) not in table[room_of(file)]
    ]
    assert not forbidden, "not in the table of docs/architecture.md:\n" + "\n".join(forbidden)


def test_public_headers_include_public_headers_only():
    inside = [
        f"{file} includes {path}"
        for file in files()
        if file.startswith("include/")
        for path in included(file)
        if not path.startswith("include/")
    ]
    assert not inside, "\n".join(inside)
