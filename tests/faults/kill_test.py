#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntlmctl is killed at each of many points of its writes to the database, between and within its system calls: what is left
is the old content or the new one, and the next writer succeeds. Usage: kill_test.py NTLMCTL FAULTS_LIBRARY
FAULT_POINTS in the environment says at how many points (100)."""
import os
import signal
import sys
import time
import unittest

from writing import Writing

POINTS = int(os.environ.get("FAULT_POINTS", "100"))


class Kill(Writing):
    def walk(self, arguments, points):
        """Kills at `points` of its steps, evenly; how many points that was, and how many left the new content."""
        self.put_back()
        self.fault.arm("KILL", 0)
        self.tool(*arguments)
        steps = self.fault.steps
        self.fault.disarm()
        new = self.content()
        count, renewed = min(points, steps), 0
        for point in sorted({1 + i * steps // count for i in range(count)}):
            self.put_back()
            self.fault.arm("KILL", point)
            done = self.start(*arguments)
            hit = self.fault.hit
            self.fault.disarm()
            self.assertEqual(done.returncode, -signal.SIGKILL, (arguments, point, hit))
            if not self.is_old():
                renewed += 1
                self.assertEqual(self.content(), new, (arguments, point, hit))
            elif point % 8 == 0:
                self.tool(*arguments)
                self.assertEqual(self.content(), new, (arguments, point, hit))
                self.assertEqual(sorted(os.listdir(os.path.dirname(self.accounts))), ["accounts", "accounts.lock"])
        return count, renewed

    def test_killed_writer_leaves_the_old_content_or_the_new(self):
        start, total, renewed = time.monotonic(), 0, 0
        changes = (*self.CHANGES, ["import", self.lines("many", max(20000, 50 * POINTS))])
        for number, arguments in enumerate(changes):
            left = (POINTS - total) // (len(changes) - number)
            points, new = self.walk(arguments, left)
            total, renewed = total + points, renewed + new
        print(f"killed at {total} points: {total - renewed} times the old content, {renewed} times the new; "
              f"{time.monotonic() - start:.1f} s")
        self.assertEqual(total, POINTS)
        self.assertGreater(renewed, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
