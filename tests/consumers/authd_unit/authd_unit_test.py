#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ntlm-authd under what its unit allows it: it starts, serves logons of a worker in this process, reads accounts that
ntlmctl has changed, and its two processes are shut in as they should be."""
import os
import pwd
import re
import signal
import socket
import sys
from pathlib import Path

import harness as h
from authd import Authd

DAEMON = h.for_all_users(sys.argv[1])
USER = "daemon"  # a user that every Debian has; nobody's uid stands for users of other name spaces
if os.geteuid() != 0:
    h.skip("needs root, to give root up")
try:
    import gssapi
    from gssapi import raw
except ImportError:
    h.skip("python3-gssapi is not installed")
h.need("systemd-analyze")

DIR = h.directory()
STATE = DIR / "state"
STATE.mkdir(0o750)
os.chown(STATE, 0, pwd.getpwnam(USER).pw_gid)
LOGS = DIR / "logs"
LOGS.mkdir(0o750)
os.chown(LOGS, pwd.getpwnam(USER).pw_uid, -1)
UNIT = h.BUILD / "conf" / "systemd" / "ntlm-authd.service"
for name in list(os.environ):
    if name.startswith(("KRB5", "GSS_", "NTLM_USER", "NETBIOS")):
        del os.environ[name]
os.environ.update({
    "GSS_MECH_CONFIG": str(h.mech_conf(DIR / "mech")),
    "GSS_NTLM_CONF": str(h.ntlm_conf(DIR / "ntlm.conf", more=f"[ntlm]\n store = authd:{DIR}/auth.sock\n")),
    "KRB5_CONFIG": str(h.write(DIR / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n")),
    "KRB5CCNAME": f"FILE:{DIR}/none", "KRB5_KTNAME": f"{DIR}/no-keytab"})
CONFIG = h.write(DIR / "ntlm-authd.conf", f"""[ntlm]
    store = lmdb:{STATE}/accounts
[audit]
    syslog = no
    json = {LOGS}/audit.json
""")

NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
TARGET = gssapi.Name("host@web", gssapi.NameType.hostbased_service)


def ntlmctl(command, name, password=""):
    h.run([h.BUILD / "ntlmctl", "user", "--config", CONFIG, command, name, *(["--password-stdin"] if password else [])],
          stdin=password + "\n", check=True)


def log_in(user, password, mech=NTLM):
    """The name that the acceptor is given."""
    name = gssapi.Name(user, gssapi.NameType.user)
    creds = raw.acquire_cred_with_password(name, password.encode(), mechs=[mech], usage="initiate").creds
    ours = gssapi.SecurityContext(name=TARGET, mech=mech, creds=gssapi.Credentials(creds), usage="initiate",
                                  flags=[gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.confidentiality])
    theirs = gssapi.SecurityContext(usage="accept")
    token = None
    while not (ours.complete and theirs.complete):
        token = ours.step(token)
        token = theirs.step(token) if token else None
    assert ours.unwrap(theirs.wrap(b"both have the same keys", True).message).message == b"both have the same keys"
    return str(theirs.initiator_name)


def refused(user, password):
    try:
        log_in(user, password)
    except gssapi.exceptions.GSSError as error:
        return str(error)
    return None


def start_daemon(listener, notices):
    daemon = h.start([sys.executable, Path(__file__).with_name("shut_in.py"), UNIT, USER, listener.fileno(), DAEMON,
                      "--config", CONFIG], env=h.clean_environment(NOTIFY_SOCKET=f"{DIR}/notify"), log=DIR / "log",
                     pass_fds=[listener.fileno()])
    notices.settimeout(60)
    try:
        text = notices.recv(4096)
    except TimeoutError:
        text = b"nothing"
    h.check(b"READY=1" in text, "it says that it is ready", (DIR / "log").read_text() + text.decode())
    return daemon


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def check_processes(daemon):
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    h.check(len(children) == 1, "it is two processes", children)
    for name, pid in (("front", daemon.pid), ("store", children[0])):
        status = status_of(pid)
        h.check(status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", f"{name}: filtered, without new privileges")
        h.check(int(status["Seccomp_filters"]) >= 2, f"{name}: by its own filter besides the unit's")
        h.check(all(int(status[each], 16) == 0 for each in ("CapEff", "CapPrm", "CapInh", "CapAmb")),
                f"{name}: without capabilities")
        h.check(os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{name}: its memory is closed to its own user")
        mapped = Path(f"/proc/{pid}/maps").read_text()
        h.check(not re.search(r"^\S+ .wx", mapped, re.M), f"{name}: no code that can be written")


listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(f"{DIR}/auth.sock")
os.chmod(f"{DIR}/auth.sock", 0o660)
listener.listen(100)
notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notices.bind(f"{DIR}/notify")
os.chmod(f"{DIR}/notify", 0o666)

ntlmctl("add", "EXAMPLE\\bob", "secret1")
os.chmod(STATE / "accounts", 0o640)  # as systemd-tmpfiles does by ntlm-authd.tmpfiles
os.chown(STATE / "accounts", 0, pwd.getpwnam(USER).pw_gid)
daemon = start_daemon(listener, notices)
check_processes(daemon)
h.check(log_in("EXAMPLE\\bob", "secret1") == "EXAMPLE\\bob", "a logon, raw")
h.check(log_in("EXAMPLE\\bob", "secret1", SPNEGO) == "EXAMPLE\\bob", "a logon, in SPNEGO")
h.check(refused("EXAMPLE\\bob", "wrong"), "a wrong password is refused")
h.check(refused("EXAMPLE\\carol", "secret2"), "an unknown user is refused")
ntlmctl("add", "EXAMPLE\\carol", "secret2")
h.check(log_in("EXAMPLE\\carol", "secret2") == "EXAMPLE\\carol", "an account that ntlmctl added meanwhile")
ntlmctl("delete", "EXAMPLE\\bob")
h.check(refused("EXAMPLE\\bob", "secret1"), "an account that is gone is refused")
records = (LOGS / "audit.json").read_text().splitlines()
h.check(len([line for line in records if '"event":"accept"' in line]) == 6, "one audit record an attempt", records)
h.check(all(f"uid {os.geteuid()} pid {os.getpid()}" in line for line in records), "which says who asked", records)
check_processes(daemon)

h.check(daemon.poll() is None, "nothing that it did was forbidden", (DIR / "log").read_text())
store = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().strip()
h.stop(daemon, signal.SIGKILL)
h.wait_for(lambda: Authd.ended(store), "the store process ends with the front")
daemon = start_daemon(listener, notices)
h.check(log_in("EXAMPLE\\carol", "secret2") == "EXAMPLE\\carol", "a logon after it was killed and started again")
h.check(h.stop(daemon) in (0, -signal.SIGTERM), "it ends on SIGTERM")

for word, text in (("[ntlm] store", "[ntlm]\n store = lmbd:/accounts\n"), ("[authd] rates", "[authd]\n rates = 1\n"),
                   ("[authd] peer", "[authd]\n peer = root loosen=all\n")):
    wrong = h.run([DAEMON, "--config", h.write(DIR / "wrong.conf", text), "--socket", DIR / "none.sock"])
    h.check(wrong.returncode == 6 and word in wrong.stderr, f"it does not start with a wrong {word}", wrong.stderr)
h.finish("ntlm-authd under its unit")
