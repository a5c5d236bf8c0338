#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Samba Active Directory domain for tests: a domain controller, a joined member, and the domain controller of another
domain that the first one trusts, without a container engine.

Each node is one process that holds its own network, mount, UTS, IPC and process namespaces; Samba's compiled-in
directories are tmpfs there. Ending that process ends everything in the node, and nothing stays behind.

    lab.py up DIR [apart]       bring the nodes up (about 10 s); DIR keeps the state file and the logs. "apart" is for
                                measurements: the member has this machine's last processor for itself, as if it were
                                a machine of its own
    lab.py run DIR NODE CMD...  run a command in a node (dc, member or trusted)
    lab.py down DIR             end the nodes
    lab.py shell DIR            a root shell in the member

Needs root and Debian's samba, samba-ad-provision, winbind, iproute2. The accounts are in accounts.py.
"""
import argparse
import concurrent.futures
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
DC_IP, MEMBER_IP, TRUSTED_IP = "10.53.0.1", "10.53.0.2", "10.53.0.3"
# The other domain: an alice of its own, with another password, and erin, whom the first has not.
TRUSTED_REALM, TRUSTED_DOMAIN, TRUSTED_PASSWORD = "TRUSTED.EXAMPLE", "TRUSTED", "An0ther-w0rd!"
TRUSTED_USERS = ("alice", "erin")
HOSTS = {"dc": ("dc1", DC_IP), "member": ("mem1", MEMBER_IP), "trusted": ("dc2", TRUSTED_IP)}
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
KRB5_CONF = """[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = true
    rdns = false
"""


class Node:
    """One machine of the lab: the host's id of its namespaces' first process."""

    def __init__(self, name, directory, pid=None):
        self.name, self.directory, self.pid = name, pathlib.Path(directory), pid
        self.host, self.address = HOSTS[name]
        self.realm = TRUSTED_REALM if name == "trusted" else REALM

    def start(self, apart):
        # sleep ignores SIGCHLD (kept over exec), so that daemons that end in this node are reaped.
        holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-c", "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
             "os.execvp('sleep', ['sleep', 'infinity'])"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        children = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        until(lambda: children.read_text().split(), 30, f"the namespaces of {self.name}")
        self.pid = int(children.read_text().split()[0])
        until(lambda: pathlib.Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n", 30, f"the holder of {self.name}")
        if apart:
            *others, last = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(self.pid, [last] if self.name == "member" else others or [last])

    def command(self, *argv):
        processors = ",".join(map(str, os.sched_getaffinity(self.pid)))
        return ["taskset", "--cpu-list", processors,
                "nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--ipc", "--pid",
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

    def private_directories(self):
        """Samba's directories on tmpfs, and the files that say where the domain is."""
        files = self.directory / self.name
        files.mkdir()
        domain = self.realm.lower()
        (files / "krb5.conf").write_text(KRB5_CONF.format(realm=self.realm))
        # The first domain's controller knows the names of both.
        (files / "resolv.conf").write_text(f"nameserver {DC_IP}\nsearch {domain}\n")
        (files / "hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {host}.{domain} {host}\n" for name, (host, address) in HOSTS.items()
            if (name == "trusted") == (self.name == "trusted")))
        mounts = "".join(f"mkdir -p {d}; mount -t tmpfs -o mode=0755 lab {d}\n" for d in PRIVATE_DIRS)
        binds = "".join(f"[ -e /etc/{f} ] && mount --bind {files}/{f} /etc/{f}\n"
                        for f in ("krb5.conf", "resolv.conf", "hosts"))
        self.script(mounts + binds + f"""
            hostname {self.host}
            mkdir -p /var/lib/samba/private /var/lib/samba/winbindd_privileged
            chgrp winbindd_priv /var/lib/samba/winbindd_privileged; chmod 0750 /var/lib/samba/winbindd_privileged
            ip link set lo up; ip address add {self.address}/24 dev lab0; ip link set lab0 up""")

    def provision(self, domain, password, forwarder):
        self.script(f"""
            samba-tool domain provision --realm={self.realm} --domain={domain} --host-name={self.host.upper()} \
                --host-ip={self.address} --adminpass='{password}' --server-role=dc --dns-backend=SAMBA_INTERNAL \
                --option='dns forwarder = {forwarder}' >/var/log/samba/provision 2>&1 \
                || {{ cat /var/log/samba/provision; exit 1; }}
            sed -i 's/^\\[global\\]$/&\\n\\tldap server require strong auth = no/' /etc/samba/smb.conf
            chgrp winbindd_priv /var/lib/samba/winbindd_privileged""")

    def start_dc(self):
        self.run("samba", "-D")
        self.script("""
            for i in {1..2000}; do
              for port in 53 88 389 445; do
                (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || { sleep 0.05; continue 2; }
              done
              wbinfo -p >/dev/null 2>&1 && exit 0
              sleep 0.05
            done
            echo "the domain controller does not answer"; exit 1""")

    def stop_dc(self):
        if not self.signal("samba", signal.SIGTERM):
            print(f"lab: the domain controller {self.host} was not running", file=sys.stderr)
        # Its children outlive it for a moment, and the next one's ports are theirs until then.
        until(lambda: not self.processes(), 60, f"the end of the domain controller {self.host}")


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
        self.nodes = {name: Node(name, self.directory, pids.get(name)) for name in HOSTS}
        self.dc, self.member, self.trusted = self.nodes.values()

    def up(self, apart=False):
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.state.exists():
            self.down()
        for name in HOSTS:
            shutil.rmtree(self.directory / name, ignore_errors=True)
        try:
            for node in self.nodes.values():
                node.start(apart)
                self.state.write_text(json.dumps({n.name: n.pid for n in self.nodes.values() if n.pid}))
            self.connect()
            with concurrent.futures.ThreadPoolExecutor() as beside:
                trusted = beside.submit(self.make_trusted)
                self.make_dc()
                self.join()
                trusted.result()
            self.trust()
            self.start_winbindd()
        except BaseException:
            self.down()
            raise

    def connect(self):
        """One wire for all: a bridge in the domain controller's node, called lab0 as the others' ends."""
        self.dc.script("ip link add lab0 type bridge")
        for node in (self.member, self.trusted):
            subprocess.run(["ip", "link", "add", f"to-{node.name}", "netns", str(self.dc.pid), "type", "veth", "peer",
                            "name", "lab0", "netns", str(node.pid)], check=True)
            self.dc.script(f"ip link set to-{node.name} master lab0 up")
        for node in self.nodes.values():
            node.private_directories()

    def make_dc(self):
        self.dc.provision(DOMAIN, PASSWORD, forwarder=TRUSTED_IP)
        self.dc.run("/usr/bin/python3", HERE / "accounts.py", PASSWORD)
        self.dc.start_dc()

    def make_trusted(self):
        # Names that neither has end here: nothing routes to that address.
        self.trusted.provision(TRUSTED_DOMAIN, TRUSTED_PASSWORD, forwarder="192.0.2.1")
        for user in TRUSTED_USERS:
            self.trusted.run("samba-tool", "user", "add", user, TRUSTED_PASSWORD)
        self.trusted.start_dc()

    def trust(self):
        """Users of the other domain may log in in the first one, and not the other way round."""
        self.dc.run("samba-tool", "domain", "trust", "create", TRUSTED_REALM, "--type=external", "--direction=outgoing",
                    "--create-location=both", "-U", f"{TRUSTED_DOMAIN}\\Administrator%{TRUSTED_PASSWORD}")

    def join(self):
        (self.directory / "member/smb.conf").write_text(MEMBER_SMB_CONF)
        self.member.script(f"""
            cp {self.directory}/member/smb.conf /etc/samba/smb.conf
            net ads join -U 'Administrator%{PASSWORD}' >/var/log/samba/join 2>&1 || {{ cat /var/log/samba/join; exit 1; }}""")

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
        for node in (self.dc, self.trusted):
            if not node.processes("samba"):
                print(f"lab: the domain controller {node.host} was not running", file=sys.stderr)
                node.start_dc()
        if not self.member.signal("winbindd", signal.SIGCONT):
            print("lab: winbindd was not running", file=sys.stderr)
        self.start_winbindd()

    def wire(self, connected):
        self.member.run("ip", "link", "set", "lab0", "up" if connected else "down")

    def down(self):
        for node in self.nodes.values():
            if node.pid and self.is_holder(node.pid):
                os.kill(node.pid, signal.SIGKILL)
                # The kernel ends a process namespace's first process last.
                until(lambda pid=node.pid: not os.path.exists(f"/proc/{pid}"), 60, f"the end of {node.name}")
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
    for program in ("unshare", "nsenter", "taskset", "ip", "samba", "samba-tool", "winbindd", "net", "wbinfo"):
        if not shutil.which(program):
            return f"{program} is not installed (samba samba-ad-provision winbind iproute2)"
    if not pathlib.Path("/usr/share/samba/setup/provision.ldif").exists():
        return "samba-ad-provision is not installed"
    if not any(pathlib.Path("/usr/lib").glob("*/samba/vfs/acl_xattr.so")):
        return "samba-vfs-modules is not installed"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "this host allows no namespaces"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up", "down", "run", "shell"))
    parser.add_argument("directory")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="run: NODE COMMAND...; up: apart")
    arguments = parser.parse_args()
    why = missing()
    if why:
        print(f"skipped: {why}")
        return 1 if os.environ.get("NTLM_REQUIRE_PEERS") == "1" else SKIP
    lab = Lab(arguments.directory)
    if arguments.action == "up":
        began = time.monotonic()
        lab.up(apart=arguments.rest == ["apart"])
        print(f"domain {DOMAIN} ({REALM}) is up after {time.monotonic() - began:.1f} s; passwords are {PASSWORD}, of "
              f"{TRUSTED_DOMAIN} ({TRUSTED_REALM}) {TRUSTED_PASSWORD}")
    elif arguments.action == "down":
        lab.down()
    elif arguments.action == "run":
        node, *command = arguments.rest
        return subprocess.run(lab.nodes[node].command(*command)).returncode
    else:
        return subprocess.run(lab.member.command("bash")).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
