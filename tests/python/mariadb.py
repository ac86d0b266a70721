"""A private server for a test, in a folder of its own: nothing of the system is touched. MariaDB is the one that EXPMIG_TEST_MARIADBD
names, or the system's; MySQL only the one that EXPMIG_TEST_MYSQLD names."""
import atexit
import contextlib
import functools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

STARTS_WITHIN = 60.0


def mariadbd():
    return os.environ.get("EXPMIG_TEST_MARIADBD") or program("mariadbd")


def install_db():
    """What makes MariaDB's data folders: beside that server, or the system's."""
    folder = Path(mariadbd()).parent
    beside = (folder / name for name in ("mariadb-install-db", "../bin/mariadb-install-db", "../scripts/mariadb-install-db"))
    return next((str(path) for path in beside if path.exists()), None) or program("mariadb-install-db")


def kinds():
    """The kinds of servers that there are here."""
    return ["mariadb"] + (["mysql"] if os.environ.get("EXPMIG_TEST_MYSQLD") else [])


def program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        raise AssertionError(f"{name} is not installed; run `make tools`, which installs it")
    return found


class Server:
    """A server that runs: where it listens, and SQL as its root."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        self.socket = folder / "socket"

    def sql(self, statements):
        command = [program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--skip-column-names"]
        return subprocess.run(command, input=statements, stdout=subprocess.PIPE, check=True, text=True).stdout


def certificates(folder):
    """Makes an authority, ca.pem, and a certificate by it, cert.pem and key.pem, of a server at localhost."""
    script = """set -e; cd "$1"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tests
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out leaf.csr -subj /CN=localhost
        printf 'basicConstraints=CA:FALSE\\nsubjectAltName=DNS:localhost\\n' > leaf.ext
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out cert.pem
        chmod 644 *.pem"""
    subprocess.run(["sh", "-c", script, "sh", str(folder)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@functools.cache
def installed(kind):
    """A data folder as it is after the installation, made once in a process; gone when that ends."""
    kept, maker = Path(tempfile.mkdtemp(prefix=f"expmig-{kind}-installed-")), os.getpid()
    # A fork ends without it.
    atexit.register(lambda: os.getpid() == maker and shutil.rmtree(kept, ignore_errors=True))
    data = kept / "data"
    common = ["--no-defaults", f"--datadir={data}", f"--user={user()}"]
    if kind == "mysql":
        install = [os.environ["EXPMIG_TEST_MYSQLD"], *common, "--initialize-insecure", f"--log-error={kept}/errors"]
    else:
        install = [install_db(), *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return data


def user():
    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def server(*options, with_certificates=False, kind="mariadb"):
    """Starts a server, and ends it. With certificates, its folder has them."""
    with tempfile.TemporaryDirectory(prefix="expmig-mariadb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        subprocess.run(["cp", "-a", "--sparse=always", str(installed(kind)), str(folder / "data")], check=True)
        # A server's own name, which MySQL makes anew where it is missing, as it has to be in a copy.
        (folder / "data/auto.cnf").unlink(missing_ok=True)
        common = ["--no-defaults", f"--datadir={folder}/data", f"--user={user()}"]
        if kind == "mysql":
            binary = os.environ["EXPMIG_TEST_MYSQLD"]
            options = (*options, "--mysqlx=OFF", "--secure-file-priv=")
        else:
            binary = mariadbd()
        if with_certificates:
            certificates(folder)
            options = (*options, f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running = subprocess.Popen([
            binary, *common, f"--socket={folder}/socket",
            f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid", f"--log-error={folder}/errors", "--skip-log-bin",
            "--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4", *options,
        ], stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + STARTS_WITHIN
            while not (folder / "socket").exists():
                if running.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"{kind} did not start:\n{(folder / 'errors').read_text()}")
                time.sleep(0.05)
            yield Server(folder, port)
        finally:
            running.terminate()
            running.wait(60)
