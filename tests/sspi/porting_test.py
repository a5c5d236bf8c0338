#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Follows docs/porting-from-windows.md: installs the library into a staging folder, and runs the page's program, its
commands and its CMake lines as they stand. Usage: porting_test.py PAGE BUILD-DIRECTORY CMAKE PREFIX LIBDIR"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

page, build, cmake, prefix, libdir = sys.argv[1:]
blocks = re.findall(r"^```(\w+)\n(.*?)^```", Path(page).read_text(), re.M | re.S)


def block(language, number=0):
    return [text for name, text in blocks if name == language][number]


def run(command, where, env, expect=0):
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, timeout=120,
                          shell=isinstance(command, str), executable="/bin/bash" if isinstance(command, str) else None)
    if done.returncode != expect:
        sys.exit(f"{command}\nanswered {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


with tempfile.TemporaryDirectory() as name:
    work = Path(name)
    stage = work / "stage"
    env = dict(os.environ, DESTDIR=str(stage))
    run([cmake, "--install", build, "--component", "sspi"], work, env)
    installed = str(stage) + prefix
    env = dict(os.environ, GSS_MECH_CONFIG=f"{build}/mech.conf", LD_LIBRARY_PATH=f"{installed}/{libdir}",
               PKG_CONFIG_PATH=f"{installed}/{libdir}/pkgconfig", PKG_CONFIG_SYSROOT_DIR=str(stage))
    (work / "whoami.c").write_text(block("c"))
    # The page's shell blocks in their order, in one shell, as a reader would type them.
    script = "set -e\n" + "".join(text for language, text in blocks if language == "sh")
    said = run(script, work, env)
    lines = said.splitlines()
    if lines[0] != "DOM\\alice" or not lines[1].startswith("AcceptSecurityContext: 0x8009030c ") or lines[2] != "refused":
        sys.exit(f"the page's commands say:\n{said}")
    project = "cmake_minimum_required(VERSION 3.25)\nproject(whoami LANGUAGES C)\n"
    (work / "CMakeLists.txt").write_text(project + block("cmake"))
    run([cmake, "-S", ".", "-B", "out", f"-DCMAKE_PREFIX_PATH={installed}"], work, env)
    run([cmake, "--build", "out"], work, env)
    env["GSS_NTLM_CONF"] = str(work / "ntlm.conf")
    if run(["out/whoami", "Negotiate", "alice", "DOM", "correct horse"], work, env) != "DOM\\alice\n":
        sys.exit("the program built by CMake says something else")
    if not (Path(installed) / libdir / "libsspi.so").exists():
        sys.exit("libsspi.so is not installed")
