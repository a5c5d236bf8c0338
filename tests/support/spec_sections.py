#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sections of [MS-NLMP] that are cited in the code and in the tests, side by side.
Usage: spec_sections.py [source directory]"""
import re
import sys
from collections import defaultdict
from pathlib import Path

# "[MS-NLMP] 3.2.5.1.2", and further numbers in the same breath: "[MS-NLMP] 3.3.1, 3.3.2 and 4.2".
CITATION = re.compile(r"\[MS-NLMP\]((?:[\s,;/]|\band\b|\bsection\b|\d+(?:\.\d+)+)+)")
NUMBER = re.compile(r"\d+(?:\.\d+)+")
SIDES = {"code": ("mech", "sspi_compat", "include"), "tests": ("tests",)}


def citations(root, folders):
    found = defaultdict(set)
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path != Path(__file__).resolve() and path.suffix in (".cpp", ".h", ".c", ".py", ".vec"):
                for group in CITATION.findall(path.read_text(errors="replace")):
                    for number in NUMBER.findall(group):
                        found[number].add(path.name)
    return found


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    code, tests = (citations(root, folders) for folders in SIDES.values())
    numbers = sorted(code.keys() | tests.keys(), key=lambda n: [int(part) for part in n.split(".")])
    for number in numbers:
        left, right = (" ".join(sorted(side.get(number, ["-"]))) for side in (code, tests))
        print(f"{number:12} {left:50} {right}")
    untested = sum(1 for number in code if number not in tests)
    print(f"{len(numbers)} sections: {len(code)} in code, {len(tests)} in tests, {untested} in code only")


if __name__ == "__main__":
    main()
