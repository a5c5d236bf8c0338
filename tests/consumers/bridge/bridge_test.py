#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bridge against a private realm: Kerberos users lose nothing, and NTLM comes in only where Kerberos has none."""

import re
import time

import harness as h

PROGRAMS = h.BUILD / "tests/consumers/bridge"

# MIT's mechglue itself does these differently when a mechanism is interposed, whatever the interposer does: it gives an
# imported exported name, and a credential of gss_krb5_import_cred(), to the real mechanism and does not find them again
# for the interposed one; and it shows the OID by which it tells the two apart. gss_set_neg_mechs() on a credential of
# Kerberos alone succeeds with the bridge: the mechglue would stop at Kerberos' refusal before it came to SPNEGO.
KNOWN = {
    "compare_name(exported)": (" 0 1 ", " 0 0 "),
    "inquire_name": ("'{ 1 ", "'{ 1 3 6 1 4 1 7165 655 3 4"),
    "inquire_cred_by_mech(imported)": (" ", " 70000 "),
    "set_neg_mechs": ("100000 ", "0"),
}

NTLM = "{ 1 3 6 1 4 1 311 2 2 10 }"
KERBEROS = "{ 1 2 840 113554 1 2 2 }"


def known(a, b):
    """Whether line b, of the bridge, differs from line a only as KNOWN says."""
    old, new = KNOWN.get(a.split(" ")[0], (None, None))
    return old is not None and old in a and new in b


class World:
    """A realm, an NTLM account file, and the four ways to set the mechglue up."""

    def __init__(self):
        self.kdc = h.Kdc()
        self.kdc.user("alice", "secret1")
        self.kdc.user("nobody", "secret2")
        self.kdc.service("host/localhost")
        self.dir = self.kdc.dir
        self.kdc.local("addprinc -randkey robot", f"ktadd -k {self.dir}/client-keytab robot")
        self.mech = {False: h.mech_conf(self.dir / "mech"), True: h.mech_conf(self.dir / "mech-bridge", bridge=True)}
        self.conf = {"off": h.ntlm_conf(self.dir / "off.conf", "psql"),
                     "on": h.ntlm_conf(self.dir / "on.conf", "gss_calls gss_login"),
                     "sshd": h.ntlm_conf(self.dir / "sshd.conf", "gss_login", sshd_form=True),
                     "broken": h.write(self.dir / "broken.conf", "[bridge]\n programs = gss_login\n sshd_form = maybe\n"),
                     "missing": self.dir / "none.conf"}
        self.users = h.write(self.dir / "users", "NTDOM:bob:secret3\nNTDOM:a/b:secret4\nNTDOM:nobody:secret2\n", 0o600)
        self.kdc.login("nobody", "secret2", f"FILE:{self.dir}/ticket", "-f")

    def environment(self, bridge, conf, ccache, users=None, keytab="no-keytab"):
        return h.clean_environment(**self.kdc.env, GSS_MECH_CONFIG=self.mech[bridge], GSS_NTLM_CONF=self.conf[conf],
                                   KRB5CCNAME=f"FILE:{self.dir}/{ccache}", KRB5_KTNAME=self.kdc.keytab,
                                   KRB5_CLIENT_KTNAME=self.dir / keytab, NTLM_USER_FILE=users)

    def calls(self, mech, ccache, bridge, conf):
        result = h.run([PROGRAMS / "gss_calls", mech, "host@localhost", "nobody", "secret2"],
                       self.environment(bridge, conf, ccache))
        h.check(result.returncode == 0, f"{mech}, {ccache}: gss_calls ends well",
                f"{result.returncode}\n{result.stdout[-2000:]}{result.stderr}")
        # What two runs cannot have in common is the private directory's name.
        return [re.sub(r"/\S*ntlm-consumer-\S*", "DIR", line) for line in result.stdout.splitlines()]

    def login(self, what, mech, ccache="no-ticket", conf="on", users=True, account=(), target="host@localhost",
              bridge=True, ok=True, keytab="no-keytab"):
        """gss_login's output as a dictionary; whether it succeeded must be as `ok` says."""
        env = self.environment(bridge, conf, ccache, self.users if users else None, keytab)
        result = h.run([PROGRAMS / "gss_login", mech, target, *account], env)
        h.check(result.returncode == (0 if ok else 1), what, f"{result.returncode}\n{result.stdout}{result.stderr}")
        return dict(line.split(": ", 1) for line in result.stdout.splitlines())


def forwarding(world):
    for mech in ("krb5", "spnego"):
        for ticket in ("ticket", "no-ticket"):
            want = world.calls(mech, ticket, False, "off")
            for what, bridge, conf in (("on", True, "on"), ("off", True, "off"), ("loaded without a file", True, "missing")):
                got = world.calls(mech, ticket, bridge, conf)
                difference = [f"-{a}\n+{b}" for a, b in zip(want, got) if a != b and not (what == "on" and known(a, b))]
                h.check(not difference and len(want) == len(got),
                        f"{mech}, {ticket}, bridge {what}: {len(want)} lines of calls as without it",
                        "\n".join(difference))


