#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./run demo in a tree that lies below a directory of its owner alone, as /root is, with a umask to match: Apache's user
and the daemon's get what they need of it."""
import os
import shutil
import sys

import harness as h

TREE = h.directory() / "closed"
os.umask(0o077)
TREE.mkdir()
for folder in ("conf", "tests/consumers"):
    shutil.copytree(h.SOURCE / folder, TREE / folder, ignore=shutil.ignore_patterns("__pycache__"))
(TREE / "build").mkdir()
for product in ("gss_ntlm.so", "ntlmctl", "ntlm-authd"):
    shutil.copy(h.BUILD / product, TREE / "build")
for options in ([], ["--authd"]):
    done = h.run([sys.executable, TREE / "tests/consumers/apache/demo.py", TREE / "build", *options], timeout=600)
    if done.returncode == h.SKIPPED:
        h.skip(done.stdout.strip())
    h.check(done.returncode == 0 and "Done." in done.stdout, " ".join(("demo", *options)), done.stdout + done.stderr)
h.finish("closed tree")
