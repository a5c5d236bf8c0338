#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ntlm-authd as README.md installs it, under a systemd that is the first process: its commands word for word, logons by
a member of the group, what the units keep the daemon from, and what happens when it ends, is stopped or misconfigured."""
import json
import os
import pathlib
import re
import sys
import time

import harness as h
from booted import Systemd

PREFIX = sys.argv[1]
if os.geteuid() != 0:
    h.skip("needs root, to make name spaces")
try:
    import gssapi  # noqa: F401, for the logons there
except ImportError:
    h.skip("python3-gssapi is not installed")

LOGIN = r"""
import gssapi, sys, time
from gssapi import raw
ntlm = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
password = sys.argv[1].encode()
creds = gssapi.Credentials(raw.acquire_cred_with_password(gssapi.Name("LAB\\alice", gssapi.NameType.user), password,
                                                          mechs=[ntlm], usage="initiate").creds)
for _ in range(int(sys.argv[2])):
    ours = gssapi.SecurityContext(name=gssapi.Name("HTTP@web", gssapi.NameType.hostbased_service), mech=ntlm,
                                  creds=creds, usage="initiate")
    theirs = gssapi.SecurityContext(usage="accept")
    started = time.monotonic()
    try:
        theirs.step(ours.step(theirs.step(ours.step(None))))
        said = str(theirs.initiator_name)
    except gssapi.exceptions.GSSError as error:
        said = "%#x" % error.min_code
print("%.3f %s" % (time.monotonic() - started, said))
"""
IN, DENIED, DOWN, ACCESS = "LAB\\alice", "0x4e4c0020", "0x4e4c0031", "0x4e4c0032"
DEADLINE = 20  # seconds: the 15 of [ntlm] store_deadline, and what a busy machine adds

# A host that starts things by itself, in each of the ways that there are.
BUSY_HOST = r"""
mkdir -p etc/systemd/system-generators usr/local/lib/systemd/system
for each in sysinit basic sockets timers paths multi-user local-fs; do
  for where in etc lib; do
    unit=ntlm-test-$where-$each.service
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/touch /ran-%s\n' "$unit" >"lib/systemd/system/$unit"
    mkdir -p "$where/systemd/system/$each.target.wants"
    ln -s "/lib/systemd/system/$unit" "$where/systemd/system/$each.target.wants/"
  done
