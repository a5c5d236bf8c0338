# SPDX-License-Identifier: MIT
"""curl, and what it got."""
import re
import subprocess

from harness import PATIENCE


class Answer:
    def __init__(self, status, headers):
        self.status = status
        self.headers = headers  # names in lower case

    @property
    def user(self):
        return self.headers.get("x-remote-user", "")


def curl(url, *options, env=None):
    """The last response that curl saw."""
    done = subprocess.run(["curl", "-s", "-i", "--noproxy", "*", "--max-time", str(PATIENCE), *options, url],
                          capture_output=True, env=env, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"curl ended with {done.returncode}: {done.stderr.decode()}")
    heads = re.split(rb"\r\n\r\n", done.stdout)
    head = [part for part in heads if part.startswith(b"HTTP/")][-1].decode("latin-1")
    first, *lines = head.split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs})
