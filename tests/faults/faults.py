# SPDX-License-Identifier: MIT
"""faults.c seen from the test: which call of a program fails, and how."""
import errno
import mmap
import os
import struct

# kSpace... of faults.c
FAULTS = {"ENOSPC": (1, errno.ENOSPC), "EMFILE": (2, errno.EMFILE), "EINTR": (4, errno.EINTR), "EIO": (8, errno.EIO),
          "KILL": (16, 0)}
FORM = struct.Struct("=QQIiII24s")
FAULT, FAULT_AT = struct.Struct("=I"), 16


class Fault:
    """The next program that is run with environment() meets it; one that runs already, at once."""

    def __init__(self, directory, library):
        self.path, self.library = os.path.join(directory, "fault"), library
        with open(self.path, "wb") as file:
            file.write(bytes(FORM.size))
        os.chmod(self.path, 0o666)
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), FORM.size)

    def environment(self):
        return {"LD_PRELOAD": self.library, "FAULT_FILE": self.path}

    def arm(self, name, at, sticky=False):
        """The at-th call from now on that `name` can meet; 0: none, they are counted."""
        fault, error = FAULTS[name]
        self.disarm()
        FORM.pack_into(self.memory, 0, 0, at, 0, error, int(sticky), 0, b"")
        FAULT.pack_into(self.memory, FAULT_AT, fault)  # a program that runs looks at the rest from now on

    def disarm(self):
        FAULT.pack_into(self.memory, FAULT_AT, 0)
        self.memory[:] = bytes(FORM.size)

    @property
    def steps(self):
        return FORM.unpack_from(self.memory)[0]

    @property
    def hit(self):
        """The name of the call that was hit; empty: none."""
        *_, hit, call = FORM.unpack_from(self.memory)
        return call.rstrip(b"\0").decode() if hit else ""
