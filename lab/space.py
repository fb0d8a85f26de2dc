"""The lab's own piece of the machine: namespaces that vanish, with everything in them, when the lab ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lab.gateway import GATEWAY_FD_VARIABLE, GatewayHost
from lab.world import AWS_ADDRESS

INSIDE_VARIABLE = "LAB_INSIDE"
REFUSED = 3  # exit code when this machine does not allow what the lab needs
_TOOLS = {"unshare": "util-linux", "nsenter": "util-linux", "mount": "util-linux", "ip": "iproute2"}
_ROOT_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # an ordinary user's PATH may lack them
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 30.0  # from a forwarded signal to the end of everything
_PARTS = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_USER = ("--user", "--map-root-user")
_SWITCHES = {  # sysctl: the value that forbids, the value that allows
    "/proc/sys/user/max_user_namespaces": ("0", "16384"),
    "/proc/sys/kernel/unprivileged_userns_clone": ("0", "1"),
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """How the lab can enter its space here. flags: for unshare; empty when it cannot, then `reason` says why."""

    flags: tuple[str, ...]
    reason: str = ""

    @property
    def possible(self) -> bool:
        return bool(self.flags)


def inside() -> bool:
    """Whether this process already lives in the lab's own namespaces."""
    return os.environ.get(INSIDE_VARIABLE) == "1"


def probe() -> Way:
    """Find out what is allowed, by doing it for a process that ends at once; nothing stays behind."""
    environment = _with_root_paths()
    for tool, package in _TOOLS.items():
        if shutil.which(tool, path=environment["PATH"]) is None:
            return Way((), f"the lab needs `{tool}`: install {package}")
    root = os.geteuid() == 0
    ways: list[tuple[str, ...]] = [_USER + _PARTS]
    if root:
        # Root in a user namespace of one mapped id may not write what other users own; real root may.
        ours = Path.cwd().stat().st_uid == 0
        ways = [_USER + _PARTS, _PARTS] if ours else [_PARTS, _USER + _PARTS]
    said = ""
    for flags in ways:
        trial = ["unshare", *flags, "--", "ip", "link", "set", "lo", "up"]
        try:
            done = subprocess.run(
                trial, capture_output=True, text=True, timeout=20, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except subprocess.TimeoutExpired:
            said = "unshare did not answer within 20 s"
            continue
        if done.returncode == 0:
            return Way(flags)
        said = (done.stderr.strip().splitlines() or [f"unshare exited with {done.returncode}"])[0]
    return Way((), _refusal(said, root))


def _refusal(said: str, root: bool) -> str:
    """One line: what forbids namespaces, and what to do about it."""
    for path, (forbids, allows) in _SWITCHES.items():
        with contextlib.suppress(OSError):
            if Path(path).read_text().strip() == forbids:
                name = path.removeprefix("/proc/sys/").replace("/", ".")
                other = "" if root else ", or run the lab as root"
                return f"user namespaces are forbidden here ({name} = {forbids}): sudo sysctl -w {name}={allows}{other}"
    if root:
        return f"this machine allows no namespaces even to root ({said}): in a container, start it with --privileged"
    return f"this machine allows no user namespaces ({said}): run the lab as root"


def enter(argv: Sequence[str], *, masked: bool = False) -> int:
    """Run a program inside new namespaces until it ends; gives its exit code (3: not possible here).

    SIGINT, SIGTERM and SIGHUP reach the program; a second one, or the death of this process, ends
    everything at once. The program finds the way out through lab.gateway.Gateway. masked: the program
    starts with these signals blocked and lets them in itself, so that none finds it half awake.
    They may be blocked here too: they are let in once they are looked after.
    """
    orders, lifeline = os.pipe()
    before: dict[int, object] = {}

    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.write(lifeline, bytes([number]))

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup means what it says
            before[number] = signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    gateway = GatewayHost()
    environment = _with_root_paths()
    environment[INSIDE_VARIABLE] = "1"
    environment[GATEWAY_FD_VARIABLE] = str(gateway.inner_fd)
    root = str(Path(__file__).resolve().parent.parent)
    first = [sys.executable, "-c", _FIRST, root, str(orders), "masked" if masked else "open", *argv]
    try:
        way = probe()
        if not way.possible:
            print(f"understudy: {way.reason}", file=sys.stderr)
            os.close(orders)
            return REFUSED
        # A session of its own: a terminal's Ctrl-C comes through `forward` alone, once, and in order.
        child = subprocess.Popen(
            ["unshare", *way.flags, "--", *first], env=environment, pass_fds=(orders, gateway.inner_fd), start_new_session=True
        )
        os.close(orders)
        gateway.start()
        code = child.wait()
        return 128 - code if code < 0 else code
    finally:
        for numbered, handler in before.items():
            signal.signal(numbered, handler)  # type: ignore[arg-type]  # as signal.signal gave it
        os.close(lifeline)
        gateway.close()


def _with_root_paths() -> dict[str, str]:
    known = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    return {**os.environ, "PATH": ":".join([*known, *(path for path in _ROOT_PATHS if path not in known)])}


# Run as process 1 inside; the working directory stays the caller's, so the repository is put on the path by hand.
_FIRST = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lab.space import first; sys.exit(first(sys.argv[1:]))"


def first(arguments: list[str]) -> int:
    """Be process 1: prepare the network, start the program, forward orders, reap; when it returns, all ends."""
    orders, masked, argv = int(arguments[0]), arguments[1] == "masked", arguments[2:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    fcntl.fcntl(orders, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    try:
        _prepare()
        program = _start(argv, SIGNALS if masked else ())
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"understudy: the lab's space could not be set up: {error}", file=sys.stderr)
        return REFUSED
    return _look_after(program, orders, wake_read)


def _prepare() -> None:
    """Loopback, a /run of our own with room for named network namespaces, and AWS's address."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "lab-run", "/run"], check=True)
    Path("/run/netns").mkdir()
    commands = f"link set lo up\naddr add {AWS_ADDRESS}/32 dev lo\n"
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)


def _start(argv: list[str], blocked: Sequence[signal.Signals]) -> int:
    gateway_fd = int(os.environ[GATEWAY_FD_VARIABLE])
    os.set_inheritable(gateway_fd, True)
    try:
        usual = (*SIGNALS, signal.SIGCHLD, signal.SIGPIPE)
        return os.posix_spawnp(argv[0], argv, os.environ, setsigmask=blocked, setsigdef=usual)
    except FileNotFoundError as error:
        raise OSError(errno.ENOENT, f"no such program: {argv[0]}") from error
    finally:
        os.close(gateway_fd)


def _look_after(program: int, orders: int, wake: int) -> int:
    """Reap every child until the program itself has ended; gives the exit code for the whole lab."""
    deadline: float | None = None
    asked = 0
    while True:
        code = _reap(program)
        if code is not None:
            return code
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([orders, wake], [], [], patience)
        if not readable:
            return 128 + (asked or signal.SIGKILL)  # the program did not end in time: it ends with us
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        if orders in readable:
            numbers = os.read(orders, 64)
            if not numbers or asked or len(numbers) > 1:
                return 128 + (asked or (numbers[0] if numbers else signal.SIGKILL))
            asked = numbers[0]
            deadline = time.monotonic() + _GRACE_S
            with contextlib.suppress(ProcessLookupError):
                os.kill(program, asked)


def _reap(program: int) -> int | None:
    """Collect whoever ended; the program's exit code when it was among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == 0:
            return None
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
