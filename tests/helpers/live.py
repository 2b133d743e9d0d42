"""The full-screen view `artifact-store live` on a terminal of its own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from tests.helpers.commandline import SCRIPT

LEAVES = "\x1b[?1049l"


class Screen:
    """The command on a terminal of its own."""

    def __init__(self, url, columns=80, lines=24, env=()):
        self.master, self.slave = pty.openpty()
        self.resize(columns, lines)
        self.modes = termios.tcgetattr(self.slave)
        unset = ("COLUMNS", "LINES", "NO_COLOR")
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        self.child = subprocess.Popen(
            [*SCRIPT, "--url", url, "live", "--interval", "0.2s"],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**environment, "TERM": "xterm-256color", **dict(env)},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),
        )
        self.told = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, text):
        """Read until a text comes; return what came before it."""
        end = time.monotonic() + 30
        while text not in self.told:
            assert time.monotonic() < end, self.told
            if select.select([self.master], [], [], 1)[0]:
                self.told += os.read(self.master, 65536).decode(errors="replace")
        before, _, self.told = self.told.partition(text)
        return before

    def ended(self):
        """Return the exit code; the terminal is as it was."""
        self.until(LEAVES)
        code = self.child.wait(30)
        assert termios.tcgetattr(self.slave) == self.modes
        return code

    def close(self):
        """End the command if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(30)
        os.close(self.master)
        os.close(self.slave)
