#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom. Reads the #include lines of the tree against the table below, and the first lines of every
file for its licence. Exit status 1 and one line for each breach. Usage: include_rules.py [source directory]"""
import re
import subprocess
import sys
from pathlib import Path

# folder: what its files may name in #include "…": folders of mech/, or single headers.
ALLOWED = {
    "mech/base": ["base/"],
    "mech/wire": ["wire/", "base/"],
    "mech/crypto": ["crypto/", "base/"],
    "mech/protocol": ["protocol/", "wire/", "crypto/", "base/"],
    "mech/store": ["store/", "protocol/logon.h", "protocol/name.h", "protocol/policy.h", "crypto/", "base/",
                   "gssapi_ntlm.h"],  # the attributes' names
    "mech/authority": ["authority/", "protocol/", "wire/", "crypto/", "base/"],
    "mech/abi": ["abi/", "protocol/", "authority/", "store/", "wire/", "crypto/", "base/", "gssapi_ntlm.h"],
    "mech/ntlmctl": ["ntlmctl/", "authority/", "store/", "protocol/", "wire/", "crypto/", "base/", "gssapi_ntlm.h"],
    "mech/authd": ["authd/", "authority/", "store/", "protocol/", "wire/", "crypto/", "base/", "gssapi_ntlm.h"],
    "mech/bridge": ["bridge/", "base/", "gssapi_ntlm.h"],
    "sspi_compat": ["sspi_compat/", "sspi/", "gssapi_ntlm.h"],
    # Installed as they lie, and found by -I of their own folder: neighbours have bare names.
    "include/sspi": ["sspi_base.h", "sspi_compat.h", "sspi.h", "secext.h", "ntlmsp.h", "winerror.h"],
    "include": ["sspi/", "gssapi_ntlm.h"],
}

# A library's headers (#include <…>) appear only where that library is spoken to.
CONFINED = {
    r"openssl/": ["mech/crypto/primitives", "mech/crypto/backend", "mech/base/secret."],
    r"gssapi/": ["mech/abi/", "mech/bridge/", "mech/ntlmctl/diagnose.cpp", "sspi_compat/", "include/"],
    r"wbclient\.h": ["mech/store/winbind", "tests/"],
    r"seccomp\.h": ["mech/authd/sandbox."],
    r"lmdb\.h": ["mech/store/database"],
    r"profile\.h": ["mech/base/config.cpp", "sspi_compat/settings.cpp"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
CODE = {".cpp", ".h", ".c", ".py", ".sh", ".cmake", ".map", ".vec", ".in", ".conf"}
SPDX = "SPDX-License-Identifier: MIT"


def tracked(root):
    names = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                           capture_output=True, text=True)
    if names.returncode == 0:
        return [n for n in names.stdout.splitlines() if (root / n).is_file()]
    # An unpacked release has no git.
    return [str(p.relative_to(root)) for p in root.rglob("*")
            if p.is_file() and not p.relative_to(root).parts[0].startswith(("build", "."))]


def folder_of(name):
    return next((folder for folder in ALLOWED if name.startswith(folder + "/")), None)


def check_includes(name, text):
    folder = folder_of(name)
    if folder is None:
        return
    own = folder.split("/")[-1] + "/"
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        ours, theirs = found.groups()
        if theirs == "gssapi_ntlm.h":
            ours, theirs = theirs, None
        if ours and not any(ours == a or (a.endswith("/") and ours.startswith(a)) for a in ALLOWED[folder]):
            # A bare name is a neighbour in the same folder only where the folder says so.
            yield f'{name}:{number}: {folder} may not include "{ours}" (allowed: {" ".join(ALLOWED[folder])})'
        if ours and ".." in ours:
            yield f'{name}:{number}: "{ours}": paths begin at mech/ or include/, e.g. "{own}…"'
        for pattern, places in CONFINED.items():
            if theirs and re.match(pattern, theirs) and not name.startswith(tuple(places)):
                yield f"{name}:{number}: <{theirs}> belongs to {' '.join(places)} only"


def needs_licence(name, text):
    path = Path(name)
    if "corpus" in path.parts:
        return False
    return path.suffix in CODE or path.name == "CMakeLists.txt" or text.startswith("#!")


def check_licence(name, text):
    head = text.splitlines()[:2]
    if head and head[0].startswith("#!"):
        head = head[1:]
    if not head or SPDX not in head[0]:
        yield f"{name}:1: the first line (the second after #!) must say {SPDX}"


def breaches(root):
    for name in sorted(tracked(root)):
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        if Path(name).suffix in (".cpp", ".h", ".c"):
            yield from check_includes(name, text)
        if needs_licence(name, text):
            yield from check_licence(name, text)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(breaches(root))
    print("\n".join(found) or "include rules and licence lines: all kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
