#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Samba Active Directory domain for tests: a domain controller and a joined member, without a container engine.

Each node is one process that holds its own network, mount, UTS, IPC and process namespaces; Samba's compiled-in
directories are tmpfs there. Ending that process ends everything in the node, and nothing stays behind.

    lab.py up DIR               bring both nodes up (about 10 s); DIR keeps the state file and the logs
    lab.py run DIR NODE CMD...  run a command in a node (dc or member)
    lab.py down DIR             end both nodes
    lab.py shell DIR            a root shell in the member

Needs root and Debian's samba, samba-ad-provision, winbind, iproute2. The accounts are in accounts.py.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

REALM, DOMAIN, PASSWORD = "LAB.EXAMPLE", "LAB", "Pass-w0rd!"
DC_IP, MEMBER_IP = "10.53.0.1", "10.53.0.2"
HERE = pathlib.Path(__file__).resolve().parent
SKIP = 77  # ctest's SKIP_RETURN_CODE
PRIVATE_DIRS = ("/run/samba", "/var/lib/samba", "/var/cache/samba", "/var/log/samba", "/etc/samba")

MEMBER_SMB_CONF = f"""[global]
    workgroup = {DOMAIN}
    realm = {REALM}
    netbios name = MEM1
    security = ADS
    kerberos method = secrets only
    idmap config * : backend = tdb
    idmap config * : range = 10000-19999
    idmap config {DOMAIN} : backend = rid
    idmap config {DOMAIN} : range = 20000-99999
    winbind offline logon = no
    log level = 1
"""
KRB5_CONF = f"""[libdefaults]
    default_realm = {REALM}
    dns_lookup_realm = false
    dns_lookup_kdc = true
    rdns = false
"""


class Node:
    """One machine of the lab: the host's id of its namespaces' first process."""

    def __init__(self, name, directory, pid=None):
        self.name, self.directory, self.pid = name, pathlib.Path(directory), pid

    def start(self):
        # sleep ignores SIGCHLD (kept over exec), so that daemons that end in this node are reaped.
        holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-c", "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
             "os.execvp('sleep', ['sleep', 'infinity'])"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        children = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        until(lambda: children.read_text().split(), 5, f"the namespaces of {self.name}")
        self.pid = int(children.read_text().split()[0])
        until(lambda: pathlib.Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n", 5, f"the holder of {self.name}")

    def command(self, *argv):
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--ipc", "--pid",
                f"--wdns={os.getcwd()}", "--", *map(str, argv)]

    def run(self, *argv, check=True, **options):
        done = subprocess.run(self.command(*argv), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              **options)
        if check and done.returncode:
            raise SystemExit(f"lab: {self.name}: {' '.join(map(str, argv))}: status {done.returncode}\n{done.stdout}")
        return done

    def script(self, text):
        return self.run("bash", "-euc", text)

    def processes(self, name=None):
        """The host's ids of this node's processes of that name; without one, of all but the holder."""
        mine = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                wanted = name is None or (entry / "comm").read_text().strip() == name
                if wanted and int(entry.name) != self.pid and os.readlink(entry / "ns/pid") == mine:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def signal(self, name, number):
        """True if there was such a process. A daemon that ends takes its children along: those need no signal."""
        pids = self.processes(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return bool(pids)

    def private_directories(self, address):
        """Samba's directories on tmpfs, and the files that say where the domain is."""
        files = self.directory / self.name
        files.mkdir()
        (files / "krb5.conf").write_text(KRB5_CONF)
        (files / "resolv.conf").write_text(f"nameserver {DC_IP}\nsearch {REALM.lower()}\n")
        (files / "hosts").write_text("127.0.0.1 localhost\n" + f"{DC_IP} dc1.{REALM.lower()} dc1\n"
                                     + f"{MEMBER_IP} mem1.{REALM.lower()} mem1\n")
        mounts = "".join(f"mkdir -p {d}; mount -t tmpfs -o mode=0755 lab {d}\n" for d in PRIVATE_DIRS)
        binds = "".join(f"[ -e /etc/{f} ] && mount --bind {files}/{f} /etc/{f}\n"
                        for f in ("krb5.conf", "resolv.conf", "hosts"))
        self.script(mounts + binds + f"""
            hostname {'dc1' if self.name == 'dc' else 'mem1'}
            mkdir -p /var/lib/samba/private /var/lib/samba/winbindd_privileged
            chgrp winbindd_priv /var/lib/samba/winbindd_privileged; chmod 0750 /var/lib/samba/winbindd_privileged
            ip link set lo up; ip address add {address}/24 dev lab0; ip link set lab0 up""")


def until(condition, seconds, what, pause=0.02):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"lab: {what}: not within {seconds} s")
        time.sleep(pause)


