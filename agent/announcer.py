"""What the cycle says aloud: one line for each thing that is news, nothing while all stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.log import Log
from agent.systemd import Notifier
from core.node.decision import Concluded, Memory
from core.node.supervision import History

_NO_HISTORY = History()


class Announcer:
    """To the journal, and to systemd for whoever asks for the unit's status."""

    def __init__(self, log: Log, notifier: Notifier, clock: Callable[[], float]) -> None:
        self._log, self._notifier, self._clock = log, notifier, clock
        self._warned: set[tuple[str, str]] = set()

    def conclusion(self, before: Concluded, after: Concluded) -> bool:
        """Whether it is news: a changed phase or verdict is, a changed wait in a reason is not."""
        if _gist(before) == _gist(after):
            return False
        self._log.context.update(epoch=after.epoch)
        verdicts = {name: verdict.value for name, (verdict, _) in after.applications.items()}
        self._log.say("now", phase=after.phase, verdict=after.verdict, reason=after.reason, applications=verdicts)
        self._notifier.say(f"STATUS={after.phase.value}, {after.verdict.value}: {after.reason}")
        return True

    def failures(self, before: Memory, after: Memory) -> None:
        """Each that was counted in between, and when it is tried again."""
        for name, history in after.histories.items():
            former = before.histories.get(name, _NO_HISTORY)
            if history.failed_at_s and history.failed_at_s[-1:] != former.failed_at_s[-1:]:
                again_s = max(0.0, (history.retry_at_s or 0.0) - self._clock())
                self._log.say("failed", application=name, run=after.counted[name], reason=history.last, again_in_s=round(again_s, 1))

    def warnings(self, said: Mapping[str, Mapping[str, str]]) -> None:
        """Each once for as long as it lasts. said: by application, by subject."""
        warned = {(name, subject): text for name, texts in said.items() for subject, text in texts.items()}
        for (name, subject), text in warned.items():
            if (name, subject) not in self._warned:
                self._log.say("warning", application=name, reason=text)
        self._warned = set(warned)


def _gist(concluded: Concluded) -> object:
    verdicts = {name: verdict for name, (verdict, _) in concluded.applications.items()}
    return concluded.phase, concluded.epoch, concluded.verdict, verdicts
