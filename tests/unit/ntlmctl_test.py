#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tool as an administrator meets it. Usage: ntlmctl_test.py <ntlmctl> [unittest arguments]"""
import hashlib
import json
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

NTLMCTL = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "ntlmctl"
HASH = "A4F49C406510BDCAB6824EE7C30FD852"  # [MS-NLMP] 4.2.2.1.2: "Password"
DONE, REFUSED, USAGE, UNREADABLE = range(4)


class NtlmctlTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ntlmctl-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.store = self.path("accounts")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def run_tool(self, *arguments, stdin="", status=DONE, environment=None):
        environment = {**{k: v for k, v in os.environ.items() if k != "GSS_NTLM_CONF"}, **(environment or {})}
        done = subprocess.run([NTLMCTL, *arguments], input=stdin.encode(), capture_output=True, timeout=120,
                              env=environment, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}: {out}{err}")
        if status == DONE:
            return out
        self.assertEqual(out, "", "a refusal prints nothing on standard output")
        return err

    def user(self, *arguments, **options):
        return self.run_tool("user", *arguments, "--store", self.store, **options)

    def add(self, name, password="Password\n", *arguments, **options):
        return self.user("add", name, "--password-stdin", *arguments, stdin=password, **options)

    def exported_hash(self, name):
        for line in self.user("export").splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return fields[3]
        return None

    # --- accounts

    def test_add_list_show(self):
        self.add("DOM\\alice", "Password\n", "--full-name", "Alice Ä", "--group", "one", "--group", "two")
        self.add("bob@dom.example", "x\n", "--disabled")
        self.add("carol")
        self.assertEqual(self.user("list"), "DOM\\alice\ndom.example\\bob\tdisabled\ncarol\n")
        shown = json.loads(self.user("show", "dom\\ALICE", "--json"))
        self.assertEqual(shown["name"], "DOM\\alice")
        self.assertEqual(shown["attributes"]["urn:gss-ntlm:group"], ["one", "two"])
        self.assertEqual(shown["attributes"]["urn:gss-ntlm:full-name"], ["Alice Ä"])
        self.assertLess(abs(shown["created"] - time.time()), 60)
        self.assertEqual(len(json.loads(self.user("list", "--json"))), 3)
        self.assertEqual(self.exported_hash("DOM\\alice"), HASH)
        self.assertNotIn(HASH, self.user("show", "carol").upper() + self.user("list", "--json").upper())

    def test_diagnose_takes_an_empty_user_file_for_none(self):
        conf = self.write("ntlm.conf", f"[ntlm]\n store = text:{self.write('users', 'DOM:alice:x')}\n")
        said = {}
        for value in ("", self.path("users")):
            done = subprocess.run([NTLMCTL, "diagnose", "--config", conf], capture_output=True, timeout=120, text=True,
                                  env={**os.environ, "NTLM_USER_FILE": value, "GSS_MECH_CONFIG": self.path("none")},
                                  check=False)
            said[value] = done.stdout
        self.assertNotIn("NTLM_USER_FILE", said.pop(""))
        self.assertIn("NTLM_USER_FILE is set", said.popitem()[1])

    def test_attributes_that_are_too_long(self):
        self.add("longest", "x\n", "--full-name", "x" * 4096, "--group", "y" * 4096, "--group", "z" * 4096)
        for option in ("--full-name", "--local-user", "--group"):
            err = self.add("alice", "x\n", option, "ä" * 2049, status=USAGE)
            self.assertIn(option, err)
            self.assertIn("longer than 4096 bytes", err)
            self.assertLess(len(err), 300, "what is too long is not shown")
        err = self.add("alice", "x\n", *[word for _ in range(16) for word in ("--group", "g" * 4096)], status=REFUSED)
        self.assertIn("over 64 KiB", err)
        self.assertEqual(self.user("list"), "longest\n")

    def test_empty_store_is_an_empty_list(self):
        self.add("alice")
        self.user("delete", "alice")
        self.assertEqual(self.user("list"), "")
        self.assertEqual(json.loads(self.user("list", "--json")), [])

    def test_change_and_delete(self):
        self.add("DOM\\alice")
        self.user("passwd", "dom\\alice", "--password-stdin", stdin="other\n")
        self.assertNotEqual(self.exported_hash("DOM\\alice"), HASH)
        self.user("passwd", "DOM\\alice", "--password-stdin", stdin="Password")
        self.assertEqual(self.exported_hash("DOM\\alice"), HASH)
        self.user("disable", "DOM\\alice")
        self.assertIn("disabled", self.user("list"))
        self.user("enable", "DOM\\alice")
        self.assertNotIn("disabled", self.user("list"))
        self.user("set", "DOM\\alice", "--local-user", "al")
        self.assertIn("al", self.user("show", "DOM\\alice"))
        self.user("set", "DOM\\alice", "--local-user", "")
        self.assertEqual(json.loads(self.user("show", "DOM\\alice", "--json"))["attributes"], {})
        self.user("delete", "DOM\\alice")
        self.assertEqual(self.user("list"), "")

    def test_account_that_is_there_or_not(self):
        self.add("DOM\\alice")
        self.assertIn("there already", self.add("dom\\ALICE", status=REFUSED))
        for command in ("show", "disable", "enable", "delete", "set"):
            self.assertIn("no such account", self.user(command, "DOM\\nobody", status=REFUSED))
        self.assertIn("no such account", self.user("passwd", "nobody", "--password-stdin", stdin="x\n", status=REFUSED))

    def test_names_that_are_refused(self):
        for name in ("", "DOM\\", "user@", "a:b", "DOM\\a\nb", "#a", "a" * 257):
            self.add(name, status=REFUSED)
        self.assertFalse(os.path.exists(self.store))

    def test_passwords_that_are_refused(self):
        for password in ("", "\n", "x" * 1025 + "\n"):
            self.add("alice", password, status=REFUSED)
        done = subprocess.run([NTLMCTL, "user", "add", "alice", "--password-stdin", "--store", self.store],
                              input=b"p\xff\n", capture_output=True, check=False)
        self.assertEqual(done.returncode, REFUSED)
        self.assertFalse(os.path.exists(self.store))

    def test_password_as_an_argument(self):
        self.add("alice", "Password\n", "Password", status=USAGE)
        self.user("add", "alice", "--password", "Password", status=USAGE)

    def test_usage(self):
        self.run_tool(status=USAGE)
        self.run_tool("nonsense", status=USAGE)
        self.user(status=USAGE)
        self.user("add", status=USAGE)
        for command in ((), ("user",), ("config",), *(("user", c) for c in (
                "add", "passwd", "set", "list", "show", "disable", "enable", "delete", "import", "export"))):
            self.assertIn("Usage: ", self.run_tool(*command, "--help").replace("\n", " "))
        self.assertRegex(self.run_tool("--version"), r"^ntlmctl \d")

    # --- the file

    def test_mode_of_the_file(self):
        old = os.umask(0)
        try:
            self.add("alice")
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(os.stat(self.store).st_mode), 0o600)
        os.chmod(self.store, 0o640)
        self.add("bob")
        self.assertEqual(stat.S_IMODE(os.stat(self.store).st_mode), 0o640)

    def test_file_that_others_may_read(self):
        self.add("alice")
        os.chmod(self.store, 0o644)
        for command in (("list",), ("show", "alice"), ("delete", "alice"), ("export",)):
            self.assertIn("0644", self.user(*command, status=UNREADABLE))

    def test_file_that_is_no_database(self):
        self.write("accounts", "DOM:alice:Password\n")
        self.assertIn("LMDB", self.user("list", status=UNREADABLE))
        self.add("bob", status=UNREADABLE)
        with open(self.store, encoding="utf-8") as file:
            self.assertEqual(file.read(), "DOM:alice:Password\n", "it is not overwritten")

    def test_missing_file_and_directory(self):
        self.assertIn("No such file", self.user("list", status=UNREADABLE))
        self.run_tool("user", "add", "a", "--password-stdin", "--store", self.path("x/y/z"), stdin="p\n",
                      status=UNREADABLE)
        self.run_tool("user", "add", "a", "--password-stdin", "--store", "lmdb:" + self.path("new/accounts"),
                      stdin="p\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("new")).st_mode) & 0o027, 0)

    def test_output_that_cannot_be_written(self):
        self.add("alice")
        for command in ("list", "export"):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([NTLMCTL, "user", command, "--store", self.store], stdout=full,
                                      stderr=subprocess.DEVNULL, check=False)
            self.assertEqual(done.returncode, UNREADABLE)

    # --- import and export

    def test_import_of_both_forms(self):
        file = self.write("users", "# a comment\r\nDOM:alice:Password\r\n\r\n"
                                   f"bob:1000:{'X' * 32}:{HASH}:[DU         ]:LCT-5F000000:\n:carol:pa:ss\n")
        self.assertIn("3 added", self.user("import", file))
        self.assertEqual(self.user("list"), "DOM\\alice\nbob\tdisabled\ncarol\n")
        self.assertEqual(self.exported_hash("DOM\\alice"), HASH)
        self.assertEqual(self.exported_hash("bob"), HASH)
        self.assertEqual(self.exported_hash("carol"), hash_of("pa:ss"))

    def test_import_keeps_or_replaces(self):
        self.add("DOM\\alice", "old\n", "--group", "one")
        before = json.loads(self.user("show", "DOM\\alice", "--json"))
        file = self.write("users", "dom:ALICE:Password\nDOM:bob:x\n")
        self.assertIn("1 added, 0 replaced, 1 kept", self.user("import", file))
        self.assertEqual(self.exported_hash("DOM\\alice"), hash_of("old"))
        self.assertIn("0 added, 2 replaced, 0 kept", self.user("import", file, "--replace"))
        self.assertEqual(self.exported_hash("dom\\ALICE"), HASH)
        after = json.loads(self.user("show", "DOM\\alice", "--json"))
        self.assertEqual(after["created"], before["created"])
        self.assertEqual(after["attributes"], before["attributes"])

    def test_bad_line_stops_an_import(self):
        file = self.write("users", f"DOM:alice:Password\nnonsense\nbob:1000:{HASH}:{HASH[1:]}:[U          ]:\n"
                                   "DOM:alice:again\n")
        error = self.user("import", file, status=REFUSED)
        for line in (":2: ", ":3: ", ":4: ", "3 lines"):
            self.assertIn(line, error)
        self.assertNotIn(HASH[1:], error)
        self.assertFalse(os.path.exists(self.store))
        self.assertIn("1 added, 0 replaced, 0 kept as they were, 3 lines left out",
                      self.user("import", file, "--skip-bad"))
        self.assertEqual(self.exported_hash("DOM\\alice"), HASH)

    def test_tail_of_an_overlong_line(self):
        file = self.write("users", "DOM:alice:" + "x" * 1014 + f"EVIL:evil:{HASH}\n")
        self.user("import", file, status=REFUSED)
        self.assertIn("0 added", self.user("import", file, "--skip-bad"))

    def test_import_from_standard_input_and_nowhere(self):
        self.assertIn("1 added", self.user("import", "-", stdin="DOM:alice:Password\n"))
        self.user("import", self.path("missing"), status=UNREADABLE)
        self.user("import", self.directory, status=UNREADABLE)

    def test_export_and_back(self):
        self.user("import", "-", stdin="DOM:alice:Password\n:bob:x\n"
                  f"host$:1:{'X' * 32}:{HASH}:[W          ]:\nnone:1:{'X' * 32}:{'X' * 32}:[LU         ]:\n")
        self.user("export", self.path("out"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("out")).st_mode), 0o600)
        self.user("export", self.path("out"), status=UNREADABLE)
        first = (self.user("list", "--json"), self.user("export"))
        self.store = self.path("second")
        self.user("import", self.path("out"))
        names = [(a["name"], a["states"]) for a in json.loads(first[0])]
        self.assertEqual(names, [(a["name"], a["states"]) for a in json.loads(self.user("list", "--json"))])
        self.assertEqual([line.split(":")[:5] for line in first[1].splitlines()],
                         [line.split(":")[:5] for line in self.user("export").splitlines()])

    def test_killed_import_leaves_the_old_accounts(self):
        self.add("DOM\\alice")
        file = self.write("users", "".join(f"DOM:user{i}:p{i}\n" for i in range(60000)))
        for delay in (0, 0.02, 0.05, 0.1, 0.2, 0.3):
            with subprocess.Popen([NTLMCTL, "user", "import", file, "--store", self.store],
                                  stdout=subprocess.DEVNULL) as tool:
                time.sleep(delay)
                tool.send_signal(signal.SIGKILL)
            self.assertIn(len(self.user("list").splitlines()), (1, 60001))
        self.user("import", file)
        self.assertEqual(len(self.user("list").splitlines()), 60001)
        self.assertFalse(os.path.exists(self.store + ".new"))

    def test_progress_only_on_a_terminal(self):
        file = self.write("users", "".join(f"DOM:user{i}:p{i}\n" for i in range(5000)))
        self.user("import", file)
        self.store = self.path("second")
        shown = self.at_terminal(["user", "import", file, "--store", self.store], [])
        self.assertIn("%", shown[1])
        self.assertEqual(shown[0], DONE)

    # --- the prompt

    def at_terminal(self, arguments, answers):
        """Runs the tool on a terminal of its own and types the answers, each when something was asked."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(NTLMCTL, [NTLMCTL, *arguments])
        shown, deadline = "", time.time() + 60
        try:
            while time.time() < deadline:
                if not select.select([terminal], [], [], 1)[0]:
                    continue
                try:
                    data = os.read(terminal, 4096)
                except OSError:
                    break
                if not data:
                    break
                shown += data.decode()
                if answers and shown.endswith(": "):
                    time.sleep(0.05)  # the question is asked in silence
                    os.write(terminal, answers.pop(0))
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.close(terminal)
        return status, shown

    def test_prompt_asks_twice_and_echoes_nothing(self):
        status, shown = self.at_terminal(["user", "add", "alice", "--store", self.store],
                                         [b"Password\n", b"Password\n"])
        self.assertEqual(status, DONE, shown)
        self.assertNotIn("Password\r", shown)
        self.assertEqual(self.exported_hash("alice"), HASH)

    def test_prompt_with_two_passwords_or_an_interrupt(self):
        for answers in ([b"Password\n", b"password\n"], [b"Pass\x03\n"], [b"\n", b"\n"]):
            status, shown = self.at_terminal(["user", "add", "alice", "--store", self.store], answers)
            self.assertEqual(status, REFUSED, shown)
        self.assertFalse(os.path.exists(self.store))

    def test_no_terminal(self):
        done = subprocess.run([NTLMCTL, "user", "add", "alice", "--store", self.store], stdin=subprocess.DEVNULL,
                              capture_output=True, start_new_session=True, timeout=60, check=False)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn(b"--password-stdin", done.stderr)

    # --- the configuration

    def test_config(self):
        conf = self.write("ntlm.conf", f"[ntlm]\n    store = lmdb:{self.store}\n[policy]\n    profile = hardened\n"
                                       "    min_version = v1\n")
        for way in ({"environment": {"GSS_NTLM_CONF": conf}}, {}):
            arguments = () if way else ("--config", conf)
            config = json.loads(self.run_tool("config", "--json", *arguments, **way))
            self.assertEqual(config["file"], conf)
            values = {(s["section"], s["key"]): (s["value"], s["source"]) for s in config["settings"]}
            self.assertEqual(values["ntlm", "store"], ([f"lmdb:{self.store}"], conf))
            self.assertEqual(values["policy", "min_version"], ("v1", conf))
            self.assertEqual(values["policy", "require_mic"][1], "profile hardened")
            self.assertEqual(values["policy", "allow_datagram"], (False, "default"))
            self.assertTrue(any("min_version" in s for s in config["looser_than_default"]))
            text = self.run_tool("config", *arguments, **way)
            self.assertIn(f"store = lmdb:{self.store}", text)
            self.assertIn("min_version = v1", text)
            self.run_tool("user", "list", *arguments, status=UNREADABLE, **way)  # of that store, which is not there
        self.run_tool("user", "add", "alice", "--password-stdin", "--config", conf, stdin="x\n")
        self.assertTrue(os.path.exists(self.store))

    def test_config_that_is_wrong_or_missing(self):
        conf = self.write("ntlm.conf", "[policy]\n    require_mic = maybe\n")
        error = self.run_tool("config", "--config", conf, status=UNREADABLE)
        self.assertIn(f"{conf}: [policy] require_mic: 'maybe'", error)
        self.run_tool("user", "list", "--config", conf, status=UNREADABLE)
        self.run_tool("config", "--config", self.path("missing"), status=UNREADABLE)

    def test_config_without_a_database(self):
        conf = self.write("ntlm.conf", "[ntlm]\n    store = winbind\n")
        self.assertIn("--store", self.run_tool("user", "list", "--config", conf, status=USAGE))

    def test_accounts_of_the_daemon(self):
        for store in ("authd", "authd:/run/other.sock"):
            conf = self.write("ntlm.conf", f"[ntlm]\n    store = {store}\n")
            self.assertIn("--config /etc/gss/ntlm-authd.conf", self.run_tool("user", "list", "--config", conf, status=USAGE))
            self.assertIn("--config /etc/gss/ntlm-authd.conf", self.lockout("list", "--config", conf, status=UNREADABLE))

    def lockout(self, *arguments, **options):
        return self.run_tool("lockout", *arguments, "--directory", self.directory, **options)

    def lockout_file(self, uid):
        """A table whose words count one failure of now in all places, of no name that is asked for."""
        head = b"NTLMLOCK" + (3).to_bytes(4, "little") + (4096).to_bytes(4, "little") + bytes(48)
        now = int(time.clock_gettime(time.CLOCK_BOOTTIME))
        word = (1 << 48 | 1 << 28 | now & (2**28 - 1)).to_bytes(8, "little")
        path = self.path(f"lockout-{uid}")
        with open(path, "wb") as file:
            file.write(head + word * 4096)
        os.chmod(path, 0o600)
        return path

    def test_lockout_lists_and_clears(self):
        conf = self.write("ntlm.conf", f"[ntlm]\n    store = lmdb:{self.store}\n")
        self.add("DOM\\user")
        path = self.lockout_file(os.geteuid())
        self.assertIn("4096 names that no store has", self.lockout("list", "--config", conf))
        self.assertIn("no failures", self.lockout("clear", "DOM\\user", status=REFUSED))
        self.lockout("clear")
        self.assertEqual(self.lockout("list", "--config", conf), "")
        os.chmod(path, 0o644)
        self.assertIn("0600", self.lockout("list", "--config", conf, status=UNREADABLE))
        os.remove(path)

    @unittest.skipIf(os.geteuid() != 0, "tables of two users are root's to make")
    def test_lockout_table_of_a_service_that_keeps_it_shut(self):
        conf = self.write("ntlm.conf", f"[ntlm]\n    store = lmdb:{self.store}\n")
        self.add("DOM\\user")
        self.lockout_file(os.geteuid())
        shut = self.lockout_file(33)
        os.chmod(shut, 0o666)
        lists = [NTLMCTL, "lockout", "list", "--config", conf, "--directory", self.directory]
        listed = subprocess.run(lists, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((listed.returncode, listed.stdout), (UNREADABLE, f"uid {os.geteuid()}: 4096 names that no store has\n"))
        self.assertIn("lockout-33", listed.stderr)
        self.assertIn("lockout-33", self.lockout("clear", status=UNREADABLE))
        self.assertIn("lockout-33", self.lockout("list", "--config", conf, status=UNREADABLE))

    def test_lockout_without_a_directory(self):
        conf = self.write("ntlm.conf", f"[ntlm]\n    store = lmdb:{self.store}\n")
        self.add("DOM\\user")
        self.run_tool("lockout", "list", "--config", conf, "--directory", self.path("missing"), status=UNREADABLE)


def hash_of(password):
    try:
        return hashlib.new("md4", password.encode("utf-16le")).hexdigest().upper()
    except ValueError:
        return md4_of_openssl(password)


def md4_of_openssl(password):
    done = subprocess.run(["openssl", "dgst", "-md4", "-provider", "legacy", "-provider", "default", "-r"],
                          input=password.encode("utf-16le"), capture_output=True, check=True)
    return done.stdout.decode().split()[0].upper()


if __name__ == "__main__":
    unittest.main()
