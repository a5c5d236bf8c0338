# SPDX-License-Identifier: MIT
"""What the consumers' tests share: private directories and ports, programs that are ended by their id, accounts, a
private Kerberos realm. A test is one script; check() counts what it proved and finish() says how long it took."""

import atexit
import functools
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import ending

BUILD = pathlib.Path(os.environ.get("NTLM_BUILD_DIR", "."))
SOURCE = pathlib.Path(__file__).resolve().parents[2]
CONF = SOURCE / "conf"
MECH = BUILD / "mech.conf"
BRIDGE = BUILD / "bridge.conf"
# The mechanism that mech.conf names; another one, for comparison, by NTLM_TEST_MODULE.
MODULE = os.environ.get("NTLM_TEST_MODULE", str(BUILD / "gss_ntlm.so"))
SKIPPED = 77
# The interpreter that Debian's python3-* packages belong to.
DEBIAN_PYTHON = "/usr/bin/python3"

# Seconds that a program may take on a busy machine, as one of fifty at once: what takes longer hangs.
PATIENCE = 120

# What ends what this process started, when a SIGKILL kept it from doing so: it reads the ids, a line each time, to the end.
_WATCHER = """while read -r line; do ids=$line; done
[ -n "$ids" ] || exit 0
kill $ids
sleep 1
for id in $ids; do kill -s KILL -- "-$id"; done"""

_started = time.monotonic()
_checks = 0
_processes = []
_watcher = None
_directories = []
_ports = []  # sockets: their names are taken as long as this process lives
ending.by_exception()
os.umask(0o022)  # servers read as their own users what the test has written


def directory(mode=0o755):
    path = pathlib.Path(tempfile.mkdtemp(prefix="ntlm-consumer-"))
    _directories.append(path)
    os.chmod(path, mode)
    return path


def free_port():
    """Below those that the system gives to connections: none takes it before the server does. Nor does another test: who
    chooses one holds a name for it (so does tests/sspi)."""
    while True:
        port = random.randrange(16384, 32768)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0ntlm-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _ports.append(name)
        return port


def skip(why):
    """The test is not run and says so, or fails where peers are required."""
    print(f"not run: {why}")
    sys.exit(1 if os.environ.get("NTLM_REQUIRE_PEERS") == "1" else SKIPPED)


def need(*programs):
    """Where each program is."""
    found = []
    for program in programs:
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path is None:
            skip(f"{program} is not installed")
        found.append(path)
    return found[0] if len(found) == 1 else found


def clean_environment(**more):
    """No credential, configuration or module of the person who runs the tests."""
    env = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    if "ASAN_OPTIONS" in os.environ:
        env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return env


def _as(user):
    """For subprocess: a user by name, or a uid that nobody else has, with the group of the same number."""
    if user is None:
        return {}
    return {"user": user, "group": user if isinstance(user, int) else pwd.getpwnam(user).pw_gid, "extra_groups": []}


def run(command, env=None, timeout=PATIENCE, user=None, stdin=None, check=False):
    """Runs to the end, within bounds. The result has returncode, stdout and stderr as text."""
    result = subprocess.run([str(part) for part in command], env=env or clean_environment(), timeout=timeout, text=True,
                            errors="backslashreplace",
                            input=stdin if stdin is not None else "", capture_output=True, **_as(user), cwd="/")
    if check and result.returncode != 0:
        sys.exit(f"{command[0]} failed ({result.returncode}):\n{result.stdout}{result.stderr}")
    return result


def start(command, env=None, log=None, user=None, stdin=subprocess.DEVNULL, **more):
    """Starts a program that goes on; it is ended by its id when the test ends."""
    output = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen([str(part) for part in command], env=env or clean_environment(), stdout=output,
                               stderr=subprocess.STDOUT, stdin=stdin, **_as(user), start_new_session=True, cwd="/", **more)
    _processes.append(process)
    _tell_watcher()
    return process


