"""One container for a test: started with arguments as `docker run` takes them, removed at the end."""

import subprocess
from contextlib import contextmanager


@contextmanager
def container(*arguments):
    """Yield the id of a running container."""
    started = subprocess.run(["docker", "run", "--detach", *arguments], capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr
    name = started.stdout.strip()
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=True)


def port_of(name, inside):
    """Return the port on this machine that leads to a container's port."""
    asked = subprocess.run(["docker", "port", name, f"{inside}/tcp"], capture_output=True, text=True, check=True)
    return int(asked.stdout.split()[0].rpartition(":")[2])


def logs_of(name):
    """Return what a container has written."""
    asked = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)
    return asked.stdout + asked.stderr
