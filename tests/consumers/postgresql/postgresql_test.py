#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock PostgreSQL with the sample pg_hba.conf and pg_ident.conf: stock psql through the bridge, and a client that names
the mechanism."""

import json
import os
import pathlib
import pwd
import shutil
from concurrent.futures import ThreadPoolExecutor

import harness as h
from authd import Authd

# Debian's /usr/bin/psql is a script around this one.
BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
INITDB, POSTGRES, PSQL, PG_CTL = h.need(*(BIN / name for name in ("initdb", "postgres", "psql", "pg_ctl")))
CLIENT = pathlib.Path(__file__).parent / "named_mechanism.py"
OWNER = "postgres" if os.getuid() == 0 else None
ACCOUNTS = "EXAMPLE:bob:secret1\nEXAMPLE:alice:secret2\nOTHER:bob:secret3\n"
NAMES = "netbios_domain = EXAMPLE\n"


class Server:
    """A cluster of its own in a private directory, on a loopback port."""

    def __init__(self, parent, sample, display_form, daemon=None):
        self.dir = h.directory()
        self.data = self.dir / "data"
        for path in (self.data, self.dir / "socket"):
            path.mkdir(exist_ok=True)
            if OWNER:
                shutil.chown(path, OWNER)
        self.port = h.free_port()
        self.log = self.dir / "log"
        store = f"{daemon.store_lines} store_deadline = 60\n" if daemon else self.own_store()
        env = h.clean_environment(
            GSS_MECH_CONFIG=parent.mech, KRB5_CONFIG=parent.krb5,
            GSS_NTLM_CONF=h.write(self.dir / "ntlm.conf",
                                  f"[ntlm]\n {store}"
                                  f" display_form = {display_form}\n[audit]\n syslog = no\n", reader=OWNER))
        h.run([INITDB, "-D", self.data, "-U", "admin", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"], env,
              user=OWNER, check=True)
        self.process = h.start([POSTGRES, "-D", self.data, "-p", self.port, "-k", self.dir / "socket", "-c", "fsync=off",
                                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_permissions=0777",
                                "-c", "shared_buffers=16MB", "-c", "max_connections=80",
                                "-c", f"authentication_timeout={h.PATIENCE}"], env, self.log, user=OWNER)
        admin = [PSQL, "-h", self.dir / "socket", "-p", self.port, "-U", "admin", "postgres"]
        h.wait_for(lambda: h.run([*admin, "-c", "select"]).returncode == 0, "postgres", log=self.log)
        h.run([*admin, "-c", "create role bob login", "-c", "create role alice login"], check=True)
        for name in (sample, "pg_ident.conf"):
            target = self.data / ("pg_ident.conf" if "ident" in name else "pg_hba.conf")
            target.write_bytes((h.CONF / "postgresql" / name).read_bytes())
        h.run([PG_CTL, "reload", "-D", self.data], user=OWNER, check=True)
        h.wait_for(lambda: h.run([PSQL, "-h", "127.0.0.1", "-p", self.port, "-U", "admin", "postgres", "-c", "select"]
                                 ).returncode != 0, "the sample pg_hba.conf", log=self.log)

    def own_store(self):
        h.write(self.dir / "accounts", ACCOUNTS, reader=OWNER)
        return f"store = text:{self.dir}/accounts\n {NAMES}"

    def finish(self):
        h.check(self.process.poll() is None, "the server still runs")
        log = self.log.read_text(errors="replace")
        h.check("terminated by signal" not in log and "PANIC" not in log, "none of its processes died", log[-3000:])
        h.stop(self.process)


class World:
    def __init__(self):
        self.dir = h.directory()
        self.krb5 = h.write(self.dir / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n")
        self.mech = h.mech_conf(self.dir / "mech")
        self.bridge = h.mech_conf(self.dir / "mech-bridge", bridge=True)
        self.on = h.ntlm_conf(self.dir / "client.conf", "psql")
        self.off = h.ntlm_conf(self.dir / "off.conf")

    def account(self, line):
        """A file with one account: what a user of psql has."""
        path = self.dir / ("account-" + line.replace(":", "-").replace("\\", "-"))
        return path if path.exists() else h.write(path, line + "\n", 0o600)

    def psql(self, server, role, account, mode, sql="select current_user", bridge=True, file=None):
        env = h.clean_environment(GSS_MECH_CONFIG=self.bridge, GSS_NTLM_CONF=self.on if bridge else self.off,
                                  NTLM_USER_FILE=self.account(account), KRB5_CONFIG=self.krb5,
                                  KRB5CCNAME=f"FILE:{self.dir}/none")
        what = ["-f", file] if file else ["-c", sql]
        return h.run([PSQL, "-XAt", f"host=localhost hostaddr=127.0.0.1 port={server.port} dbname=postgres user={role} "
                      f"gssencmode={mode} sslmode=disable connect_timeout=100", *what], env)

    def allowed(self, what, result, output):
        h.check(result.returncode == 0 and result.stdout.strip() == output, what,
                f"{result.returncode}\n{result.stdout[:500]}{result.stderr}")

    def refused(self, what, result, server):
        h.check(result.returncode != 0 and result.stdout == "", what, f"{result.stdout}{result.stderr}")
        h.check("secret" not in result.stderr + server.log.read_text(errors="replace"), what + ": and no secret is told")


SESSION = "select principal, gss_authenticated, encrypted from pg_stat_gssapi where pid = pg_backend_pid()"


def logins(world, server, name):
    for mode, sealed in (("disable", "f"), ("prefer", "t"), ("require", "t")):
        world.allowed(f"{name}, gssencmode={mode}: bob is in",
                      world.psql(server, "bob", "EXAMPLE:bob:secret1", mode, SESSION), f"{name}|t|{sealed}")
        for what, role, account in (("a wrong password", "bob", "EXAMPLE:bob:wrong"),
                                    ("an unknown user", "bob", "EXAMPLE:eve:secret1"),
                                    ("bob as alice", "alice", "EXAMPLE:bob:secret1"),
                                    ("the bob of another domain", "bob", "OTHER:bob:secret3")):
            world.refused(f"{name}, gssencmode={mode}: {what} is refused", world.psql(server, role, account, mode), server)
    world.refused(f"{name}: without the bridge psql has no way in",
                  world.psql(server, "bob", "EXAMPLE:bob:secret1", "prefer", bridge=False), server)


def large(world, server):
    sql = "select string_agg(md5(i::text), '') from generate_series(1, 300000) i"
    result = world.psql(server, "bob", "EXAMPLE:bob:secret1", "require", sql)
    h.check(len(result.stdout) == 9600001, "a result of 9.6 MB through GSS encryption", result.stderr)
    text = "".join(chr(97 + i % 26) for i in range(100003)) * 50
    file = h.write(world.dir / "large.sql", f"select length('{text}'), md5('{text}') = md5(repeat('{text[:100003]}', 50));")
    world.allowed("a query of 10 MB through GSS encryption",
                  world.psql(server, "bob", "EXAMPLE:bob:secret1", "require", file=file), "5000150|t")


def crowd(world, server):
    def one(i):
        good = i % 5 != 4
        mode = ("disable", "require")[i % 2]
        account = "EXAMPLE:bob:secret1" if good else "EXAMPLE:bob:wrong"
        return good == (world.psql(server, "bob", account, mode).stdout == "bob\n")
    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    h.check(all(results), "50 at once: 40 are in, 10 with a wrong password are not", str(results))


def named(world, server):
    for mechanism in ("ntlm", "spnego"):
        for encryption, sealed in (("plain", "f"), ("gssenc", "t")):
            def client(role, account):
                env = h.clean_environment(GSS_MECH_CONFIG=world.mech, NTLM_USER_FILE=world.account(account),
                                          GSS_NTLM_CONF=world.off, KRB5_CONFIG=world.krb5)
                return h.run([h.DEBIAN_PYTHON, CLIENT, mechanism, encryption, server.port, role, "postgres"], env)
            name = f"{mechanism} by name, {encryption}"
            world.allowed(f"{name}: bob is in", client("bob", "EXAMPLE:bob:secret1"), f"EXAMPLE\\bob {sealed}")
            world.refused(f"{name}: a wrong password is refused", client("bob", "EXAMPLE:bob:wrong"), server)
            world.refused(f"{name}: bob as alice is refused", client("alice", "EXAMPLE:bob:secret1"), server)


def main():
    world = World()
    server = Server(world, "pg_hba.conf", "domain\\user")
    logins(world, server, "EXAMPLE\\bob")
    large(world, server)
    crowd(world, server)
    named(world, server)
    server.finish()
    daemon = Authd(f"{NAMES}[policy]\n lockout_threshold = 0\n", worker=OWNER)
    daemon.share(h.write(daemon.accounts, ACCOUNTS, 0o640))
    daemon.start()
    server = Server(world, "pg_hba.user-at-domain.conf", "user@domain", daemon)
    logins(world, server, "bob@EXAMPLE")
    crowd(world, server)
    server.finish()
    records = [json.loads(line) for line in daemon.audit.read_text().splitlines()]
    owner = pwd.getpwnam(OWNER).pw_uid if OWNER else os.getuid()
    h.check(sum(r["event"] == "accept" and r["result"] == "success" and r["peer"].startswith(f"uid {owner} ")
                for r in records) >= 43, "the daemon's audit has the logins", str(records[-3:]))
    daemon.stop()
    h.finish("postgresql")


main()