def stop(process, how=signal.SIGTERM):
    """Ends a program that start() began, and waits for it. Its exit status."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    if process in _processes:
        _processes.remove(process)
        _tell_watcher()
    return process.returncode


def _tell_watcher():
    global _watcher
    if _watcher is None:
        _watcher = subprocess.Popen(["sh", "-c", _WATCHER], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True, text=True)
    print(*(process.pid for process in _processes), file=_watcher.stdin, flush=True)


@atexit.register
def _leave_nothing():
    for process in list(_processes):
        stop(process)
    if _watcher:
        _watcher.stdin.close()
        _watcher.wait()
    for path in _directories:  # nobody writes there any more
        shutil.rmtree(path, True)


def wait_for(condition, what, seconds=60, log=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    text = pathlib.Path(log).read_text(errors="replace")[-4000:] if log and os.path.exists(log) else ""
    sys.exit(f"{what}: not within {seconds} s\n{text}")


def listening(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False


def check(condition, what, detail=""):
    global _checks
    if not condition:
        print(f"FAILED: {what}\n{detail}")
        sys.exit(1)
    _checks += 1
    print(f"ok: {what}", flush=True)


def finish(name):
    print(f"{name}: {_checks} checks, {time.monotonic() - _started:.1f} s")


def write(path, text, mode=0o644, reader=None):
    """A file of who runs the test; with a reader (a user's name), that user's group may read it and nobody else."""
    path = pathlib.Path(path)
    path.write_text(text)
    os.chmod(path, 0o640 if reader else mode)
    if reader:
        os.chown(path, -1, pwd.getpwnam(reader).pw_gid)
    return path


def fill(sample, target, mode=0o644, **values):
    """A file of conf/ as the test uses it: the very text, with the paths and ports that a test must make its own."""
    text = (CONF / sample).read_text()
    for old, new in values.items():
        text = text.replace(f"@{old}@", str(new))
    return write(target, text, mode)


@functools.cache
def for_all_users(path):
    """A file of this tree as a program of another user can open it: the tree may be below a directory of root's alone."""
    if os.getuid() != 0:
        return path
    copy = shutil.copy(path, directory())
    os.chmod(copy, 0o755)
    return copy


def mech_conf(path, bridge=False):
    lines = [f"gss_ntlm 1.3.6.1.4.1.311.2.2.10 {for_all_users(MODULE)}"]
    if bridge:
        module = for_all_users(BUILD / "gss_ntlm_bridge.so")
        lines.append(f"gss_ntlm_bridge 1.3.6.1.4.1.7165.655.3 {module} <interposer>")
    return write(path, "\n".join(lines) + "\n")


def ntlm_conf(path, programs="", sshd_form=False, more=""):
    bridge = f"[bridge]\n    programs = {programs}\n    sshd_form = {'yes' if sshd_form else 'no'}\n" if programs else ""
    return write(path, f"{more}\n{bridge}[audit]\n    syslog = no\n")


class Relay:
    """Passes connections on to a port of this host and keeps what it saw."""

    def __init__(self, to):
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.to = to
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one, other):
        try:
            while data := one.recv(65536):
                self.seen.append(data)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Kdc:
    """A realm of its own on loopback: krb5kdc in a private directory."""

    realm = "KRB.TEST"

    def __init__(self):
        kdb5_util, krb5kdc, self.kadmin = need("kdb5_util", "krb5kdc", "kadmin.local")
        self.kinit = need("kinit")
        self.dir = directory()
        self.port = free_port()
        self.keytab = self.dir / "keytab"
        krb5 = write(self.dir / "krb5.conf", f"""[libdefaults]
    default_realm = {self.realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    forwardable = true
    udp_preference_limit = 1
[realms]
    {self.realm} = {{
        kdc = 127.0.0.1:{self.port}
    }}
[domain_realm]
    localhost = {self.realm}
    .{self.realm.lower()} = {self.realm}
""")
        kdc = write(self.dir / "kdc.conf", f"""[kdcdefaults]
    kdc_listen = 127.0.0.1:{self.port}
    kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
    {self.realm} = {{
        database_name = {self.dir}/principal
        key_stash_file = {self.dir}/stash
        acl_file = {self.dir}/acl
    }}
[logging]
    kdc = FILE:{self.dir}/kdc.log
""")
        self.env = {"KRB5_CONFIG": krb5, "KRB5_KDC_PROFILE": kdc}
        run([kdb5_util, "create", "-s", "-P", "master", "-r", self.realm], clean_environment(**self.env), check=True)
        self.start_kdc = lambda: start([krb5kdc, "-n", "-r", self.realm], clean_environment(**self.env),
                                       self.dir / "kdc.out")
        self.process = self.start_kdc()
        wait_for(lambda: listening(self.port), "krb5kdc", log=self.dir / "kdc.out")

    def local(self, *queries):
        for query in queries:
            run([self.kadmin, "-r", self.realm, "-q", query], clean_environment(**self.env), check=True)

    def user(self, name, password):
        self.local(f"addprinc -pw {password} {name}")

    def service(self, name):
        self.local(f"addprinc -randkey {name}", f"ktadd -k {self.keytab} {name}")

    def login(self, name, password, ccache, *options):
        run([self.kinit, *options, "-c", ccache, name], clean_environment(**self.env), stdin=password + "\n", check=True)


def relay(port):
    """Standard input and output as a connection to a port of this host: ssh's ProxyCommand, whatever the host's name."""
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        def out():
            while data := os.read(0, 65536):
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=out, daemon=True).start()
        while data := connection.recv(65536):
            os.write(1, data)


if __name__ == "__main__":
    relay(sys.argv[2])
