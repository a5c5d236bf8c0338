# SPDX-License-Identifier: MIT
"""A database of accounts that ntlmctl changes while something goes wrong."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from faults import Fault

NTLMCTL, LIBRARY = (os.path.abspath(path) for path in sys.argv[1:3])


class Writing(unittest.TestCase):
    CHANGES = (["add", "DOM\\new", "--password-stdin"], ["passwd", "DOM\\user7", "--password-stdin"], ["delete", "DOM\\user7"],
               ["disable", "DOM\\user7"])

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="ntlm-writing-")
        cls.directory = cls.holder.name
        cls.fault = Fault(cls.directory, LIBRARY)
        cls.accounts = os.path.join(cls.directory, "store", "accounts")
        os.mkdir(os.path.dirname(cls.accounts), 0o700)
        cls.old = os.path.join(cls.directory, "old")
        cls.some = cls.lines("some", 50)
        cls.tool("import", cls.some)
        shutil.copyfile(cls.accounts, cls.old)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def lines(cls, name, count):
        path = os.path.join(cls.directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"DOM:user{i}:{name}{i}\n" for i in range(count))
        os.chmod(path, 0o600)
        return path

    @classmethod
    def start(cls, *arguments):
        return subprocess.run([NTLMCTL, "user", "--store", cls.accounts, *arguments], input=b"changed\n", capture_output=True,
                              env={**os.environ, **cls.fault.environment()}, timeout=120, check=False)

    @classmethod
    def tool(cls, *arguments):
        done = cls.start(*arguments)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.returncode} {done.stderr.decode()}")
        return done.stdout

    @classmethod
    def put_back(cls):
        shutil.rmtree(os.path.dirname(cls.accounts))
        os.mkdir(os.path.dirname(cls.accounts), 0o700)
        shutil.copyfile(cls.old, cls.accounts)
        os.chmod(cls.accounts, 0o600)

    def content(self):
        """All accounts, their hashes and states; without the times."""
        return sorted(line.rpartition(b":")[0].rpartition(b":")[0] for line in self.tool("export").splitlines())

    def is_old(self):
        with open(self.accounts, "rb") as now, open(self.old, "rb") as then:
            return now.read() == then.read()
