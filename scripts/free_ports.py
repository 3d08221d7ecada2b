"""Ports for the nodes of a cluster on this machine: `aitbc cluster init` counts up from one."""

import os
import socket

# Below those that the kernel gives to outgoing connections: nobody takes one meanwhile.
FIRST, END = 17_000, 32_000


def free_ports(count):
    """The first of so many in a row that nobody has right now on the loopback."""
    steps = (END - FIRST) // count
    for step in range(steps):
        base = FIRST + (os.getpid() + step) % steps * count
        held = []
        try:
            for port in range(base, base + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise OSError(f"there are no {count} free ports in a row")
