"""One service's life under the stand-in for systemd: a state machine that is told of time, exits and notifications.

Follows systemd.service(5) and systemd.kill(5). It acts through Hands alone, so that its rules can be tried without processes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

from lab.machines.hands import Hands, SpawnFailed
from lab.machines.results import how, restarts, result_of
from lab.machines.syntax import INFINITY
from lab.machines.unit import Unit

_POLL_S = 0.1  # how often a group that is being killed is looked at


class Service:
    """state: inactive, start-pre, activating, active, exited, stopping, killing, auto-restart or failed."""

    def __init__(self, unit: Unit, hands: Hands) -> None:
        self.unit, self._hands = unit, hands
        self.state, self.result = "inactive", "success"
        self.main: int | None = None
        self.status_text = ""
        self.restarts = 0
        self._control: int | None = None
        self._step = 0
        self._starts_s: list[float] = []
        self._deadline_s = INFINITY
        self._watchdog_s = INFINITY
        self._watchdog_period_s = unit.watchdog_s
        self._asked_to_stop = False
        self._again = False  # a restart was asked for: start once it is down

    @property
    def settled(self) -> bool:
        """Whether a start or stop job has come to its end."""
        return self.state in ("inactive", "active", "exited", "failed", "auto-restart") and not self._again

    def next_s(self) -> float:
        """When on_time wants to be called, on the clock that is handed in."""
        return min(self._deadline_s, self._watchdog_s if self.state == "active" else INFINITY)

    def start(self, now_s: float) -> None:
        """Begin to start; nothing when it runs or starts already; after a stop in progress otherwise."""
        if self.state in ("stopping", "killing"):
            self._again = True
        elif self.state in ("inactive", "failed", "auto-restart"):
            self._begin(now_s)

    def stop(self, now_s: float) -> None:
        """Begin to stop; it stays down."""
        self._asked_to_stop, self._again = True, False
        if self.state in ("auto-restart", "exited"):
            self._become("inactive")
        elif self.state in ("start-pre", "activating", "active"):
            self._signal_down(now_s, "success", self.unit.kill_signal)

    def restart(self, now_s: float) -> None:
        """Stop, then start; only start when it is down."""
        self.stop(now_s)
        if self.state in ("stopping", "killing"):
            self._again = True
        else:
            self._begin(now_s)

    def reset_failed(self) -> None:
        """Forget a failure, and the starts that count against the limit."""
        self._starts_s = []
        if self.state == "failed":
            self._become("inactive")

    def on_exit(self, pid: int, code: int, now_s: float) -> None:
        """Some process of this service ended."""
        if pid == self._control:
            self._control = None
            self._pre_ended(code, now_s)
        elif pid == self.main:
            self.main = None
            self._main_ended(code, now_s)
        elif self.state in ("stopping", "killing"):
            self._look_whether_down(now_s)

    def on_notify(self, sender_is_main: bool, fields: Mapping[str, str], now_s: float) -> None:
        """A datagram of sd_notify(3) from a process of this service."""
        if self.unit.notify_access == "none" or (self.unit.notify_access == "main" and not sender_is_main):
            return
        if fields.get("MAINPID", "").isdigit():
            self.main = int(fields["MAINPID"])
        if fields.get("WATCHDOG_USEC", "").isdigit():
            self._watchdog_period_s = int(fields["WATCHDOG_USEC"]) / 1e6 or INFINITY
            self._watchdog_s = now_s + self._watchdog_period_s
        if fields.get("EXTEND_TIMEOUT_USEC", "").isdigit() and self.state in ("start-pre", "activating", "stopping"):
            self._deadline_s = max(self._deadline_s, now_s + int(fields["EXTEND_TIMEOUT_USEC"]) / 1e6)
        self.status_text = fields.get("STATUS", self.status_text)[:200]
        if fields.get("READY") == "1" and self.state == "activating" and self.unit.type == "notify":
            self._activated(now_s)
        if fields.get("WATCHDOG") == "1":
            self._watchdog_s = now_s + self._watchdog_period_s
        elif fields.get("WATCHDOG") == "trigger" and self.state == "active":
            self._watchdog_missed(now_s, "asked for by the service itself")

    def on_time(self, now_s: float) -> None:
        """Do what has become due."""
        if self.state == "active" and now_s >= self._watchdog_s:
            self._watchdog_missed(now_s, f"limit {self._watchdog_period_s:g}s")
        if now_s < self._deadline_s:
            return
        if self.state == "auto-restart":
            self.restarts += 1
            self._hands.say(f"{self.unit.name}: Scheduled restart job, restart counter is at {self.restarts}.")
            self._begin(now_s)
        elif self.state in ("start-pre", "activating"):
            self._hands.say(f"{self.unit.name}: start operation timed out. Terminating.")
            self._signal_down(now_s, "timeout", self.unit.kill_signal)
        elif self.state == "stopping":
            self._hands.say(f"{self.unit.name}: State 'stop-sigterm' timed out. Killing.")
            if self.result == "success":
                self.result = "timeout"
            self._kill_all(now_s)
        elif self.state == "killing":
            self._look_whether_down(now_s)
            if self.state == "killing":
                self._kill_all(now_s)

    def _begin(self, now_s: float) -> None:
        interval = self.unit.start_limit_interval_s
        self._starts_s = [at for at in self._starts_s if now_s - at < interval]
        if interval and self.unit.start_limit_burst and len(self._starts_s) >= self.unit.start_limit_burst:
            self._hands.say(f"{self.unit.name}: Start request repeated too quickly.")
            self.result = "start-limit-hit"
            self._become("failed")
            return
        self._starts_s.append(now_s)
        self._asked_to_stop = self._again = False
        self.result, self.status_text, self._step = "success", "", 0
        self._deadline_s = now_s + self.unit.start_timeout_s
        self._watchdog_period_s, self._watchdog_s = self.unit.watchdog_s, INFINITY
        self._tell_of_others("in control group while starting unit. Ignoring.", "Found left-over process")
        try:
            self._hands.prepare(self.unit)
        except SpawnFailed as error:
            self._hands.say(f"{self.unit.name}: Failed to start: {error}")
            self._down(now_s, "resources")
            return
        self._go_on(now_s)

    def _tell_of_others(self, what: str, who: str = "Unit process") -> None:
        """Processes of the unit that nobody ended, which KillMode=process allows (systemd.kill(5)): they stay in its group."""
        for pid in sorted(self._hands.members(self.unit)):
            self._hands.say(f"{self.unit.name}: {who} {pid} {what}")

    def _go_on(self, now_s: float) -> None:
        """Start the next command: those of ExecStartPre in turn, then the main one."""
        before = self.unit.exec_start_pre
        main = self._step >= len(before)
        command = self.unit.exec_start[self._step - len(before)] if main else before[self._step]
        self.state = "activating" if main else "start-pre"
        try:
            pid = self._hands.spawn(self.unit, command)
        except SpawnFailed as error:
            self._hands.say(f"{self.unit.name}: Failed to start: {error}")
            self._down(now_s, "resources")
            return
        if main:
            self.main = pid
            if self.unit.type in ("simple", "exec"):
                self._activated(now_s)
        else:
            self._control = pid

    def _pre_ended(self, code: int, now_s: float) -> None:
        if self.state != "start-pre":
            self._look_whether_down(now_s)
        elif code == 0 or self.unit.exec_start_pre[self._step].may_fail:
            self._step += 1
            self._go_on(now_s)
        else:
            self._hands.say(f"{self.unit.name}: Control process exited, {how(code)}")
            self._signal_down(now_s, "exit-code" if code > 0 else "signal", self.unit.kill_signal)

    def _activated(self, now_s: float) -> None:
        self.state, self._deadline_s = "active", INFINITY
        self._watchdog_s = now_s + self._watchdog_period_s
        self._hands.say(f"Started {self.unit.name} - {self.unit.description or self.unit.name}.")

    def _main_ended(self, code: int, now_s: float) -> None:
        result = result_of(self.unit, code)
        command = self.unit.exec_start[max(0, self._step - len(self.unit.exec_start_pre))]
        if result != "success" and not command.may_fail:
            self._hands.say(f"{self.unit.name}: Main process exited, {how(code)}")
        if command.may_fail:
            result = "success"
        if self.state in ("stopping", "killing"):
            if self.result == "success":
                self.result = result
            if self.state == "stopping" and self.unit.kill_mode == "mixed":
                self._kill_all(now_s)  # systemd.kill(5), mixed: SIGKILL for what the main process left behind
            else:
                self._look_whether_down(now_s)
            return
        last = self._step + 1 >= len(self.unit.exec_start_pre) + len(self.unit.exec_start)
        if self.state == "activating" and self.unit.type == "oneshot" and result == "success":
            if not last:
                self._step += 1
                self._go_on(now_s)
                return
            self._hands.say(f"Finished {self.unit.name} - {self.unit.description or self.unit.name}.")
            if self.unit.remain_after_exit:
                self.state, self._deadline_s = "exited", INFINITY
                return
        elif self.state == "activating" and result == "success":
            result = "protocol"  # a notify service that ended without READY=1
        if self.unit.kill_mode == "mixed":
            self.result = result
            self._kill_all(now_s)
        else:
            self._signal_down(now_s, result, self.unit.kill_signal)

    def _watchdog_missed(self, now_s: float, why: str) -> None:
        self._hands.say(f"{self.unit.name}: Watchdog timeout ({why})!")
        self._signal_down(now_s, "watchdog", self.unit.watchdog_signal)

    def _signal_down(self, now_s: float, result: str, number: int) -> None:
        """Ask the processes that KillMode names to end, then wait as long as TimeoutStopSec allows."""
        self.state, self.result = "stopping", result
        self._deadline_s = now_s + self.unit.stop_timeout_s
        for pid in self._named(everyone=self.unit.kill_mode == "control-group"):
            self._hands.kill(pid, number)
            self._hands.kill(pid, signal.SIGCONT)
        self._look_whether_down(now_s)

    def _kill_all(self, now_s: float) -> None:
        self.state, self._deadline_s = "killing", now_s + _POLL_S
        for pid in self._named(everyone=self.unit.kill_mode != "process"):
            self._hands.kill(pid, signal.SIGKILL)
        self._look_whether_down(now_s)

    def _named(self, *, everyone: bool) -> list[int]:
        own = [pid for pid in (self.main, self._control) if pid is not None]
        return sorted({*own, *self._hands.members(self.unit)}) if everyone else own

    def _look_whether_down(self, now_s: float) -> None:
        if self.state not in ("stopping", "killing") or self.main is not None or self._control is not None:
            return
        left = [] if self.unit.kill_mode == "process" else self._hands.members(self.unit)
        if not left:
            self._down(now_s, self.result)
        elif self.state == "stopping" and self.unit.kill_mode == "mixed":
            self._kill_all(now_s)

    def _down(self, now_s: float, result: str) -> None:
        """Every process is gone: stay down, fail, or come back after RestartSec."""
        self.result, self.main, self._control = result, None, None
        if result != "success":
            self._hands.say(f"{self.unit.name}: Failed with result '{result}'.")
        self._tell_of_others("remains running after unit stopped.")
        comes_back = self._again or (not self._asked_to_stop and restarts(self.unit, result))
        self._hands.tidy(self.unit, comes_back=comes_back)
        if self._asked_to_stop:
            self._hands.say(f"Stopped {self.unit.name} - {self.unit.description or self.unit.name}.")
            self._become("inactive" if result == "success" else "failed")
            if self._again:
                self._begin(now_s)
        elif self._again:
            self._begin(now_s)
        elif restarts(self.unit, result):
            self.state, self._deadline_s = "auto-restart", now_s + self.unit.restart_s
        else:
            self._become("inactive" if result == "success" else "failed")

    def _become(self, state: str) -> None:
        self.state, self._deadline_s = state, INFINITY