def kerberos_first(world):
    for mech in ("krb5", "default", "spnego"):
        got = world.login(f"{mech}: a ticket is used though there is an NTLM account", mech, "ticket")
        h.check(got["mechanism"] == KERBEROS and got["name"] == "nobody@KRB.TEST", f"{mech}: it was Kerberos", str(got))
    for mech in ("krb5", "default", "spnego"):
        got = world.login(f"{mech}: NTLM without a ticket", mech)
        h.check(got["mechanism"] == NTLM and got["name"] == "NTDOM\\bob" and got["sealed"] == "1", f"{mech}: it was NTLM",
                str(got))
        h.check((got.get("travelled") == "1") == (mech == "spnego"), f"{mech}: its context travels where it can", str(got))
        h.check(int(got["flags"].split()[1], 16) & 2 == 0, f"{mech}: NTLM claims no mutual authentication", str(got))

    world.kdc.login("nobody", "secret2", f"FILE:{world.dir}/expired", "-l", "1s")
    time.sleep(2.1)
    got = world.login("NTLM when the ticket has expired", "krb5", "expired")
    h.check(got["mechanism"] == NTLM, "it was NTLM", str(got))
    plain = world.login("without an account an expired ticket fails", "krb5", "expired", users=False, bridge=False, ok=False)
    got = world.login("and so it does with the bridge", "krb5", "expired", users=False, ok=False)
    h.check(got == plain, "with Kerberos' own words", f"{plain}\n{got}")
    plain = world.login("with neither, without the bridge", "krb5", users=False, bridge=False, ok=False)
    got = world.login("with neither, with the bridge", "krb5", users=False, ok=False)
    h.check(got == plain, "the failure is Kerberos'", f"{plain}\n{got}")
    got = world.login("a service that the realm does not know stays Kerberos' failure", "krb5", "ticket",
                      target="imap@localhost", ok=False)
    h.check("Server" in got["failed"], "and says so", str(got))


def accounts(world):
    got = world.login("NTLM with a password of the application", "krb5", account=("NTDOM\\bob", "secret3"))
    h.check(got["mechanism"] == NTLM and got["name"] == "NTDOM\\bob", "it was NTLM", str(got))
    world.login("a wrong password is refused", "krb5", account=("NTDOM\\bob", "wrong"), ok=False)
    world.login("an unknown account is refused", "krb5", account=("NTDOM\\eve", "secret3"), ok=False)
    world.login("a name that Kerberos understands is Kerberos' with its password", "krb5", account=("bob", "secret3"), ok=False)
    got = world.login("Kerberos with a password of the application", "krb5", account=("nobody", "secret2"))
    h.check(got["mechanism"] == KERBEROS and got["name"] == "nobody@KRB.TEST", "it was Kerberos", str(got))
    for conf in ("off", "broken", "missing"):
        world.login(f"no NTLM behind Kerberos: {conf}", "krb5", conf=conf, ok=False)
    world.login("Negotiate is as ever with the bridge off", "spnego", conf="off")


def sshd_form(world):
    got = world.login("the sshd form", "krb5", conf="sshd")
    h.check(re.fullmatch(r"60[0-9a-f]{2}06092a864886f712010202.*", got["first token"]), "its first token is framed", str(got))
    h.check(int(got["flags"].split()[1], 16) & 2 != 0, "it claims mutual authentication", str(got))

    def exported(principal):
        return "0401000b06092a864886f712010202" + len(principal).to_bytes(4, "big").hex() + principal.encode().hex()
    h.check(got["exported"] == exported("bob@NTDOM"), "its exported name is Kerberos'", str(got))
    got = world.login("an account with a slash", "krb5", conf="sshd", account=("NTDOM\\a/b", "secret4"))
    h.check(got["exported"] == exported("a\\/b@NTDOM"), "is no instance of another one", str(got))
    h.check("travelled" not in got, "no context of NTLM is exported that could not come back", str(got))
    got = world.login("a ticket in the sshd form", "krb5", "ticket", conf="sshd")
    h.check(got["mechanism"] == KERBEROS and got["exported"] == exported("nobody@KRB.TEST"), "is Kerberos'", str(got))


def no_downgrade(world):
    """Who could have had a ticket is not moved to NTLM, though each of them has an account there."""
    robots = [("a client keytab", ()), ("a client keytab, by name", ("robot",))]
    for what, account in robots:
        got = world.login(f"{what}: Kerberos gets its ticket", "krb5", account=account, keytab="client-keytab")
        h.check(got["mechanism"] == KERBEROS and got["name"] == "robot@KRB.TEST", "it was Kerberos", str(got))
        (world.dir / "no-ticket").unlink()
    world.kdc.login("nobody", "secret2", f"FILE:{world.dir}/fresh")
    h.stop(world.kdc.process)
    for what, where in (("a ticket's owner", {"ccache": "fresh"}),
                        ("a ticket's owner, by name", {"ccache": "fresh", "account": ("nobody",)}),
                        *((what, {"account": account, "keytab": "client-keytab"}) for what, account in robots),
                        ("a client keytab, with an expired ticket", {"ccache": "expired", "keytab": "client-keytab"}),
                        ("a password", {"account": ("nobody", "secret2")})):
        plain = world.login(f"{what}: without the bridge", "krb5", bridge=False, ok=False, **where)
        got = world.login(f"{what}: with the KDC out of reach not moved to NTLM", "krb5", ok=False, **where)
        h.check(got == plain, "the failure is Kerberos'", f"{plain}\n{got}")
    for what, where in (("neither ticket nor client keytab", {}), ("by name", {"account": ("bob",)}),
                        ("a name that only NTLM has", {"account": ("NTDOM\\bob", "secret3"), "keytab": "client-keytab"})):
        got = world.login(f"{what}: NTLM with the KDC out of reach", "krb5", **where)
        h.check(got["mechanism"] == NTLM and got["name"] == "NTDOM\\bob", "it was NTLM", str(got))


def main():
    world = World()
    forwarding(world)
    kerberos_first(world)
    accounts(world)
    sshd_form(world)
    no_downgrade(world)
    h.finish("bridge")


main()
