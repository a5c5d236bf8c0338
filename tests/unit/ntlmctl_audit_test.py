#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntlmctl audit: what it reads, what it leaves out, what it says. Usage: ntlmctl_audit_test.py <ntlmctl>"""
import gzip
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

NTLMCTL = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "ntlmctl"
DONE, REFUSED, USAGE, UNREADABLE = range(4)


def record(**fields):
    """A login as the mechanism writes it."""
    return json.dumps({"time": "2026-11-24T10:00:00.123Z", "event": "accept", "result": "success", "reason": "ok",
                       "user": "alice", "domain": "LAB", "workstation": "PC1", "principal": "LAB\\alice",
                       "service": "HTTP@www", "target": "HTTP/www", "version": "NTLMv2", "flags": "0xe2888235",
                       "mic": "verified", "bindings": "match", "key_bits": 128, "store": "lmdb", **fields})


def refusal(**fields):
    return record(**{"result": "failure", "reason": "wrong-password", "principal": "", **fields})


class AuditTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="ntlmctl-audit-")
        self.addCleanup(shutil.rmtree, self.directory)

    def write(self, name, content):
        path = os.path.join(self.directory, name)
        data = content if isinstance(content, bytes) else content.encode()
        with open(path, "wb") as file:
            file.write(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def run_tool(self, *arguments, stdin=b"", status=DONE, environment=None):
        environment = {**{k: v for k, v in os.environ.items() if k != "GSS_NTLM_CONF"}, **(environment or {})}
        done = subprocess.run([NTLMCTL, "audit", *arguments], input=stdin if isinstance(stdin, bytes) else stdin.encode(),
                              capture_output=True, timeout=120, env=environment, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}: {out}{err}")
        return out if status == DONE else err

    def summary(self, *lines, options=()):
        return json.loads(self.run_tool("--json", *options, "-", stdin="\n".join(lines) + "\n"))

    def step(self, summary, setting):
        return next(step for step in summary["steps"] if step["setting"] == setting)

    # --- what it reads

    def test_json_syslog_and_journal_lines_are_one(self):
        syslog = "Nov 24 10:00:00 host gss_ntlm[7]: " + record()
        modern = "2026-11-24T10:00:00.1+01:00 host gss_ntlm[7]: " + record()
        journal = json.dumps({"_PID": "7", "MESSAGE": record(), "__CURSOR": "x", "_X": [1, {"time": "no"}]})
        foreign = "Nov 24 10:00:00 host sshd[8]: Accepted password for root"
        other = json.dumps({"MESSAGE": "Accepted password for root"})
        found = self.summary(record(), syslog, modern, journal, foreign, other, "")
        self.assertEqual(found["lines"], {"read": 6, "bad": 0, "other": 2, "filtered": 0})
        self.assertEqual(found["accounts"], [{"name": "LAB\\alice", "logins": 4, "failures": 0,
                                              "first": 1795514400, "last": 1795514400}])

    def test_files_and_their_gzip_compressed_old_ones(self):
        new = self.write("audit.jsonl", record(time="2026-11-24T10:00:00Z") + "\n" + refusal())  # no newline at the end
        old = self.write("audit.jsonl.1.gz", record(time="2026-11-23T10:00:00Z") + "\r\n")
        found = json.loads(self.run_tool("--json", new, old))
        self.assertEqual((found["records"], found["last"] - found["first"]), (3, 86400))

    def test_without_a_file_it_reads_what_the_configuration_names(self):
        path = self.write("audit.jsonl", record() + "\n")
        self.write("audit.jsonl.1", record() + "\n")
        self.write("audit.jsonl.2.gz", record() + "\n")
        self.write("audit.jsonl.9", record() + "\n")  # beyond json_keep
        conf = self.write("ntlm.conf", f"[audit]\n json = {path}\n json_keep = 3\n")
        os.chmod(conf, 0o600)
        self.assertEqual(json.loads(self.run_tool("--json", "--config", conf))["records"], 3)
        nothing = self.write("empty.conf", "[audit]\n syslog = yes\n")
        os.chmod(nothing, 0o600)
        self.assertIn("names no file", self.run_tool("--config", nothing, status=UNREADABLE))

    def test_what_cannot_be_read_is_said(self):
        for name in (os.path.join(self.directory, "none"), self.directory):
            self.assertIn(name, self.run_tool(name, status=UNREADABLE))
        whole = gzip.compress((record() + "\n").encode() * 1000)
        cut = self.write("cut", whole[: len(whole) // 2])
        self.assertIn("gzip", self.run_tool(cut, status=UNREADABLE))

    # --- hostile lines

    def test_bad_lines_are_counted_and_left_out(self):
        bad = [b"{", b"{}", b'{"time":"yesterday","event":"accept","result":"success"}',
               record(result="maybe").encode(), record(time="2026-13-01T00:00:00Z").encode(),
               record(time="2026-11-24T10:00:00Zjunk").encode(), b'{"user":"\xff\xfe"}', b"{\x00}",
               b"[" * 100000, b'{"a":' * 5000, b'{"a":' + b"[" * 60000, b"{" + b"a" * 10_000_000,
               record().encode()[:-1], record().encode() + b"x"]
        lines = b"\n".join([record().encode(), *bad, record().encode()])
        start = time.monotonic()
        found = json.loads(self.run_tool("--json", "-", stdin=lines))
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(found["records"], 2)
        # What does not begin like a record is another program's.
        self.assertEqual((found["lines"]["bad"], found["lines"]["other"]), (len(bad) - 1, 1))
        self.assertIn("13 lines were no sound record", self.run_tool("-", stdin=lines))

    def test_wrong_types_and_unknown_members_do_no_harm(self):
        line = json.loads(record())
        line.update(user=7, workstation=["x"], service={"service": "inner"}, key_bits="many", flags=12, extra=None)
        found = self.summary(json.dumps(line))
        self.assertEqual(found["records"], 1)
        self.assertEqual(found["workstations"][0]["name"], "")
        self.assertEqual(found["services"][0]["name"], "HTTP/www")

    def test_the_uid_of_a_service_stands_beside_the_name_that_it_gives_itself(self):
        found = self.summary(record(peer="uid 33 pid 7"), record(peer="uid 1001 pid 8"), record(service="", peer="uid 33 pid 9"),
                             record(service="", target="", peer="uid 33 pid 9"), record())
        self.assertEqual(sorted(row["name"] for row in found["services"]),
                         ["HTTP/www (uid 33)", "HTTP@www", "HTTP@www (uid 1001)", "HTTP@www (uid 33)", "uid 33"])

    def test_what_was_not_reported_has_no_more_than_fits(self):
        found = self.summary(record(unreported=2**64 - 1), record(unreported=2))
        self.assertEqual(found["unreported"], 2**64 - 1)

    def test_hostile_names_reach_no_terminal(self):
        name = "\x1b[2J\x07\r\u202e\u061c\u0085<b>ü\U0001f511"
        out = self.run_tool("-", stdin=refusal(user=name))
        self.assertEqual([c for c in out if ord(c) < 32 and c != "\n"], [])
        self.assertIn("LAB\\\\u001b[2J\\u0007\\u000d\\u202e\\u061c\\u0085<b>ü\U0001f511", out)
        self.assertIn("policy-loosened: \\u001b", self.run_tool("-", stdin=record(event="policy-loosened", detail="\x1b")))

    def test_names_without_end_are_summed_up_in_bounded_memory(self):
        lines = [refusal(user=f"u{i}", workstation=f"w{i * 7919 % 100003}") for i in range(60_000)]
        lines[::200] = [record() for _ in lines[::200]]
        path = self.write("many", "\n".join(lines))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        found = json.loads(self.run_tool("--json", path))
        self.assertTrue(found["rare_names_summed_up"])
        self.assertLessEqual(len(found["combinations"]), 20_000)
        self.assertEqual(sum(row["count"] for row in found["combinations"]), 60_000)
        self.assertEqual(found["accounts"][0], {"name": "LAB\\alice", "logins": 300, "failures": 0,
                                                "first": 1795514400, "last": 1795514400})
        self.assertIn("(rarely seen)", [row["name"] for row in found["accounts"]])
        if "asan" not in NTLMCTL and "tsan" not in NTLMCTL:
            self.assertLess(max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), 200_000)

    def test_times_far_apart_do_not_stretch_memory(self):
        page = os.path.join(self.directory, "page")
        years = [record(time=f"{year}-01-01T00:00:00Z") for year in (1970, 2026, 2027, 9999)]
        self.run_tool("--html", page, "-", stdin="\n".join(years))
        self.assertLess(os.stat(page).st_size, 100_000)

    # --- filters

    def test_filters(self):
        lines = [record(), refusal(user="Bob", time="2026-11-25T00:00:00Z"),
                 record(user="carol", domain="OTHER", principal="OTHER\\carol", service="", target="ldap/dir",
                        version="NTLMv1", store="text", time="2026-11-26T12:30:00Z")]

        def left(*options):
            found = self.summary(*lines, options=options)
            self.assertEqual(found["records"] + found["lines"]["filtered"], 3)
            return [row["name"] for row in found["accounts"]]
        alice, bob, carol = "LAB\\alice", "LAB\\Bob", "OTHER\\carol"
        self.assertEqual(left("--user", "ALICE"), [alice])
        self.assertEqual(left("--user", "lab\\*"), [alice, bob])
        self.assertEqual(left("--domain", "other"), [carol])
        self.assertEqual(left("--service", "http*"), [alice, bob])
        self.assertEqual(left("--service", "ldap/dir"), [carol])
        lines[1] = refusal(user="Bob", time="2026-11-25T00:00:00Z", peer="uid 33 pid 7")
        self.assertEqual(left("--service", "http@www (uid 33)"), [bob], "as the report calls it")
        self.assertEqual(left("--service", "*uid 33*"), [bob])
        self.assertEqual(left("--result", "failure"), [bob])
        self.assertEqual(left("--reason", "wrong-*"), [bob])
        self.assertEqual(left("--version", "NTLMv1"), [carol])
        self.assertEqual(left("--store", "text"), [carol])
        self.assertEqual(left("--since", "2026-11-25"), [carol, bob])
        self.assertEqual(left("--until", "2026-11-25"), [alice])
        self.assertEqual(left("--since", "2026-11-25T00:00:00Z", "--until", "2026-11-26T12:30"), [bob])
        self.assertEqual(left("--since", "99999w"), [alice, carol, bob])
        self.assertIn("No record", self.run_tool("--user", "nobody", "-", stdin=record()))

    def test_wrong_command_lines(self):
        for options in (("--since", "tomorrow"), ("--until", "7y"), ("--since", "2026-02-30"), ("--result", "maybe"),
                        ("--nonsense",)):
            self.run_tool(*options, "-", status=USAGE)
        self.assertIn("--since", self.run_tool("--help"))

    # --- what it says

    def test_what_stands_in_the_way(self):
        old = {"version": "NTLMv1", "mic": "absent", "flags": "0xa2888205", "bindings": "none", "target": ""}
        lines = [record(), *(record(user=u, principal=f"LAB\\{u}", **old) for u in ("scan1", "scan2", "scan3")),
                 record(user="lib", principal="LAB\\lib", bindings="absent"),
                 refusal(user="eve", **{**old, "version": "NTLM2-session"})]
        found = self.summary(*lines)
        step = self.step(found, "min_version = v2")
        self.assertEqual((step["state"], step["sentence"], step["logins"]),
                         ("blocked", "3 accounts on 1 workstation logged in with NTLMv1", 3))
        self.assertEqual(step["accounts"], ["LAB\\scan1", "LAB\\scan2", "LAB\\scan3"])
        self.assertEqual(self.step(found, "channel_bindings = always")["accounts"], ["LAB\\lib"])
        self.assertEqual(self.step(found, "require_mic = yes")["logins"], 3)
        self.assertEqual(self.step(found, "require_sign = yes")["logins"], 3)
        self.assertEqual(self.step(found, "target_name = required")["logins"], 3)
        self.assertEqual(self.step(found, "receive_ntlm = deny-all")["logins"], 5)
        self.assertEqual(self.step(self.summary(record()), "receive_ntlm = deny-all")["sentence"],
                         "1 account on 1 workstation used NTLM to log in here")
        self.assertEqual(self.step(found, "require_128 = yes")["state"], "ready")
        self.assertEqual(self.step(found, "send_ntlm = deny")["state"], "unseen")
        text = self.run_tool("-", stdin="\n".join(lines))
        self.assertRegex(text, r"blocked +min_version = v2 +3 accounts on 1 workstation logged in with NTLMv1\n"
                               r" +accounts: LAB\\scan1, LAB\\scan2, LAB\\scan3\n")
        self.assertRegex(text, r"ready +require_128 = yes +every login had 128-bit keys\n")

    def test_refusals_alone_make_nothing_ready(self):
        found = self.summary(refusal())
        self.assertEqual({step["state"] for step in found["steps"]}, {"unseen"})

    def test_logins_elsewhere_are_told_apart(self):
        found = self.summary(record(), record(event="initiate", mic="sent", target="cifs/nas", principal="", user="backup"))
        self.assertEqual([row["name"] for row in found["accounts"]], ["LAB\\alice"])
        self.assertEqual(found["elsewhere"][0]["name"], "cifs/nas")
        self.assertEqual(self.step(found, "send_ntlm = deny")["accounts"], ["LAB\\backup"])

    def test_failures_unreported_and_other_events(self):
        lines = [refusal(), refusal(reason="bad-bindings", unreported=5), record(unreported=7),
                 record(event="policy-loosened", detail="[policy] min_version = v1")]
        found = self.summary(*lines)
        self.assertEqual(found["unreported"], 12)
        self.assertEqual({row["name"]: row["failures"] for row in found["failures"]}, {"wrong-password": 1, "bad-bindings": 1})
        self.assertEqual(found["events"][0]["event"], "policy-loosened: [policy] min_version = v1")
        text = self.run_tool("-", stdin="\n".join(lines))
        self.assertIn("12 attempts were counted by the mechanism and not recorded", text)
        self.assertTrue(text.startswith("1 login and 2 refusals from 2026-11-24 10:00"))

    # --- the page as a file; tests/consumers/audit opens it

    def test_page_is_written_whole_and_private(self):
        page = os.path.join(self.directory, "page.html")
        self.assertEqual(self.run_tool("--html", page, "-", stdin=record()), "")
        self.assertEqual(stat.S_IMODE(os.stat(page).st_mode), 0o600)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertRegex(text, r"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ")
        self.assertNotRegex(text, r"(?i)\b(src|href)=\"(?!#)")
        self.assertEqual(len(set(re.findall("nonce[=-]\"?([0-9a-f]{32})", text))), 1)
        os.chmod(page, 0o644)
        self.run_tool("--html", page, "-", stdin=record(user="zoe"))
        self.assertEqual(stat.S_IMODE(os.stat(page).st_mode), 0o600)
        self.assertEqual(os.listdir(self.directory), ["page.html"])

    def test_page_that_cannot_be_written_leaves_nothing(self):
        blocked = os.path.join(self.directory, "page.html")
        os.makedirs(os.path.join(blocked, "full"))
        self.assertIn(blocked, self.run_tool("--html", blocked, "-", stdin=record(), status=UNREADABLE))
        self.assertEqual(os.listdir(self.directory), ["page.html"])
        self.run_tool("--html", os.path.join(self.directory, "none/page"), "-", stdin=record(), status=UNREADABLE)

    def test_page_of_hostile_records_has_no_markup_of_theirs(self):
        attack = "</script><script>alert(1)</script>"
        page = os.path.join(self.directory, "page.html")
        lines = [record(user=attack, principal=attack, workstation=attack, service=attack, target=attack, version=attack,
                        bindings="absent", mic="absent"),
                 record(event="policy-loosened", detail=attack + "\" onload=\"x {{data}}")]
        self.run_tool("--html", page, "-", stdin="\n".join(lines))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(len(re.findall("(?i)<script", text)), 2)
        self.assertEqual(len(re.findall("(?i)</script", text)), 2)
        self.assertIn("&lt;/script&gt;&lt;script&gt;alert(1)", text)
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S).group(1)
        self.assertIn(attack, json.loads(data)["names"])

    def test_page_without_a_record(self):
        page = os.path.join(self.directory, "page.html")
        self.run_tool("--html", page, "-")
        self.assertGreater(os.stat(page).st_size, 1000)


if __name__ == "__main__":
    unittest.main(verbosity=1)
