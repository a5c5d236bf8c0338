#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Remote desktop logins by NLA: freerdp-shadow-cli with this SSPI as its module, xfreerdp with it preloaded, each
against the SSPI that FreeRDP brings (WinPR's), and this one on both sides."""

import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor

import harness as h

SHADOW, CLIENT, XVFB, WINPR_HASH, UNSHARE = h.need("freerdp-shadow-cli", "xfreerdp", "Xvfb", "winpr-hash", "unshare")
SSPI = h.BUILD / "libsspi_compat.so"
USER, DOMAIN, PASSWORD = "bob", "LAB", "Secret-1"
WRONG = (("a wrong password", {"password": "Secret-2"}), ("an unknown user", {"user": "eve"}),
         ("an empty password", {"password": ""}))
# FreeRDP 2 reads its registry from /etc/winpr/HKLM.reg and nowhere else: the program gets an /etc of its own, with
# every entry of the host's and that folder.
OWN_ETC = """
mount --rbind /etc /mnt && mount -t tmpfs none /etc && ln -s /mnt/* /etc/ && rm -f /etc/winpr && mkdir /etc/winpr &&
cp "$1" /etc/winpr/HKLM.reg && shift && exec "$@"
"""
PRIVATE = [UNSHARE, "--mount", "--propagation", "private", *(["--map-root-user"] if os.getuid() != 0 else [])]


class World:
    def __init__(self):
        self.dir = h.directory()
        self.accounts = h.write(self.dir / "accounts", f"{DOMAIN}:{USER}:{PASSWORD}\n", 0o600)
        hashed = h.run([WINPR_HASH, "-u", USER, "-d", DOMAIN, "-p", PASSWORD, "-f", "sam"], check=True).stdout
        self.sam = h.write(self.dir / "sam", hashed, 0o600)
        self.mech = h.mech_conf(self.dir / "mech")
        # FreeRDP 2 knows raw NTLM only: WinPR reads no SPNEGO, and the server sends no token after the client's last.
        self.client_conf = h.write(self.dir / "client.conf", "[sspi]\n negotiate_form = raw\n[audit]\n syslog = no\n")
        self.display = self.start_display()
        self.number = itertools.count()

    def start_display(self):
        reader, writer = os.pipe()
        h.start([XVFB, "-displayfd", writer, "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"],
                pass_fds=(writer,))
        os.close(writer)
        with os.fdopen(reader) as told:
            return f":{told.readline().strip()}"

    def environment(self, **more):
        return h.clean_environment(DISPLAY=self.display, HOME=self.dir, **more)

    def log_in(self, server, ours, user=USER, password=PASSWORD):
        """xfreerdp's result: exit status 0 is a login. Says which NTLM mechanism the process had loaded."""
        loaded = self.dir / f"loaded-{next(self.number)}"
        env = self.environment(LD_DEBUG="files", LD_DEBUG_OUTPUT=loaded, LD_PRELOAD=SSPI if ours else None,
                               GSS_MECH_CONFIG=self.mech, GSS_NTLM_CONF=self.client_conf)
        result = h.run([CLIENT, f"/v:127.0.0.1:{server.port}", f"/u:{user}", f"/d:{DOMAIN}", f"/p:{password}",
                        "/sec:nla", "/cert:ignore", "/timeout:100000", "+auth-only"], env)
        traces = "".join(trace.read_text(errors="replace") for trace in self.dir.glob(f"{loaded.name}.*"))
        result.ours = f"calling init: {h.for_all_users(h.MODULE)}" in traces
        return result


class Server:
    """freerdp-shadow-cli, with WinPR's SSPI and its SAM file, or with ours as registered and an account file."""

    def __init__(self, world, ours):
        name = "ours" if ours else "winpr"
        self.dir = world.dir / f"server-{name}"
        self.dir.mkdir()
        self.port = h.free_port()
        self.log, self.audit = self.dir / "log", self.dir / "audit.jsonl"
        # FreeRDP drops a client that it cannot impersonate. A right password right after three wrong ones would wait.
        conf = h.write(self.dir / "ntlm.conf", f"[ntlm]\n store = text:{world.accounts}\n netbios_domain = {DOMAIN}\n"
                       "[policy]\n lockout_threshold = 0\n[sspi]\n impersonation = identity\n"
                       f"[audit]\n syslog = no\n json = {self.audit}\n")
        registry = h.write(self.dir / "HKLM.reg", "[HKEY_LOCAL_MACHINE\\Software\\FreeRDP\\FreeRDP\\Server]\n"
                           f'"SspiModule"=str:"{SSPI}"\n')
        command = [SHADOW, f"/port:{self.port}", "/bind-address:127.0.0.1", "/sec:nla"]
        if ours:
            command = [*PRIVATE, "/bin/sh", "-c", OWN_ETC, "sh", registry, *command]
        else:
            command.append(f"/sam-file:{world.sam}")
        self.process = h.start(command, world.environment(GSS_MECH_CONFIG=world.mech, GSS_NTLM_CONF=conf), self.log)
        h.wait_for(lambda: h.listening(self.port), "freerdp-shadow-cli", log=self.log)

    def decisions(self):
        """What this project's acceptor decided, in order."""
        lines = self.audit.read_text().splitlines() if self.audit.exists() else []
        return [record["result"] for record in map(json.loads, lines) if record["event"] == "accept"]

    def text(self):
        return self.log.read_text(errors="replace")


def logins(world, server, server_ours, client_ours):
    name = f"{'this' if client_ours else 'WinPR'} to {'this' if server_ours else 'WinPR'}"
    before = len(server.decisions())
    result = world.log_in(server, client_ours)
    h.check(result.returncode == 0, f"{name}: {USER} is in", result.stdout + result.stderr + server.text())
    h.check(result.ours == client_ours, f"{name}: the client used the SSPI it was given")
    for what, change in WRONG:
        result = world.log_in(server, client_ours, **change)
        h.check(result.returncode != 0, f"{name}: {what} is not", result.stdout + result.stderr)
    decided = server.decisions()[before:]
    expected = ["success"] + ["failure"] * len(WRONG) if server_ours else []
    h.check(decided == expected, f"{name}: the server used the SSPI it was given", f"{decided}\n{server.text()}")


def crowd(world, server, client_ours):
    def one(number):
        good = number % 4 != 3
        result = world.log_in(server, client_ours, password=PASSWORD if good else "wrong")
        return (result.returncode == 0) == good or result.stdout + result.stderr
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    h.check(all(r is True for r in results), "8 at once: 6 are in, 2 with a wrong password are not",
            "\n".join(r for r in results if r is not True))


def main():
    if h.run([*PRIVATE, "/bin/sh", "-c", "mount -t tmpfs none /etc"]).returncode != 0:
        h.skip("a mount namespace of one's own is not allowed here")
    world = World()
    for server_ours in (False, True):
        server = Server(world, server_ours)
        for client_ours in (False, True):
            logins(world, server, server_ours, client_ours)
        if server_ours:
            crowd(world, server, client_ours=True)
        h.check(server.process.poll() is None, "the server still runs", server.text())
        h.check(PASSWORD not in server.text(), "its log tells no password")
        h.stop(server.process)
    h.finish("freerdp")


main()
