#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cyrus-sasl's GSS-SPNEGO between a stock slapd with the sample conf/slapd/ntlm.conf and a stock ldapsearch: sealed,
signed only, and without any layer; what the wire shows. Also with gss-ntlmssp's and Samba's clients, signed only."""

import os
import pathlib
import shutil
from concurrent.futures import ThreadPoolExecutor

import harness as h

SLAPD, SLAPADD, LDAPSEARCH, LDAPWHOAMI = h.need("slapd", "slapadd", "ldapsearch", "ldapwhoami")
OWNER = "openldap" if os.getuid() == 0 else None
MARK = "what the wire may show"
NTLM_OID = "1.3.6.1.4.1.311.2.2.10"
THEIRS = pathlib.Path("/usr/lib/x86_64-linux-gnu/gssntlmssp/gssntlmssp.so")

LDIF = f"""dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

""" + "".join(f"""dn: uid={name},ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
description: {MARK}

""" for name in ("bob", "alice")) + "".join(f"""dn: uid=filler{i},ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: filler{i}
cn: {"x" * 2000}
sn: filler

""" for i in range(400))

SLAPD_CONF = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
threads 8
include {sample}
{security}
database ldif
suffix dc=example,dc=com
directory {dir}/data
limits users size=unlimited
access to * by users read by anonymous auth
"""

SAMBA_CLIENT = """import sys
try:
    from samba.credentials import Credentials, DONT_USE_KERBEROS
    from samba.param import LoadParm
    from samba.samdb import SamDB
except ImportError:
    sys.exit(77)
lp = LoadParm()
for key, value in {"client ldap sasl wrapping": sys.argv[2], "ntlmssp_client:ldap_style_send_seal": sys.argv[3],
                   "netbios name": "CLIENT", "workgroup": "EXAMPLE"}.items():
    lp.set(key, value)
bob = Credentials()
bob.guess(lp)
bob.set_username("bob")
bob.set_domain("EXAMPLE")
bob.set_password("secret1")
bob.set_kerberos_state(DONT_USE_KERBEROS)
directory = SamDB(url=f"ldap://localhost:{sys.argv[1]}", lp=lp, credentials=bob, options=["modules:"])
for entry in directory.search("dc=example,dc=com", expression="(uid=bob)", attrs=["description"], scope=2):
    print(entry["description"])
"""


class Server:
    def __init__(self, security=""):
        self.dir = h.directory()
        self.client_dir = h.directory()  # an account file's folder must be its reader's
        (self.dir / "data").mkdir()
        h.write(self.dir / "accounts", "EXAMPLE:bob:secret1\nEXAMPLE:alice:secret2\nOTHER:bob:secret3\n", reader=OWNER)
        conf = h.write(self.dir / "ntlm.conf", f"[ntlm]\n store = text:{self.dir}/accounts\n netbios_domain = EXAMPLE\n"
                       "[policy]\n lockout_threshold = 0\n[audit]\n syslog = no\n", reader=OWNER)
        self.mech = h.mech_conf(self.dir / "mech")
        krb5 = h.write(self.dir / "krb5.conf", "[libdefaults]\n dns_lookup_kdc = false\n")
        self.krb5 = krb5
        slapd = h.write(self.dir / "slapd.conf",
                        SLAPD_CONF.format(dir=self.dir, sample=h.for_all_users(h.CONF / "slapd/ntlm.conf"), security=security))
        ldif = h.write(self.dir / "ldif", LDIF)
        h.run([SLAPADD, "-q", "-f", slapd, "-l", ldif], check=True)
        if OWNER:
            h.run(["chown", "-R", OWNER, self.dir / "data"], check=True)
        self.port = h.free_port()
        env = h.clean_environment(GSS_MECH_CONFIG=self.mech, GSS_NTLM_CONF=conf, KRB5_CONFIG=krb5,
                                  KRB5_KTNAME=self.dir / "no-keytab")
        self.log = self.dir / "log"
        self.process = h.start([SLAPD, "-f", slapd, "-h", f"ldap://127.0.0.1:{self.port}", "-d", "none",
                                *(["-u", OWNER] if OWNER else [])], env, self.log)
        h.wait_for(lambda: h.listening(self.port), "slapd", log=self.log)
        self.relay = h.Relay(self.port)

    def account(self, line):
        path = self.client_dir / ("account-" + line.replace(":", "-"))
        return path if path.exists() else h.write(path, line + "\n", 0o600)

    def client(self, program, account, *options, port=None, mech=None):
        env = h.clean_environment(GSS_MECH_CONFIG=mech or self.mech, NTLM_USER_FILE=self.account(account), KRB5_CONFIG=self.krb5,
                                  GSS_NTLM_CONF=h.ntlm_conf(self.client_dir / "client.conf"), KRB5CCNAME=f"FILE:{self.dir}/none",
                                  LDAPNOINIT="1")
        return h.run([program, "-N", "-Y", "GSS-SPNEGO", "-H", f"ldap://localhost:{port or self.port}", *options], env)

    def search(self, account, *options, **more):
        return self.client(LDAPSEARCH, account, "-LLL", "-b", "dc=example,dc=com", *options, **more)

    def finish(self):
        h.check(self.process.poll() is None, "slapd still runs", self.log.read_text(errors="replace"))
        h.stop(self.process)


