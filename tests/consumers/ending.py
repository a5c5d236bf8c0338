# SPDX-License-Identifier: MIT
"""A program that is told to end, or whose terminal is closed, ends by an exception: what it began is undone on the way."""
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(number, _frame):
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second one would break off the undoing
    sys.exit(128 + number)


def by_exception():
    """For SIGINT, SIGTERM and SIGHUP; what is ignored (nohup) stays ignored."""
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _end)
