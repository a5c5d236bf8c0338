# SPDX-License-Identifier: MIT
"""A private Apache with mod_auth_gssapi on a loopback port, started with the sample conf/apache/ntlm.conf as it is."""
import os
import pwd
import re
import subprocess
from pathlib import Path

import harness

SAMPLE = harness.CONF / "apache/ntlm.conf"
MODULES = Path("/usr/lib/apache2/modules")
PAGES = ("private", "local", "basic")

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
MaxRequestWorkers 100
KeepAliveTimeout 120
MaxKeepAliveRequests 0
{children}
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
# No child is sent home for being idle: whoever is gone at the end has died.
CHILDREN = {"prefork": "StartServers 20\nMinSpareServers 1\nMaxSpareServers 100",
            "event": "StartServers 4\nThreadsPerChild 25\nMinSpareThreads 1\nMaxSpareThreads 200"}


NAMES = "netbios_domain = LAB\n    netbios_computer = WEB\n"
# What failed in another run, or in a test beside, is not to refuse anybody here.
NO_LOCK = "[policy]\n    lockout_threshold = 0\n"
# Who the server's children are.
USER = "www-data" if os.getuid() == 0 else None


class Site:
    """A private directory with a configuration, accounts, and nothing of this host's Kerberos. With a daemon
    (authd.Authd), accounts and audit are the daemon's. The server runs as www-data when root starts it, else as whoever
    does."""

    def __init__(self, store="text", daemon=None):
        self.user = USER
        self.directory = harness.directory(0o711)
        self.write("krb5.conf", "[libdefaults]\n    dns_lookup_kdc = false\n")
        self.mech_conf = harness.mech_conf(self.directory / "mech.conf")
        if daemon:
            self.audit = daemon.audit
            self.write("ntlm.conf", f"[ntlm]\n    {daemon.store_lines}    store_deadline = 60\n    {NAMES}"
                                    "[audit]\n    syslog = no\n")
            return
        self.accounts = self.directory / "accounts"
        self.audit = self.directory / "audit" / "audit.jsonl"
        self.audit.parent.mkdir(mode=0o700)
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.audit.parent, entry.pw_uid, entry.pw_gid)
        self.write("ntlm.conf", f"[ntlm]\n    store = {store}:{self.accounts}\n    {NAMES}"
                                f"{NO_LOCK}[audit]\n    syslog = no\n    json = {self.audit}\n")

    def write(self, name, text):
        return self.share(harness.write(self.directory / name, text))

    def share(self, path):
        """Root owns it, the server's group reads it."""
        path.chmod(0o640)
        if self.user:
            os.chown(path, -1, pwd.getpwnam(self.user).pw_gid)
        return path

    def environment(self, **more):
        return harness.clean_environment(
            GSS_MECH_CONFIG=self.mech_conf, GSS_NTLM_CONF=self.directory / "ntlm.conf",
            KRB5_CONFIG=self.directory / "krb5.conf", KRB5_KTNAME=self.directory / "none",
            KRB5CCNAME=self.directory / "none", **more)


class Apache:
    def __init__(self, site, environment, mpm="event"):
        apache2 = harness.need("apache2")
        self.port = harness.free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = site.directory / "error.log"
        self.log.touch()
        for name in PAGES:
            page = site.directory / "www" / name / "page"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("you are in\n")
        names = [f"mpm_{mpm}", "authn_core", "authz_core", "authz_user", "auth_gssapi", "headers"]
        config = site.directory / "httpd.conf"
        config.write_text(HTTPD_CONF.format(
            directory=site.directory, port=self.port, sample=SAMPLE, children=CHILDREN[mpm],
            modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names),
            user=f"User {site.user}\nGroup {site.user}" if site.user else ""))
        self.process = harness.start([apache2, "-f", config, "-D", "FOREGROUND"], environment, log=self.log)
        harness.wait_for(lambda: harness.listening(self.port), "Apache", log=self.log)

    def children(self):
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                               capture_output=True, text=True, check=False)
        return {int(pid) for pid in found.stdout.split()}

    def error_log(self):
        return self.log.read_text(errors="replace")

    def deaths(self):
        """The error log's lines that tell of a child that died."""
        return [line for line in self.error_log().splitlines()
                if re.search(r"exit signal|Segmentation|seg fault|AH0005[0-2]", line)]

    def stop(self):
        harness.stop(self.process)