done
printf '[Timer]\nOnBootSec=1\nUnit=ntlm-test-etc-basic.service\n' >etc/systemd/system/ntlm-test.timer
ln -s ../ntlm-test.timer etc/systemd/system/timers.target.wants/
printf '#!/bin/sh\ntouch /ran-generator\n' >etc/systemd/system-generators/ntlm-test
chmod 755 etc/systemd/system-generators/ntlm-test
"""

DIR = h.directory()
system = Systemd(DIR, BUSY_HOST)


def there(*command, check=True, **options):
    done = system.run(*command, **options)
    if check and done.returncode != 0:
        h.check(False, " ".join(map(str, command)), done.stdout + done.stderr)
    return done.stdout


def login(password="secret1", user="www-data", times=1, most=DEADLINE):
    """Who logged in, or the minor status; the last time within the deadline."""
    said = there("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", h.DEBIAN_PYTHON, "-c", LOGIN, password, times)
    seconds, outcome = said.strip().split(" ", 1)
    h.check(float(seconds) < most, f"answered in {seconds} s", said)
    return outcome


def property_of(unit, name):
    return there("systemctl", "show", "-P", name, unit).strip()


def processes():
    pids = there("systemctl", "show", "-P", "ControlGroup", "ntlm-authd.service").strip()
    return there("cat", f"/sys/fs/cgroup{pids}/cgroup.procs").split()


def follow_the_readme():
    text = (h.SOURCE / "README.md").read_text()
    block = re.search(r"\*\*No hashes in workers\.\*\*.*?```\n(.*?)```", text, re.S).group(1)
    commands = [line.split(" #")[0].strip() for line in block.splitlines()]
    h.check(len(commands) == 5, "README.md has five commands", block)
    # gss-ntlmssp's registration is found first, as README.md says.
    there("rm", "-f", "/etc/gss/mech.d/mech.ntlmssp.conf")
    for command in commands:
        adds = " add " in command  # the password is asked for on a terminal
        command = command.replace(" add ", " add --password-stdin ") if adds else command
        # systemd-tmpfiles also makes what other packages want, of which not all can be made here.
        done = system.run("sh", "-c", command, stdin="secret1\n" if adds else None)
        h.check(done.returncode == 0 or "tmpfiles" in command, command, done.stdout + done.stderr)
    service_config()


def service_config(more=""):
    there("sh", "-c", 'printf "[ntlm]\\n    store = authd\\n$0" >/etc/gss/ntlm.conf', more)


def write_config(more=""):
    there("sh", "-c", 'cp "$0.first" "$0" 2>/dev/null || cp "$0" "$0.first"; printf "$1" >>"$0"', "/etc/gss/ntlm-authd.conf", more)


units = there("systemctl", "list-units", "--plain", "--no-legend", "--type=service,socket,timer,path,mount,automount")
h.check("ntlm-test" not in units, "nothing is there that the host would start", units)

# A journal that drops what exceeds a few records, unless a unit says otherwise.
there("sh", "-c", "mkdir -p /etc/systemd/journald.conf.d && printf '[Journal]\\nRateLimitBurst=1\\n' "
      ">/etc/systemd/journald.conf.d/test.conf && systemctl restart systemd-journald.service")
follow_the_readme()
write_config()
# A busy machine may take longer than the default deadline to start the daemon.
service_config("    store_deadline = 15\\n")
h.check(there("stat", "-c", "%U:%G %a", "/run/ntlm-authd/auth.sock").strip() == "root:ntlm 660", "the socket is root's and the group's")
h.check(there("stat", "-c", "%U:%G %a", "/var/lib/ntlm-authd/accounts").strip() == "root:ntlm-authd 640", "so are the accounts")
h.check(property_of("ntlm-authd.service", "ActiveState") == "inactive", "the daemon waits for the first logon")

h.check(login() == IN, "the first logon starts it, and gets in")
h.check(login("wrong") == DENIED, "a wrong password is refused")
h.check(login(user="games") == ACCESS, "who is not in the group may not ask")
h.check("A login can work here" in there("ntlmctl", "diagnose"), "ntlmctl diagnose says that it works")

front, store = processes()
for name, pid in (("front", front), ("store", store)):
    status = dict(line.split(":\t", 1) for line in there("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    h.check(all(int(status[each], 16) == 0 for each in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")), f"{name}: no capability")
    h.check(int(status["Seccomp_filters"]) >= 2, f"{name}: the unit's filters and its own")
    links = there("cat", f"/proc/{pid}/net/dev")
    h.check(re.findall(r"^ *(\w+):", links, re.M) == ["lo"], f"{name}: no network", links)
    inside = ["nsenter", "-t", pid, "-m", "--"]
    for path in ("/etc/gss", "/var/lib/ntlm-authd", "/var/log", "/usr", "/root"):
        done = system.run(*inside, "touch", f"{path}/made")
        h.check(done.returncode != 0, f"{name}: {path} is closed or read only", done.stderr)
    h.check(system.run(*inside, "ls", "/root/.").stdout == "", f"{name}: no home of anybody")

table = there("ntlmctl", "lockout", "list", "--config", "/etc/gss/ntlm-authd.conf")
h.check("LAB\\alice: 1 failures" in table, "the count of failures is in the table that root made", table)
there("systemctl", "restart", "ntlm-authd.service")
h.check(there("ntlmctl", "lockout", "list", "--config", "/etc/gss/ntlm-authd.conf") == table, "and outlives the daemon")
h.check(login() == IN, "a restart is not noticed")
h.check(login(times=50) == IN, "fifty logons at once")


def recorded():
    summary = json.loads(there("ntlmctl", "audit", "--journal", "--service", "HTTP*", "--json"))
    return [(row["name"], row["logins"], row["failures"]) for row in summary["accounts"]]


until = time.monotonic() + 60  # the journal has them once it has read them
while recorded() != [("LAB\\alice", 52, 1)] and time.monotonic() < until:
    time.sleep(0.1)
h.check(recorded() == [("LAB\\alice", 52, 1)], "one record an attempt in the journal, and none dropped", recorded())

for victim in (0, 1):
    there("kill", "-KILL", processes()[victim])
    h.check(login() == IN, f"{('front', 'store')[victim]} killed: the next logon waits for the next start")
    h.wait_for(lambda: len(processes()) == 2, "both processes")
service_config()
there("systemctl", "kill", "-s", "STOP", "ntlm-authd.service")
h.check(login(most=12) == DOWN, "frozen: a clear failure at the default deadline, 5 s")
service_config("    store_deadline = 15\\n")
there("systemctl", "kill", "-s", "CONT", "ntlm-authd.service")
h.check(login() == IN, "and in again")
there("systemctl", "stop", "ntlm-authd.socket", "ntlm-authd.service")
h.check(login() == DOWN, "stopped: a clear failure")
there("systemctl", "start", "ntlm-authd.socket")
h.check(login() == IN, "started: in again")

write_config("[audit]\\n json = /var/log/ntlm-authd/audit.jsonl\\n")
there("systemctl", "restart", "ntlm-authd.service")
h.check(login() == IN, "with an audit file: in")
h.check("1 login and 0 refusals" in there("ntlmctl", "audit", "--config", "/etc/gss/ntlm-authd.conf"), "and its record is in the file")

write_config("[authd]\\n rates = 1\\n")
there("systemctl", "stop", "ntlm-authd.service")
h.check(login() == DOWN, "a wrong configuration: a clear failure")
h.wait_for(lambda: "[authd] rates is no key of this section" in there(
    "journalctl", "-u", "ntlm-authd.service", "--no-pager", "-o", "cat"), "the reason in the journal")
until = time.monotonic() + 30  # each logon starts it again, until systemd has enough of that
while property_of("ntlm-authd.socket", "ActiveState") != "failed" and time.monotonic() < until:
    login()
write_config()
there("systemctl", "restart", "ntlm-authd.service")
h.check(login() == IN, "made right and started by hand: in again")
h.check(property_of("ntlm-authd.socket", "ActiveState") == "active", "and its socket listens")

h.check("ran-" not in there("ls", "/"), "and nothing of it has run since", there("ls", "/"))
system.stop()
h.check(not pathlib.Path(system.group).exists(), "nothing is left of it")
h.finish("ntlm-authd under systemd")