def layers(server):
    # What ldapsearch reports as its layer's strength, and whether the answer can be read on the wire. LDAP's clients
    # seal what is to be signed (docs/decisions/0014).
    for what, options, ssf, clear in (("sealed", [], "128", False), ("signed only", ["-O", "maxssf=1"], "1", False),
                                      ("no layer", ["-O", "maxssf=0"], "0", True)):
        server.relay.seen.clear()
        got = server.search("EXAMPLE:bob:secret1", *options, "(uid=bob)", "description", port=server.relay.port)
        h.check(got.returncode == 0 and f"description: {MARK}" in got.stdout, f"{what}: bob searches",
                got.stdout + got.stderr)
        h.check(f"SASL SSF: {ssf}\n" in got.stderr, f"{what}: strength {ssf}", got.stderr)
        h.check((MARK.encode() in b"".join(server.relay.seen)) == clear,
                f"{what}: the wire {'shows' if clear else 'does not show'} the answer")
    got = server.search("EXAMPLE:bob:secret1", "(objectClass=*)", "cn")
    h.check(got.returncode == 0 and got.stdout.count("x" * 70) > 400, "a sealed answer of 800 kB", got.stderr)


def other_clients(server):
    if THEIRS.exists():
        mech = h.write(server.client_dir / "theirs.conf", f"ntlm {NTLM_OID} {THEIRS}\n")
        for options, ssf in (([], "64"), (["-O", "minssf=1,maxssf=1"], "1")):
            got = server.search("EXAMPLE:bob:secret1", *options, "(uid=bob)", "description", mech=mech)
            h.check(MARK in got.stdout and f"SASL SSF: {ssf}\n" in got.stderr, f"gss-ntlmssp's client {options}",
                    got.stdout + got.stderr)
    else:
        print("not run: gss-ntlmssp is not installed")
    # Without SEAL in its flags, as Windows' clients; Samba's send it unless told not to.
    for wrapping, sends_seal in (("sign", "no"), ("sign", "yes"), ("seal", "no")):
        got = h.run([h.DEBIAN_PYTHON, "-c", SAMBA_CLIENT, str(server.port), wrapping, sends_seal], h.clean_environment())
        if got.returncode == h.SKIPPED:
            h.skip("Samba's Python modules are not installed")
        h.check(got.stdout.strip() == MARK, f"Samba's client, {wrapping}, SEAL sent: {sends_seal}", got.stdout + got.stderr)


def names(server):
    got = server.client(LDAPWHOAMI, "EXAMPLE:bob:secret1")
    h.check(got.stdout.strip() == "dn:uid=bob,ou=people,dc=example,dc=com", "bob is bob's entry", got.stdout + got.stderr)
    got = server.client(LDAPWHOAMI, "OTHER:bob:secret3")
    h.check("ou=people" not in got.stdout, "the bob of another domain is not", got.stdout + got.stderr)
    for what, account in (("a wrong password", "EXAMPLE:bob:wrong"), ("an unknown user", "EXAMPLE:eve:secret1")):
        for options in ([], ["-O", "maxssf=0"]):
            got = server.client(LDAPWHOAMI, account, *options)
            h.check(got.returncode == 49, f"{what} is refused {options}", f"{got.returncode} {got.stdout}{got.stderr}")
    got = server.client(LDAPWHOAMI, "EXAMPLE:bob:secret1", "-X", "u:alice")
    h.check("alice" not in got.stdout, "bob cannot be alice", got.stdout + got.stderr)


def crowd(server):
    def one(i):
        good = i % 5 != 4
        got = server.client(LDAPWHOAMI, f"EXAMPLE:bob:{'secret1' if good else 'wrong'}",
                            *(["-O", "maxssf=0"] if i % 3 == 0 else []))
        return (got.returncode == 0) == good
    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    h.check(all(results), "50 at once: 40 are in, 10 with a wrong password are not", str(results))


def main():
    server = Server()
    layers(server)
    other_clients(server)
    names(server)
    crowd(server)
    server.finish()
    server = Server("security sasl=1")
    h.check(server.client(LDAPWHOAMI, "EXAMPLE:bob:secret1").returncode == 0, "a server that wants a layer gets one")
    h.check(server.client(LDAPWHOAMI, "EXAMPLE:bob:secret1", "-O", "maxssf=0").returncode != 0,
            "and refuses a bind without")
    server.finish()
    h.finish("sasl")


if __name__ == "__main__":
    main()
