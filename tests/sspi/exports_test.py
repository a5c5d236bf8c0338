#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The symbols that a library defines for others are those of its version script. Usage: exports_test.py MAP LIBRARY"""
import re
import subprocess
import sys

text = re.sub(r"#.*", "", open(sys.argv[1]).read())
wanted = set(re.search(r"global:(.*)local:", text, re.S).group(1).replace(";", " ").split())
listed = subprocess.run(["nm", "-D", "--defined-only", sys.argv[2]], capture_output=True, text=True, check=True).stdout
found = {line.split()[-1].split("@")[0] for line in listed.splitlines() if line.split()[-2] != "A"}
for name in sorted(wanted - found):
    print(f"missing: {name}")
for name in sorted(found - wanted):
    print(f"not in the map: {name}")
sys.exit(0 if wanted == found else 1)
