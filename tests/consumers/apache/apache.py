# SPDX-License-Identifier: MIT
"""A private Apache with mod_auth_gssapi on a loopback port, started with the sample conf/apache/ntlm.conf as it is."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
SAMPLE = SOURCE / "conf/apache/ntlm.conf"
MODULES = Path("/usr/lib/apache2/modules")
NEEDED = ["authn_core", "authz_core", "authz_user", "auth_gssapi", "headers"]

HTTPD_CONF = """
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {directory}/pid
DefaultRuntimeDir {directory}
ErrorLog {directory}/error.log
DocumentRoot {directory}/www
{modules}
{user}
StartServers {servers}
MaxRequestWorkers 100
KeepAliveTimeout 20
MaxKeepAliveRequests 0
{spare}
<Directory {directory}/www>
    Require all granted
</Directory>
Include {sample}
# What an application would see, sent back for the tests to look at.
Header always set X-Remote-User "expr=%{{REMOTE_USER}}"
Header always set X-Gss-Name "%{{GSS_NAME}}e"
Header always set X-Account "%{{NTLM_ACCOUNT}}e"
Header always set X-Domain "%{{NTLM_DOMAIN}}e"
Header always set X-Version "%{{NTLM_VERSION}}e"
"""


class Site:
    """A private directory with a configuration, a text account store and nothing of this host's Kerberos."""

    def __init__(self, store=lambda directory: f"text:{directory / 'accounts'}"):
        self.directory = Path(tempfile.mkdtemp(prefix="ntlm-apache-"))
        self.directory.chmod(0o711)
        self.group = pwd.getpwnam("www-data").pw_gid if os.getuid() == 0 else os.getgid()
        self.write("krb5.conf", "[libdefaults]\n    dns_lookup_kdc = false\n")
        self.accounts = self.directory / "accounts"
        self.audit = self.directory / "audit" / "audit.jsonl"
        self.audit.parent.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(self.audit.parent, "www-data", "www-data")
        self.configuration = self.write(
            "ntlm.conf",
            f"[ntlm]\n    store = {store(self.directory)}\n"
            "    netbios_domain = LAB\n    netbios_computer = WEB\n"
            f"[audit]\n    syslog = no\n    json = {self.audit}\n")

    def write(self, name, text):
        """A file that root owns and the server's group reads."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o640)
        os.chown(path, -1, self.group)
        return path

    def share_accounts(self):
        """Lets the server's group read the database that root made."""
        for path in [self.accounts, *(self.accounts.rglob("*") if self.accounts.is_dir() else ())]:
            path.chmod(0o750 if path.is_dir() else 0o640)
            os.chown(path, -1, self.group)

    def environment(self, mech_conf, **more):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.directory),
                "GSS_MECH_CONFIG": str(mech_conf), "GSS_NTLM_CONF": str(self.configuration),
                "KRB5_CONFIG": str(self.directory / "krb5.conf"),
                "KRB5_KTNAME": str(self.directory / "no-keytab"),
                "KRB5CCNAME": str(self.directory / "no-ccache"), **more}

    def remove(self):
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.remove()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Apache:
    def __init__(self, site, environment, mpm="event"):
        self.directory = site.directory
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        for name in ("private", "local", "basic"):
            page = self.directory / "www" / name / "page"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("you are in\n")
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so"
                            for name in [f"mpm_{mpm}"] + NEEDED)
        # No child is sent home for being idle: whoever is gone at the end has died.
        spare = {"prefork": "MinSpareServers 1\nMaxSpareServers 100",
                 "event": "ThreadsPerChild 25\nMinSpareThreads 1\nMaxSpareThreads 200"}[mpm]
        config = self.directory / "httpd.conf"
        config.write_text(HTTPD_CONF.format(
            directory=self.directory, port=self.port, modules=modules, sample=SAMPLE, spare=spare,
            servers={"prefork": 20, "event": 4}[mpm],
            user="User www-data\nGroup www-data" if os.getuid() == 0 else ""))
        (self.directory / "error.log").touch()
        self.process = subprocess.Popen(
            [shutil.which("apache2", path="/usr/sbin:/usr/bin"), "-f", str(config), "-D", "FOREGROUND"],
            env=environment, stdin=subprocess.DEVNULL)
        self._await()

    def _await(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        log = self.error_log()
        self.stop()
        raise RuntimeError(f"Apache did not start:\n{log}")

    def children(self):
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                               capture_output=True, text=True, check=False)
        return {int(pid) for pid in found.stdout.split()}

    def error_log(self):
        return (self.directory / "error.log").read_text(errors="replace")

    def deaths(self):
        """The error log's lines that tell of a child that died."""
        return [line for line in self.error_log().splitlines()
                if re.search(r"exit signal|Segmentation|seg fault|AH0005[0-2]", line)]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
