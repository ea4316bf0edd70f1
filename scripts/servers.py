"""Private RabbitMQ and PostgreSQL servers on free ports: for tests, proofs and benchmarks; gone when the run is gone.

    python scripts/servers.py run -- COMMAND...     start both, run COMMAND with HUB_TEST_AMQP_URL and HUB_TEST_DATABASE_URL, end both
    python scripts/servers.py check                 say whether a run could start them, and install them with apt where that is allowed

Only the standard library at import: this file must run before anything is installed. Linux only (it reads /proc).
"""

import argparse
import asyncio
import contextlib
import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

AMQP_VARIABLE: Final = "HUB_TEST_AMQP_URL"
DATABASE_VARIABLE: Final = "HUB_TEST_DATABASE_URL"
MANAGEMENT_VARIABLE: Final = "HUB_TEST_MANAGEMENT_URL"  # set by `run` beside the first: fresh vhosts are made through it
FOLDER_PREFIX: Final = "order-hub-"
START_TIMEOUT_S: Final = 90.0
PACKAGES: Final = ("rabbitmq-server", "postgresql")

# Below Linux' range for outgoing connections (32768 and up): a port of that range may be taken by somebody's client
# while a server is down in the middle of a restart test.
PORTS: Final = range(21_000, 32_000)


class ServersMissing(RuntimeError):
    """RabbitMQ or PostgreSQL is not installed, and may not be installed from here."""


class ServerFailed(RuntimeError):
    """A private server did not start."""


class NotEmpty(RuntimeError):
    """A broker or database given for tests already holds something."""


# -- finding and installing the programs ------------------------------------------------------------------------------


def find_rabbitmq() -> Path | None:
    """The folder of rabbitmq-server itself; Debian's wrapper in sbin switches user and refuses."""
    candidates = [Path("/usr/lib/rabbitmq/bin"), *sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))]
    candidates += [Path("/opt/rabbitmq/sbin"), Path("/usr/local/opt/rabbitmq/sbin")]
    for folder in candidates:
        if (folder / "rabbitmq-server").is_file() and shutil.which("erl"):
            return folder
    return None


