#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts a program as a unit says, as far as that can be done without systemd: its filters of system calls and
addresses, no writable code, its limits, no privileges, and the socket as descriptor 3.
Usage: shut_in.py UNIT USER LISTENER PROGRAM [ARGUMENT...]"""
import ctypes
import errno
import os
import pwd
import re
import resource
import socket
import subprocess
import sys

unit_file, user, listener, *command = sys.argv[1:]
with open(unit_file, encoding="utf-8") as text:
    unit = text.read()

ALLOW, EPERM = 0x7FFF0000, 0x00050000 | errno.EPERM
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7
MMAP_WRITE_AND_EXEC = 6
UNKNOWN = -1


class Condition(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(name):
    return re.findall(rf"^{name}=(.*)$", unit, re.M)


def calls_of(word):
    """A system call, or all of a set of systemd's."""
    if not word.startswith("@"):
        return {word}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True).stdout
    members = [line.strip() for line in lines.splitlines()[1:]]
    return set().union(*(calls_of(member) for member in members if member and not member.startswith("#")))


def filter_of_the_unit():
    allowed = calls_of("@default")  # systemd adds it
    for line in settings("SystemCallFilter"):
        words = line.lstrip("~").split()
        named = set().union(*(calls_of(word) for word in words))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def load(allowed):
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(EPERM)))

    def rule(name, *conditions):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != UNKNOWN:
            library.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, len(conditions),
                                           (Condition * len(conditions))(*conditions))

    special = {"socket", "mmap", "mprotect", "pkey_mprotect"}
    for name in allowed - special:
        rule(name)
    for family in settings("RestrictAddressFamilies")[0].split():
        rule("socket", Condition(0, EQUAL, getattr(socket, family), 0))
    # MemoryDenyWriteExecute=
    for bits in (0, 2, 4):
        rule("mmap", Condition(2, MASKED_EQUAL, MMAP_WRITE_AND_EXEC, bits))
    rule("mprotect", Condition(2, MASKED_EQUAL, 4, 0))
    code = library.seccomp_load(context)
    if code != 0:
        sys.exit(f"seccomp_load: {os.strerror(-code)}")


def limit(name, value):
    number = resource.RLIM_INFINITY if value == "infinity" else int(value)
    try:
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (number, number))
    except ValueError:
        pass  # a container's root may not raise it


assert settings("MemoryDenyWriteExecute") == ["yes"] and settings("NoNewPrivileges") == ["yes"]
for name, value in re.findall(r"^Limit([A-Z]+)=(.*)$", unit, re.M):
    limit(name, value)
os.umask(int(settings("UMask")[0], 8))
allowed = filter_of_the_unit()
who = pwd.getpwnam(user)
os.setgroups([])
os.setresgid(who.pw_gid, who.pw_gid, who.pw_gid)
os.setresuid(who.pw_uid, who.pw_uid, who.pw_uid)
os.dup2(int(listener), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
load(allowed)
os.execv(command[0], command)
