#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Puts a delay between the lab's domain controller and its member, where the kernel has no netem: their addresses move
to two tun devices, and this program carries the packets, each half the round trip later. Until it is interrupted; then
the plain wire is back.

    slow_wire.py DIR MILLISECONDS     round trip, for example 5"""
import ctypes
import fcntl
import heapq
import itertools
import os
import select
import signal
import struct
import sys
import time

from lab import DC_IP, MEMBER_IP, Lab

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_tun(node):
    """A tun device belongs to the network namespace that its descriptor was opened in."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{node.pid}/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(there, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"slow0", IFF_TUN | IFF_NO_PI))
    if libc.setns(here, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(here)
    os.close(there)
    return device


def move(lab, source, target):
    for node, own, other in ((lab.dc, DC_IP, MEMBER_IP), (lab.member, MEMBER_IP, DC_IP)):
        node.script(f"""
            ip address flush dev {source}
            [ {target} = slow0 ] && ip address add {own} peer {other} dev slow0 || ip address add {own}/24 dev lab0
            ip link set {target} up""")


def carry(devices, delay):
    order = itertools.count()
    waiting = []
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(devices, [], [], timeout)
        for device in readable:
            packet = os.read(device, 65536)
            to = devices[1 - devices.index(device)]
            heapq.heappush(waiting, (time.monotonic() + delay, next(order), to, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(waiting)
            os.write(to, packet)


def main():
    lab, round_trip = Lab(sys.argv[1]), float(sys.argv[2]) / 1000
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    devices = [open_tun(lab.dc), open_tun(lab.member)]
    move(lab, "lab0", "slow0")
    try:
        print(f"the round trip takes {round_trip * 1000:g} ms more", flush=True)
        carry(devices, round_trip / 2)
    except KeyboardInterrupt:
        pass
    finally:
        move(lab, "slow0", "lab0")


if __name__ == "__main__":
    main()
