#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A demonstration or a measurement that is told to end in its middle, or whose terminal is closed, leaves nothing: no
process, no directory with accounts, no setting of the kernel. One that is killed leaves no process."""
import ctypes
import os
import signal
import subprocess
import sys
import time

import harness as h

DEMO = h.SOURCE / "tests/consumers/apache/demo.py"
PR_SET_CHILD_SUBREAPER = 36
POLLING = """
import sys, time
sys.path.insert(0, sys.argv[1])
import daemon
daemon.HALT_POLL = sys.argv[2]
with daemon.idle_processors_poll():
    print("listening", flush=True)
    time.sleep(60)
"""

STARTING = """
import time
import harness
for deaf in ("", "trap : TERM;"):
    harness.start(["sh", "-c", deaf + "while :; do sleep 1; done"])
print("listening", flush=True)
time.sleep(60)
"""

# Whatever is left without a parent becomes this process's child.
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children():
    """Those that have not ended."""
    while True:  # those that have ended need no more than to be asked
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            return []
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False)
    return [line for line in listed.stdout.splitlines() if " ps -o " not in line]


def nobody_is_left(name):
    end = time.monotonic() + 40
    while (left := children()) and time.monotonic() < end:
        time.sleep(0.02)
    for line in left:
        os.kill(int(line.split()[0]), signal.SIGKILL)
    h.check(left == [], f"{name}: no process is left", "\n".join(left))


def interrupted(command, number, twice=False, **environment):
    """Its exit status, when it was sent the signal as soon as its output spoke of listening."""
    program = subprocess.Popen([str(part) for part in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**os.environ, **environment})
    seen = []
    for line in program.stdout:
        seen.append(line)
        if "listening" in line:
            break
    h.check(program.poll() is None, f"{signal.Signals(number).name} in the middle", "".join(seen))
    program.send_signal(number)
    if twice:
        time.sleep(0.05)
        program.send_signal(number)
    program.stdout.read()
    return program.wait(90)


def demo(number, *options, twice=False):
    place = h.directory()
    status = interrupted([sys.executable, DEMO, h.BUILD, *options], number, twice, TMPDIR=str(place),
                         PATH=f"{SLOW}:{os.environ['PATH']}")
    name = " ".join(("demo", *options))
    h.check(status == 128 + number, f"{name} ends and says by what", status)
    nobody_is_left(name)
    h.check(list(place.iterdir()) == [], f"{name}: no directory is left", list(place.iterdir()))


h.need("apache2", "curl")
if not os.path.exists("/usr/lib/apache2/modules/mod_auth_gssapi.so"):
    h.skip("libapache2-mod-auth-gssapi is not installed")
# The demonstration waits for its curl: the signal cannot come too late. One that was just being started is nobody's to end,
# as a real one that still asks a server; like that it ends by itself.
SLOW = h.directory()
h.write(SLOW / "curl", "#!/bin/sh\nexec sleep 20\n", 0o755)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    demo(number)
demo(signal.SIGTERM, "--authd")
demo(signal.SIGHUP, "--authd", twice=True)

interrupted([sys.executable, "-c", STARTING], signal.SIGKILL)
nobody_is_left("a test that is killed")

setting = h.write(h.directory() / "guest_halt_poll_ns", "0\n")
for number in (signal.SIGTERM, signal.SIGHUP):
    interrupted([sys.executable, "-c", POLLING, h.SOURCE / "tests/bench", setting], number)
    h.check(setting.read_text() == "0\n", "the kernel's setting is as it was", setting.read_text())
h.finish("interrupted")
