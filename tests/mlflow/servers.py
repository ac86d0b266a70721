"""Private servers for with_mlflow.py and the chains of tests/python: each in a folder of its own, for as long as the block runs, with the URL of an
empty schema as MLflow wants it, and as expmig does."""

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(words, ready, **more):
    """A server that ends with the block; `ready` says whether it answers."""
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        until = time.time() + 180
        while not ready():
            if server.poll() is not None or time.time() > until:
                raise SystemExit("%s does not start" % words[0])
            time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


def quiet(words, **more):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more).returncode == 0


@contextlib.contextmanager
def mariadb(folder):
    place = os.path.join(folder, "mariadb")
    os.mkdir(place)
    data, port, user = os.path.join(place, "data"), free_port(), pwd.getpwuid(os.getuid()).pw_name
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--datadir=" + data, "--user=" + user, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, stdout=subprocess.DEVNULL,
    )
    program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    with with_account(place, [program, "--no-defaults", "--user=" + user, "--datadir=" + data], port):
        yield addresses(port)


@contextlib.contextmanager
def mysql(folder):
    """The server that EXPMIG_TEST_MYSQLD names."""
    place = os.path.join(folder, "mysql")
    os.mkdir(place)
    data, port, user = os.path.join(place, "data"), free_port(), pwd.getpwuid(os.getuid()).pw_name
    words = [os.environ["EXPMIG_TEST_MYSQLD"], "--no-defaults", "--user=" + user, "--datadir=" + data]
    subprocess.run([*words, "--initialize-insecure", "--log-error=%s/errors" % place], check=True)
    with with_account(place, [*words, "--mysqlx=OFF", "--secure-file-priv=", "--log-error=%s/errors" % place, "--pid-file=%s/pid" % place], port):
        yield addresses(port)


@contextlib.contextmanager
def with_account(place, words, port):
    """MariaDB or MySQL, with the account of the tests."""
    words = [*words, "--socket=%s/s" % place, "--port=%d" % port, "--bind-address=127.0.0.1", "--local-infile=1", "--tmpdir=" + place]
    client = ["mariadb", "--no-defaults", "--socket=%s/s" % place]
    with running(words, lambda: quiet([*client, "-uroot", "-e", "SELECT 1"])):
        made = "CREATE DATABASE mlflow; CREATE USER tester@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO tester@'%'"
        subprocess.run([*client, "-uroot", "-e", made], check=True)
        # MySQL knows the password then, and asks nobody for TLS or a key.
        subprocess.run([*client, "-utester", "-psecret", "-e", "SELECT 1"], check=True, stdout=subprocess.DEVNULL)
        yield


def addresses(port):
    at = "tester:secret@127.0.0.1:%d/mlflow" % port
    return "mysql+pymysql://" + at, "mysql://" + at + "?ssl-mode=disabled"


@contextlib.contextmanager
def postgresql(folder):
    place = os.path.join(folder, "postgresql")
    os.mkdir(place)
    # As the tests in Rust choose it.
    newest = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    programs = os.environ.get("EXPMIG_TEST_POSTGRES") or newest[-1]
    # The server refuses to run as root.
    other = []
    if os.getuid() == 0:
        os.chmod(folder, 0o755)
        shutil.chown(place, "postgres")
        other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, port = os.path.join(place, "data"), free_port()
    words = [*other, programs + "/initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=postgres", "-D", data]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=place)
    server = [*other, programs + "/postgres", "-D", data, "-k", place, "-p", str(port), "-h", "127.0.0.1", "-F"]
    psql = ["psql", "-X", "-q", "-U", "postgres", "-h", "127.0.0.1", "-p", str(port)]
    with running(server, lambda: quiet([*psql, "-c", "SELECT 1"]), cwd=place):
        subprocess.run([*psql, "-c", "CREATE ROLE tester SUPERUSER LOGIN"], check=True)
        subprocess.run([*psql, "-c", "CREATE DATABASE mlflow OWNER tester"], check=True)
        at = "tester:secret@127.0.0.1:%d/mlflow" % port
        yield "postgresql+psycopg2://" + at, "postgresql://" + at + "?sslmode=disable"


# MySQL is asked for by the name of its server.
SERVERS = [("MariaDB", mariadb), ("PostgreSQL", postgresql)] + ([("MySQL", mysql)] if os.environ.get("EXPMIG_TEST_MYSQLD") else [])