class Lab:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory).resolve()
        self.state = self.directory / "lab.json"
        pids = json.loads(self.state.read_text()) if self.state.exists() else {}
        self.dc = Node("dc", self.directory, pids.get("dc"))
        self.member = Node("member", self.directory, pids.get("member"))

    def node(self, name):
        return {"dc": self.dc, "member": self.member}[name]

    def up(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.state.exists():
            self.down()
        for node in (self.dc, self.member):
            shutil.rmtree(self.directory / node.name, ignore_errors=True)
        try:
            for node in (self.dc, self.member):
                node.start()
                self.state.write_text(json.dumps({n.name: n.pid for n in (self.dc, self.member) if n.pid}))
            subprocess.run(["ip", "link", "add", "lab0", "netns", str(self.dc.pid), "type", "veth", "peer", "name",
                            "lab0", "netns", str(self.member.pid)], check=True)
            self.dc.private_directories(DC_IP)
            self.member.private_directories(MEMBER_IP)
            self.provision()
            self.start_dc()
            self.join()
        except BaseException:
            self.down()
            raise

    def provision(self):
        self.dc.script(f"""
            samba-tool domain provision --realm={REALM} --domain={DOMAIN} --host-name=DC1 --host-ip={DC_IP} \
                --adminpass='{PASSWORD}' --server-role=dc --dns-backend=SAMBA_INTERNAL \
                --option='dns forwarder = 127.0.0.1' >/var/log/samba/provision 2>&1 \
                || {{ cat /var/log/samba/provision; exit 1; }}
            sed -i 's/^\\[global\\]$/&\\n\\tldap server require strong auth = no/' /etc/samba/smb.conf
            chgrp winbindd_priv /var/lib/samba/winbindd_privileged""")
        self.dc.run("/usr/bin/python3", HERE / "accounts.py", PASSWORD)

    def start_dc(self):
        self.dc.run("samba", "-D")
        self.dc.script("""
            for i in {1..1000}; do
              for port in 88 389 445; do
                (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || { sleep 0.05; continue 2; }
              done
              wbinfo -p >/dev/null 2>&1 && exit 0
              sleep 0.05
            done
            echo "the domain controller does not answer"; exit 1""")

    def stop_dc(self):
        if not self.dc.signal("samba", signal.SIGTERM):
            print("lab: the domain controller was not running", file=sys.stderr)
        # Its children outlive it for a moment, and the next one's ports are theirs until then.
        until(lambda: not self.dc.processes(), 60, "the end of the domain controller")

    def join(self):
        (self.directory / "member/smb.conf").write_text(MEMBER_SMB_CONF)
        self.member.script(f"""
            cp {self.directory}/member/smb.conf /etc/samba/smb.conf
            net ads join -U 'Administrator%{PASSWORD}' >/var/log/samba/join 2>&1 || {{ cat /var/log/samba/join; exit 1; }}""")
        self.start_winbindd()

    def start_winbindd(self):
        """Also when it runs already: it answers afterwards."""
        if not self.member.processes("winbindd"):
            self.member.run("winbindd", "-D")
        until(lambda: self.member.run("wbinfo", "-t", check=False).returncode == 0, 60, "an answer of winbindd")

    def stop_winbindd(self):
        if not self.member.signal("winbindd", signal.SIGTERM):
            print("lab: winbindd was not running", file=sys.stderr)
        until(lambda: not self.member.processes("winbindd"), 60, "the end of winbindd")

    def mend(self):
        """Everything is there and answers, whatever an outage broke off in."""
        self.wire(True)
        if not self.dc.processes("samba"):
            print("lab: the domain controller was not running", file=sys.stderr)
            self.start_dc()
        if not self.member.signal("winbindd", signal.SIGCONT):
            print("lab: winbindd was not running", file=sys.stderr)
        self.start_winbindd()

    def wire(self, connected):
        self.member.run("ip", "link", "set", "lab0", "up" if connected else "down")

    def down(self):
        for node in (self.dc, self.member):
            if node.pid and self.is_holder(node.pid):
                os.kill(node.pid, signal.SIGKILL)
                # The kernel ends a process namespace's first process last.
                until(lambda pid=node.pid: not os.path.exists(f"/proc/{pid}"), 10, f"the end of {node.name}")
        self.state.unlink(missing_ok=True)

    @staticmethod
    def is_holder(pid):
        """True while that process is ours: an id may be another's by now."""
        try:
            return (pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\0infinity\0"
                    and os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid"))
        except OSError:
            return False


def missing():
    """Why no lab can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "a domain of our own needs root (network and mount namespaces)"
    for program in ("unshare", "nsenter", "ip", "samba", "samba-tool", "winbindd", "net", "wbinfo"):
        if not shutil.which(program):
            return f"{program} is not installed (samba samba-ad-provision winbind iproute2)"
    if not pathlib.Path("/usr/share/samba/setup/provision.ldif").exists():
        return "samba-ad-provision is not installed"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this host allows no namespaces"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up", "down", "run", "shell"))
    parser.add_argument("directory")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="run: NODE COMMAND...")
    arguments = parser.parse_args()
    why = missing()
    if why:
        print(f"skipped: {why}")
        return 1 if os.environ.get("NTLM_REQUIRE_PEERS") == "1" else SKIP
    lab = Lab(arguments.directory)
    if arguments.action == "up":
        began = time.monotonic()
        lab.up()
        print(f"domain {DOMAIN} ({REALM}) is up after {time.monotonic() - began:.1f} s; passwords are {PASSWORD}")
    elif arguments.action == "down":
        lab.down()
    elif arguments.action == "run":
        node, *command = arguments.rest
        return subprocess.run(lab.node(node).command(*command)).returncode
    else:
        return subprocess.run(lab.member.command("bash")).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
