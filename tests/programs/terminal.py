"""Runs a command on a terminal of its own: terminal.py TEXT KEY COMMAND...

Waits until the command has written TEXT, presses KEY or sends the signal of that name, and writes as JSON how the command
ended, what it wrote, and whether the terminal is again as it was.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import termios

text, key, command = sys.argv[1].encode(), sys.argv[2], sys.argv[3:]
ours, theirs = pty.openpty()
before = termios.tcgetattr(theirs)
child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
written = b""
while text not in written:
    written += os.read(ours, 65536)
if key.startswith("SIG"):
    child.send_signal(signal.Signals[key])
else:
    os.write(ours, key.encode())
code = child.wait()
os.set_blocking(ours, False)
try:
    while part := os.read(ours, 65536):
        written += part
except BlockingIOError:
    pass
restored = termios.tcgetattr(theirs) == before
print(json.dumps({"code": code, "written": written.decode(), "restored": restored}))