def find_postgres() -> Path | None:
    """The folder that holds initdb and postgres: the newest of Debian's, else what pg_config or PATH says."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    if config := shutil.which("pg_config"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            candidates.append(Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()))
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


def ensure_installed() -> None:
    """Install what is missing with apt where that is allowed.

    Raises: ServersMissing with the exact command otherwise.
    """
    missing = [name for name, found in zip(PACKAGES, (find_rabbitmq(), find_postgres()), strict=True) if found is None]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    root = _root_prefix()
    if root is None or shutil.which("apt-get") is None:
        raise ServersMissing(
            f"The tests need {' and '.join(missing)}. Install: sudo apt-get update && sudo {' '.join(command)}\n"
            f"or give them servers of your own: {AMQP_VARIABLE}=amqp://... {DATABASE_VARIABLE}=postgresql://..."
        )
    print(f"servers: installing {' and '.join(missing)} with apt", file=sys.stderr, flush=True)
    with _services_not_started(root):
        # One update, always: on a fresh machine the lists are empty, on an old one they name files that are gone.
        _apt([*root, "apt-get", "update"])
        _apt([*root, "env", "DEBIAN_FRONTEND=noninteractive", *command])
    if still := [name for name, found in zip(PACKAGES, (find_rabbitmq(), find_postgres()), strict=True) if found is None]:
        raise ServersMissing(f"apt installed {' and '.join(still)}, but its programs were not found where they are looked for")


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if (sudo := shutil.which("sudo")) and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def _apt(command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise ServersMissing(f"`{' '.join(command)}` failed:\n" + "\n".join(done.stdout.splitlines()[-15:]))


@contextlib.contextmanager
def _services_not_started(root: Sequence[str]) -> Iterator[None]:
    """Keep apt from starting the packages' own services: nobody asked for a broker on port 5672.

    policy-rc.d is Debian's way to say so. The script denies only while this process lives, so one left behind by a
    killed run forbids nothing.
    """
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    script = f"#!/bin/sh\n[ -d /proc/{os.getpid()} ] && exit 101\nexit 0\n"
    write = f"cat > {policy} && chmod 755 {policy}"
    subprocess.run([*root, "sh", "-c", write], input=script, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(policy)], check=False)


# -- processes and folders that end with the run ----------------------------------------------------------------------


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; chosen at random, so that two runs starting together do not choose the same."""
    found: list[int] = []
    for port in random.sample(PORTS, k=1_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise ServerFailed("no free ports")


def _stat(pid: int) -> tuple[int, str] | None:
    """Parent and start time of a living process: together with the pid the start time names it for ever."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else (int(fields[1]), fields[19])


def process_name(pid: int) -> str | None:
    """`<pid> <start time>` of a living process, the form in which folders remember their processes."""
    found = _stat(pid)
    return f"{pid} {found[1]}" if found else None


def process_tree(root: int) -> list[int]:
    """A process and all its descendants; a process group is not enough, as PostgreSQL's backends and Erlang's port programs leave it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _stat(int(entry.name))):
            children.setdefault(found[0], []).append(int(entry.name))
    tree, index = [root], 0
    while index < len(tree):
        tree += children.get(tree[index], [])
        index += 1
    return tree


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def clear_folder(folder: Path) -> None:
    """Kill the processes that a folder remembers, then remove it."""
    with contextlib.suppress(OSError):
        for line in (folder / "processes").read_text().splitlines():
            pid = int(line.split()[0])
            if process_name(pid) == line:
                _kill(process_tree(pid))
    # A killed process may still write for a moment.
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def sweep() -> None:
    """Remove what a run left behind that was killed together with its watcher."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid != os.geteuid():
                continue
            owner = folder / "owner"
            if owner.exists():
                line = owner.read_text()
                if line and process_name(int(line.split()[0])) != line:
                    clear_folder(folder)


class _Folder:
    """A temporary folder of a server, with a watcher that ends server and folder when this process is gone, however it went.

    The watcher sleeps on a pipe that only this process holds open: SIGKILL closes it as well as a normal end does.
    """

    def __init__(self, kind: str) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{kind}-"))
        (self.path / "owner").write_text(process_name(os.getpid()) or "")
        self.path.chmod(0o711)  # PostgreSQL runs as another user when this one is root, and must reach its part inside
        self._watcher: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).resolve()), "watch", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def remember(self, pid: int) -> None:
        """Write a process down, so that watcher and sweep find it."""
        if name := process_name(pid):
            with (self.path / "processes").open("a") as file:
                file.write(name + "\n")

    def close(self) -> None:
        """End everything now and wait for it."""
        watcher, self._watcher = self._watcher, None
        if watcher and watcher.stdin:
            watcher.stdin.close()
            watcher.wait()


def _watch(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    clear_folder(folder)


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            raise ServerFailed(f"{what} ended at start with status {process.returncode}:\n{log()}")
        if ready():
            return
        if time.monotonic() > deadline:
            raise ServerFailed(f"{what} was not ready after {START_TIMEOUT_S:.0f} s:\n{log()}")
        time.sleep(0.05)


def _tail(paths: Sequence[Path], lines: int = 25) -> str:
    text = ""
    for path in paths:
        with contextlib.suppress(OSError):
            text += "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
    return text


class _Server(ABC):
    """What both servers share: one child process that can be ended, killed, frozen and started again on the same ports and data."""

    _orderly: signal.Signals = signal.SIGTERM

    def __init__(self, kind: str) -> None:
        self._folder = _Folder(kind)
        self.folder: Final = self._folder.path
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start and wait until it answers."""

    @abstractmethod
    def log(self) -> str:
        """The end of the server's logs."""

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise ServerFailed("the server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def _end(self, number: signal.Signals, timeout_s: float = 30.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        names = {pid: process_name(pid) for pid in process_tree(process.pid)}
        if number != signal.SIGKILL and process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_s)
        while alive := [pid for pid, name in names.items() if name and process_name(pid) == name]:
            _kill(alive)
            process.poll()
            time.sleep(0.01)
        process.wait()

    def stop(self) -> None:
        """End in good order; open connections are cut."""
        self._end(self._orderly)

    def restart(self, *, down_s: float = 0.0) -> Self:
        """Stop in good order, stay away for down_s seconds, start again with the same data."""
        self.stop()
        time.sleep(down_s)
        return self.start()

    def crash(self) -> None:
        """SIGKILL to the server and all its children, as a power cut would end them."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as behind a cut network."""
        for pid in process_tree(self.pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after freeze."""
        for pid in process_tree(self.pid):
            os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server for good and remove its data."""
        self.crash()
        self._folder.close()

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class PrivateRabbit(_Server):
    """One RabbitMQ node of its own: node name, cookie, epmd, ports and data are nobody else's.

    `config` adds lines to rabbitmq.conf. The plugin rabbitmq_management makes fresh vhosts cheap (15 ms instead of an Erlang VM
    each), but a stop in good order takes 6 s with it and 1 s without.
    """

    user: Final = "guest"
    password: Final = "guest"

    def __init__(self, *, plugins: Sequence[str] = (), config: Mapping[str, str] | None = None) -> None:
        programs = find_rabbitmq()
        if programs is None:
            raise ServersMissing("rabbitmq-server is not installed")
        super().__init__("rabbit")
        self._programs = programs
        self._epmd: subprocess.Popen[bytes] | None = None
        self.port, self.management_port, self._dist_port, self._epmd_port, self._ctl_port = free_ports(5)
        self.node = f"hub-{secrets.token_hex(4)}@localhost"
        self._environment = self._prepare(plugins, config or {})

    def _prepare(self, plugins: Sequence[str], config: Mapping[str, str]) -> dict[str, str]:
        home = self.folder
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o600)
        (home / "conf.d").mkdir()
        (home / "env.conf").touch()
        (home / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        lines = {
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management_port),
            "log.file.level": "info",
            "disk_free_limit.absolute": "50MB",
            **config,
        }
        if "rabbitmq_management" not in plugins:
            lines = {name: value for name, value in lines.items() if not name.startswith("management.")}
        (home / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return inherited | {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(self._ctl_port),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(self._ctl_port + 10),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_CONFIG_FILES": str(home / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            # Two busy nodes on two cores are slowed, not helped, by spinning schedulers.
            "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD": "none",
        }

    def start(self) -> Self:
        """Start the node and wait until it greets an AMQP client, which it does only when its boot is finished."""
        if self._epmd is None:
            # An epmd of its own on a port of its own: the one that Erlang starts by itself would outlive the node.
            self._epmd = self._spawn(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], "epmd.log")
        self._process = self._spawn([str(self._programs / "rabbitmq-server")], "start.log")
        _wait(self._greets, self._process, f"RabbitMQ node {self.node}", self.log)
        return self

    def _spawn(self, command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                command,
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._folder.remember(process.pid)
        return process

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def crash(self) -> None:
        """SIGKILL. RabbitMQ 3.10 forgets a quorum queue declared in the last second by that: it then takes publishes for it and nacks them
        after a minute. A test that kills a node waits 1.5 s after declaring.
        """
        super().crash()

    def log(self) -> str:
        """The end of the node's logs."""
        return _tail([self.folder / "start.log", *sorted((self.folder / "log").glob("*.log"))])

    def close(self) -> None:
        """End node and epmd and remove the data."""
        self.crash()
        epmd, self._epmd = self._epmd, None
        if epmd:
            epmd.kill()
            epmd.wait()
        super().close()

    def amqp_url(self, vhost: str = "/") -> str:
        """URL of a virtual host of this node."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/{'' if vhost == '/' else urllib.parse.quote(vhost, safe='')}"

    @property
    def management_url(self) -> str:
        """URL of the management API, credentials inside."""
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.management_port}"

    @property
    def management(self) -> "Management":
        """Client of this node's management API."""
        return Management(self.management_url)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node (a second or two: it starts an Erlang VM)."""
        command = [str(self._programs / "rabbitmqctl"), "--node", self.node, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout


class Management:
    """The few calls of RabbitMQ's management API that tests need."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api"
        self._user = urllib.parse.unquote(parts.username or "guest")
        token = b64encode(f"{self._user}:{urllib.parse.unquote(parts.password or '')}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def call(self, method: str, *path: str, body: object = None) -> object:
        """One call; the path parts are quoted here."""
        url = "/".join([self._base, *(urllib.parse.quote(part, safe="") for part in path)])
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=self._headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment must not see loopback
        with opener.open(request, timeout=30.0) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def create_vhost(self, name: str) -> None:
        """A fresh virtual host, quorum queues and streams allowed, this user allowed everything."""
        self.call("PUT", "vhosts", name, body={})
        self.call("PUT", "permissions", name, self._user, body={"configure": ".*", "write": ".*", "read": ".*"})

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host with its queues; connections to it are closed by the broker."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.call("DELETE", "vhosts", name)


class PrivatePostgres(_Server):
    """One PostgreSQL server of its own, as `postgres` when this process is root, which PostgreSQL refuses to be.

    `durable=False` leaves out fsync: a killed server loses nothing by that (the kernel keeps its pages), only a killed
    machine would. Benchmarks say `durable=True`.
    """

    user: Final = "hub"
    _orderly = signal.SIGINT  # "fast": SIGTERM would wait for every client to go

    def __init__(self, *, durable: bool = False, config: Mapping[str, str] | None = None) -> None:
        programs = find_postgres()
        if programs is None:
            raise ServersMissing("postgresql is not installed")
        super().__init__("postgres")
        self._programs = programs
        (self.port,) = free_ports(1)
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
            **(config or {}),
        }
        self._account = _unprivileged_account() if os.geteuid() == 0 else None
        self._data = self.folder / "data"
        self._data.mkdir(mode=0o700)
        (self.folder / "postgres.log").touch()
        if self._account:
            os.chown(self._data, self._account.pw_uid, self._account.pw_gid)
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(self._data),
            "-U",
            self.user,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        with self._spawn(initdb) as process:
            if process.wait() != 0:
                raise ServerFailed(f"initdb failed:\n{self.log()}")

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "postgres.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"HOME": str(self._data)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        self._folder.remember(process.pid)
        return process

    def start(self) -> Self:
        """Start and wait until it takes connections; recovery after a crash is part of the wait."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._process = self._spawn([str(self._programs / "postgres"), "-D", str(self._data), *options])
        _wait(self._accepts, self._process, f"PostgreSQL on port {self.port}", self.log)
        return self

    def _accepts(self) -> bool:
        # The last line of postmaster.pid says "ready" once recovery is over, which an open port alone does not say.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def log(self) -> str:
        """The end of the server's log."""
        return _tail([self.folder / "postgres.log"])

    def database_url(self, name: str = "postgres") -> str:
        """URL of a database of this server; the user is a superuser, no password."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{name}"


def _unprivileged_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServersMissing("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")


class PrivateServers:
    """Both servers, started side by side: PostgreSQL is ready long before RabbitMQ."""

    def __init__(self, *, rabbit: bool = True, postgres: bool = True, durable: bool = False) -> None:
        ensure_installed()
        self.rabbit: PrivateRabbit | None = None
        self._with_rabbit = rabbit
        self._with_postgres = postgres
        self._durable = durable
        self.postgres: PrivatePostgres | None = None

    def start(self) -> Self:
        """Start what was asked for."""
        try:
            with ThreadPoolExecutor(2) as threads:
                started = [threads.submit(self._start_rabbit), threads.submit(self._start_postgres)]
            for one in started:
                one.result()
        except BaseException:
            self.close()
            raise
        return self

    def _start_rabbit(self) -> None:
        if self._with_rabbit:
            self.rabbit = PrivateRabbit(plugins=("rabbitmq_management",))
            self.rabbit.start()

    def _start_postgres(self) -> None:
        if self._with_postgres:
            self.postgres = PrivatePostgres(durable=self._durable)
            self.postgres.start()

    def environment(self) -> dict[str, str]:
        """The variables through which tests find these servers."""
        values: dict[str, str] = {}
        if self.rabbit:
            values[AMQP_VARIABLE] = self.rabbit.amqp_url()
            values[MANAGEMENT_VARIABLE] = self.rabbit.management_url
        if self.postgres:
            values[DATABASE_VARIABLE] = self.postgres.database_url()
        return values

    def close(self) -> None:
        """End both."""
        for server in (self.rabbit, self.postgres):
            if server:
                server.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


# -- servers given by the user ----------------------------------------------------------------------------------------

# The queues of contract.md. Without the management API a virtual host can't be listed, so their names are tried.
INBOUND_KEYS: Final = (
    *(f"payments.{name}" for name in ("pagarme", "mercadopago", "pix", "cnab", "pagbank", "cielo", "asaas", "generic")),
    *(f"carriers.{name}" for name in ("melhor_envio", "frenet", "correios", "jadlog", "loggi", "generic")),
    *(f"erp.{name}" for name in ("nfe", "bling", "tiny", "omie", "xml", "json")),
    "shop.orders",
)
HUB_QUEUES: Final = (
    *(f"hub.in.{key}" for key in INBOUND_KEYS),
    *(f"hub.out.{key}" for key in INBOUND_KEYS),
    *(f"hub.retry.{delay}" for delay in ("5s", "30s", "2m", "10m", "1h", "6h")),
    *("hub.commands", "hub.events.archive", "hub.dead", "hub.unroutable"),
)
HUB_EXCHANGES: Final = (
    *("hub.inbound", "hub.commands", "hub.events", "hub.outbound", "hub.dead", "hub.unroutable"),
    *(f"hub.retry.{delay}" for delay in ("5s", "30s", "2m", "10m", "1h", "6h")),
)


async def _first_hub_queue(url: str) -> str | None:
    import aio_pika

    connection = await aio_pika.connect(url, timeout=15.0)
    async with connection:
        for name in HUB_QUEUES:
            channel = await connection.channel()  # a passive declare that finds nothing closes its channel
            with contextlib.suppress(aio_pika.exceptions.ChannelNotFoundEntity):
                await channel.declare_queue(name, passive=True)
                return name
    return None


def refuse_used_vhost(url: str) -> None:
    """Raises: NotEmpty when the virtual host holds queues of a hub."""
    if found := asyncio.run(_first_hub_queue(url)):
        vhost = urllib.parse.unquote(urllib.parse.urlsplit(url).path.removeprefix("/")) or "/"
        raise NotEmpty(
            f'{AMQP_VARIABLE}: the virtual host "{vhost}" already holds the queue {found}. '
            "The tests delete every hub.* queue, so they refuse to run there: give them an empty virtual host."
        )


USED_RELATIONS: Final = """
    SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY 1, 2 LIMIT 1
"""


def refuse_used_database(url: str) -> None:
    """Raises: NotEmpty when the database holds tables."""
    import psycopg

    with psycopg.connect(url, connect_timeout=15) as connection:
        row = connection.execute(USED_RELATIONS).fetchone()
        if row:
            raise NotEmpty(
                f'{DATABASE_VARIABLE}: the database "{connection.info.dbname}" is not empty (it holds {row[0]}.{row[1]}). '
                "The tests drop what they find, so they refuse to run there: give them an empty database."
            )


# -- command line -----------------------------------------------------------------------------------------------------


def _run(command: Sequence[str], *, durable: bool) -> int:
    given = {name: os.environ[name] for name in (AMQP_VARIABLE, DATABASE_VARIABLE) if os.environ.get(name)}
    if AMQP_VARIABLE in given:
        refuse_used_vhost(given[AMQP_VARIABLE])
    if DATABASE_VARIABLE in given:
        refuse_used_database(given[DATABASE_VARIABLE])
    if len(given) == 2:
        return _child(command, {})
    # SIGTERM and a closed terminal end the run like Ctrl-C does, servers first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    began = time.monotonic()
    servers = PrivateServers(rabbit=AMQP_VARIABLE not in given, postgres=DATABASE_VARIABLE not in given, durable=durable)
    with servers:
        print(f"servers: ready after {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        return _child(command, servers.environment())


def _child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        while True:
            try:
                status = process.wait()
                return status if status >= 0 else 128 - status
            except KeyboardInterrupt:
                # Ctrl-C reached the command too, as it is in the same foreground group; it ends by itself.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20.0)
                return 130
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10.0)
            process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a command between start and end of both servers")
    run.add_argument("--durable", action="store_true", help="PostgreSQL with fsync, as in production")
    run.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("check", help="find or install the programs")
    watch = verbs.add_parser("watch", help=argparse.SUPPRESS)
    watch.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        match options.verb:
            case "watch":
                _watch(options.folder)
            case "check":
                ensure_installed()
                print(f"RabbitMQ: {find_rabbitmq()}\nPostgreSQL: {find_postgres()}")
            case _:
                command = options.command[1:] if options.command[:1] == ["--"] else options.command
                if not command:
                    parser.error("no command given")
                return _run(command, durable=options.durable)
    except (ServersMissing, NotEmpty) as error:
        print(f"servers: {error}", file=sys.stderr)
        return 3 if isinstance(error, ServersMissing) else 2
    except ServerFailed as error:
        print(f"servers: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
