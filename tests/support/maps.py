#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the maps name what is there: each room in its folder's README.md, each folder and page in the page that leads to
it. A name counts where it stands in code (`…`), or in a link. Exit status 1 and one line for each that is missing.
Usage: maps.py [source directory]"""
import re
import sys
from pathlib import Path, PurePath

from include_rules import tracked

# What is to be named (a file, or a folder with the slash), the page that names it ({folder} is where it lies), and the form
# of the name: {stem} is the file's {name} up to its first dot.
MAPS = (
    ("mech/*/*.cpp", "{folder}/README.md", "{stem}"),
    ("mech/*/*.h", "{folder}/README.md", "{stem}"),
    ("mech/*/*.inc", "{folder}/README.md", "{stem}"),
    ("sspi_compat/*.cpp", "{folder}/README.md", "{stem}"),
    ("sspi_compat/*.h", "{folder}/README.md", "{stem}"),
    ("conf/*.conf", "{folder}/README.md", "{stem}"),
    ("conf/mech.d/*", "conf/README.md", "{stem}"),
    ("conf/man/*", "conf/README.md", "man"),
    ("tests/authd/*_test.cpp", "docs/testing.md", "authd.{stem}"),
    ("tests/fuzz/*_fuzz.cpp", "docs/testing.md", "{stem}"),
    ("docs/*.md", "docs/README.md", "{name}"),
    ("docs/*.md", "README.md", "docs/{name}"),
    ("mech/*/", "mech/README.md", "{stem}"),
    ("tests/*/", "tests/README.md", "{stem}"),
    ("tests/consumers/*/", "tests/consumers/README.md", "{stem}"),
)
# What a name may end in without being another one.
ENDINGS = ("_test", "_fuzz", "_lowlevel", "_evp")


def names_in(text):
    """Every name in code or in a link, whole, without its ending, and each part of a path."""
    found = set()
    for span in re.findall(r"`([^`\n]+)`|\]\(([^)]+)\)", text):
        for path in re.findall(r"[\w./-]+", "".join(span)):
            for part in (path, *path.split("/")):
                found |= {part, part.split(".")[0]}
    return found


def wanted(names):
    """(path, page, name) of every row that applies."""
    folders = {f"{parent}/" for name in names for parent in map(str, PurePath(name).parents)}
    for pattern, page, form in MAPS:
        for path in sorted(folders if pattern.endswith("/") else names):
            pure = PurePath(path)
            if len(pure.parts) != len(PurePath(pattern).parts) or not pure.match(pattern) or pure.name == "README.md":
                continue
            stem = pure.name.split(".")[0]
            for ending in ENDINGS:
                stem = stem.removesuffix(ending)
            yield path, page.format(folder=pure.parent), form.format(stem=stem, name=pure.name)


def breaches(root):
    pages = {}
    for path, page, name in wanted(tracked(root)):
        if page not in pages:
            pages[page] = names_in((root / page).read_text()) if (root / page).exists() else set()
        if name not in pages[page]:
            yield f"{page}: no `{name}`, for {path}"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(dict.fromkeys(breaches(root)))
    print("\n".join(found) or "maps: all there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
