# SPDX-License-Identifier: MIT
"""What the loader sees of gss_ntlm.so: exactly the symbols of exports.map, few libraries, nothing that runs at load."""
import re
import subprocess
import sys

# libgssapi and libkrb5 are in every process that loads the module; sanitizers and a shared C++ runtime are in test builds.
ALLOWED = re.compile(r"lib(gssapi_krb5|krb5|crypto|lmdb|c|m|stdc\+\+|gcc_s|asan|ubsan|tsan|gcov)\.so|ld-linux")


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def main(module, version_script):
    faults = []
    with open(version_script, encoding="utf-8") as script:
        wanted = set(re.findall(r"^\s+(gss\w+);", script.read(), re.M))
    found = {line.split()[-1] for line in lines_of("nm", "-D", "--defined-only", module)}
    faults += [f"exported, but not in the list: {name}" for name in sorted(found - wanted)]
    faults += [f"in the list, but not exported: {name}" for name in sorted(wanted - found)]
    faults += [f"only interposers export gssi_*: {name}" for name in found if name.startswith("gssi_")]
    if "gssspi_set_cred_option" not in found:
        faults.append("gssspi_set_cred_option: dlsym would find libgssapi's own")
    if "gss_mech_initialize" in found:
        faults.append("gss_mech_initialize: the mechglue would take a private struct in its place")
    # What we export must not be what we call: the process may bind it to the mechglue.
    needed = {line.split()[-1].split("@")[0] for line in lines_of("nm", "-D", "--undefined-only", module)}
    faults += [f"called, though exported: {name}" for name in sorted(needed & wanted)]
    for line in lines_of("readelf", "-d", module):
        library = re.search(r"NEEDED.*\[(.*)\]", line)
        if library and not ALLOWED.match(library.group(1)):
            faults.append(f"needs {library.group(1)}")
    for line in lines_of("nm", module):
        constructor = re.search(r"_GLOBAL__sub_[ID]_(\S+)", line)
        # Those of the C++ runtime itself are named after its .cc files.
        if constructor and not constructor.group(1).endswith(".cc"):
            faults.append(f"runs when the module is loaded: {constructor.group(0)}")
    print("\n".join(faults) if faults else f"{len(found)} symbols, as listed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
