#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock ssh and libssh's client log in to a server of libssh; stock ssh to stock sshd through the bridge."""

import functools
import getpass
import os
from concurrent.futures import ThreadPoolExecutor

import harness as h

SSH, SSHD, KEYGEN = h.need("ssh", "sshd", "ssh-keygen")
PROGRAMS = h.BUILD / "tests/consumers/ssh"
ME = getpass.getuser()
# To each of these names the loopback answers; the service that NTLM is told of is host@<that name>.
HOSTS = ["localhost", "127.0.0.1", "LOCALHOST", "web.example.com", "WEB.Example.COM.", "a" * 63 + ".example.com",
         "xn--bcher-kva.example.com"]


class World:
    def __init__(self):
        self.dir = h.directory()
        self.mech = h.mech_conf(self.dir / "mech")
        self.bridged = h.mech_conf(self.dir / "mech-bridge", bridge=True)
        h.write(self.dir / "accounts", f"EXAMPLE:bob:secret1\nEXAMPLE:alice:secret2\nEXAMPLE:{ME}:secret3\n"
                f"OTHER:bob:secret4\nOTHER:{ME}:secret5\n", 0o600)
        # A host that keeps failures in /run would have the crowds' wrong passwords lock bob out of the next run.
        store = (f"[ntlm]\n store = text:{self.dir}/accounts\n netbios_domain = EXAMPLE\n"
                 "[policy]\n lockout_threshold = 0\n")
        self.server_conf = h.ntlm_conf(self.dir / "server.conf", "sshd", sshd_form=True, more=store)
        self.client_conf = h.ntlm_conf(self.dir / "client.conf", "ssh", sshd_form=True)
        self.off_conf = h.ntlm_conf(self.dir / "off.conf")
        self.krb5 = h.CONF / "ssh/krb5.conf"
        self.key = self.dir / "hostkey"
        h.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)

    def account(self, line):
        path = self.dir / ("account-" + line.replace(":", "-"))
        return path if path.exists() else h.write(path, line + "\n", 0o600)

    def environment(self, account, bridge):
        return h.clean_environment(GSS_MECH_CONFIG=self.bridged if bridge else self.mech, KRB5_CONFIG=self.krb5,
                                   GSS_NTLM_CONF=self.client_conf if bridge else self.off_conf,
                                   NTLM_USER_FILE=self.account(account), KRB5CCNAME=f"FILE:{self.dir}/none")

    def ssh(self, port, user, account, host="localhost", bridge=False, command="whoami"):
        relay = f"{h.DEBIAN_PYTHON} {h.__file__} relay {port}"
        return h.run([SSH, "-F", h.CONF / "ssh/ssh_config", "-o", f"ProxyCommand={relay}", "-o", "BatchMode=yes",
                      "-o", "GSSAPIAuthentication=yes", "-o", "KexAlgorithms=curve25519-sha256",
                      "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                      "-l", user, host, command], self.environment(account, bridge))

    def libssh(self, port, user, account, host="localhost"):
        return h.run([PROGRAMS / "libssh_client", h.CONF / "ssh/ssh_config", host, port, user, "whoami"],
                     self.environment(account, False))


def allowed(what, result, output):
    h.check(result.returncode == 0 and result.stdout.strip() == output, what,
            f"{result.returncode} {result.stdout}{result.stderr}")


def refused(what, result):
    h.check(result.returncode != 0 and result.stdout == "", what, f"{result.returncode} {result.stdout}{result.stderr}")


def refusals(name, login, user, account, other):
    domain, who, password = account.split(":")
    refused(f"{name}: a wrong password", login(user, f"{domain}:{who}:wrong"))
    refused(f"{name}: an unknown user", login(user, f"{domain}:eve:{password}"))
    refused(f"{name}: somebody else", login(user, other))
    refused(f"{name}: the same name of another domain", login(user, "OTHER:bob:secret4" if user == "bob" else
                                                               f"OTHER:{ME}:secret5"))


def crowd(name, login, user, account):
    def one(i):
        good = i % 5 != 4
        result = login(user, account if good else account + "x")
        return (result.returncode == 0) == good or result.stderr
    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    h.check(all(r is True for r in results), f"{name}, 50 at once: 40 are in, 10 with a wrong password are not",
            str([r for r in results if r is not True]))


def libssh_server(world):
    port = h.free_port()
    log = world.dir / "libssh.log"
    server = h.start([PROGRAMS / "libssh_server", port, world.key, "EXAMPLE"],
                     h.clean_environment(GSS_MECH_CONFIG=world.mech, GSS_NTLM_CONF=world.server_conf,
                                         KRB5_CONFIG=world.krb5, KRB5_KTNAME=world.dir / "no-keytab"), log)
    h.wait_for(lambda: h.listening(port), "libssh_server", log=log)
    for name, client, hosts in (("ssh to libssh", world.ssh, HOSTS), ("libssh to libssh", world.libssh, HOSTS[:2])):
        login = functools.partial(client, port)
        for host in hosts:
            allowed(f"{name}: bob at {host[:30]}", login("bob", "EXAMPLE:bob:secret1", host=host), "EXAMPLE\\bob")
        refusals(name, login, "bob", "EXAMPLE:bob:secret1", "EXAMPLE:alice:secret2")
        refused(f"{name}: bob as alice", login("alice", "EXAMPLE:bob:secret1"))
        crowd(name, login, "bob", "EXAMPLE:bob:secret1")
    h.check(server.poll() is None, "libssh's server still runs", log.read_text(errors="replace"))
    h.stop(server)


def sshd(world):
    made = False
    if os.getuid() == 0 and not os.path.isdir("/run/sshd"):
        os.mkdir("/run/sshd", 0o755)  # where sshd's unprivileged half lives; the package makes it at boot
        made = True
    port = h.free_port()
    log = world.dir / "sshd.log"
    conf = h.write(world.dir / "sshd_config", f"""Include {h.CONF}/ssh/sshd_config
Port {port}
ListenAddress 127.0.0.1
HostKey {world.key}
PidFile none
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PubkeyAuthentication no
KbdInteractiveAuthentication no
StrictModes no
MaxStartups 200
LogLevel VERBOSE
""")
    server = h.start([SSHD, "-D", "-e", "-f", conf],
                     h.clean_environment(GSS_MECH_CONFIG=world.bridged, GSS_NTLM_CONF=world.server_conf,
                                         KRB5_CONFIG=world.krb5, KRB5_KTNAME=world.dir / "no-keytab"), log)
    try:
        h.wait_for(lambda: h.listening(port), "sshd", log=log)
        account = f"EXAMPLE:{ME}:secret3"

        login = functools.partial(world.ssh, port, bridge=True)
        for host in HOSTS:
            result = login(ME, account, host=host)
            allowed(f"ssh to sshd: {ME} at {host[:30]}", result, ME)
        h.check(f"Authorized to {ME}, krb5 principal EXAMPLE\\\\{ME} (krb5_kuserok)" in log.read_text(errors="replace"),
                "sshd's log says who it was", log.read_text(errors="replace")[-2000:])
        refusals("ssh to sshd", login, ME, account, "EXAMPLE:bob:secret1")
        refused("ssh without the bridge to sshd", world.ssh(port, ME, account))
        crowd("ssh to sshd", login, ME, account)
        h.check(server.poll() is None, "sshd still runs", log.read_text(errors="replace"))
        h.check("secret3" not in log.read_text(errors="replace"), "its log tells no secret")
    finally:
        h.stop(server)
        if made:
            os.rmdir("/run/sshd")


def main():
    world = World()
    libssh_server(world)
    sshd(world)
    h.finish("ssh")


main()
