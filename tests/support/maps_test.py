#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""maps.py misses what a map does not name, and nothing else."""
import tempfile
import unittest
from pathlib import Path

import maps


class Maps(unittest.TestCase):
    def breaches(self, **files):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for path, text in files.items():
                target = root / path.replace("__", "/").replace("_DOT_", ".")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            return list(maps.breaches(root))

    def test_room_that_its_folder_does_not_name(self):
        rooms = {"mech__abi__name_DOT_cpp": "", "mech__README_DOT_md": "`abi/`"}
        for text in ("", "name", "`name_export`", "`names`", "a name\n`other`"):
            self.assertEqual(self.breaches(mech__abi__README_DOT_md=text, **rooms),
                             ["mech/abi/README.md: no `name`, for mech/abi/name.cpp"], text)
        for text in ("`name`", "`name.h`", "`message`, `name`", "`abi/name.cpp`", "[names](name.cpp)"):
            self.assertEqual(self.breaches(mech__abi__README_DOT_md=text, **rooms), [], text)

    def test_room_of_a_folder_without_a_map(self):
        self.assertEqual(self.breaches(sspi_compat__leg_DOT_cpp=""), ["sspi_compat/README.md: no `leg`, for sspi_compat/leg.cpp"])

    def test_folder_that_the_one_above_does_not_name(self):
        self.assertEqual(self.breaches(tests__bench__bench_DOT_py="", tests__README_DOT_md="`unit/`"),
                         ["tests/README.md: no `bench`, for tests/bench/"])

    def test_page_without_a_link(self):
        self.assertEqual(self.breaches(docs__domain_DOT_md="", docs__README_DOT_md="`domain`", README_DOT_md="`domain.md`"),
                         ["docs/README.md: no `domain.md`, for docs/domain.md", "README.md: no `docs/domain.md`, for docs/domain.md"])

    def test_test_that_the_page_does_not_name(self):
        rest = {"tests__README_DOT_md": "`fuzz/` `authd/`", "docs__README_DOT_md": "`testing.md`", "README_DOT_md": "`docs/testing.md`"}
        self.assertEqual(self.breaches(docs__testing_DOT_md="`text_file`, `authd.idle`", tests__fuzz__text_fuzz_DOT_cpp="",
                                       tests__authd__slow_test_DOT_cpp="", **rest),
                         ["docs/testing.md: no `authd.slow`, for tests/authd/slow_test.cpp",
                          "docs/testing.md: no `text`, for tests/fuzz/text_fuzz.cpp"])


if __name__ == "__main__":
    unittest.main()
