"""What becomes of an assembly's state when its machine is replaced, in words."""

from __future__ import annotations

from core.state import Keep, Persist, State


def kept_words(state: State) -> str:
    """What is kept, and what a replacement loses: said before anything is broken, not found out."""
    if state.keep is Keep.NONE:
        return "nothing is kept; a replacement starts with an empty disk"
    if state.keep is Keep.EBS:
        return (
            f"{state.path} lies on a volume of {state.size_gb} GB that moves with the permit; a replacement finds it as it was left, and a "
            "lost machine loses what its programs had not yet made the disk keep (fsync); a snapshot is taken each day, and seven are kept"
        )
    if state.keep is Keep.EFS:
        return (
            f"{state.path} lies on a file system of EFS that every zone reaches; a replacement finds it as it was left, and a lost machine "
            "loses what its programs had neither closed nor made the file system keep (fsync); a backup is made each day, and kept for 35"
        )
    if state.persist is Persist.DISABLED:
        return f"{state.path} is neither saved nor restored (persist: DISABLED); a replacement starts with an empty disk"
    saved = f"{state.path} is saved to S3 every {state.every_s:g} s while it changes, and once more at a clean stop"
    if state.snapshot is not None:
        saved += ", as the snapshot command copies it"
    if state.persist is Persist.CLEAN:
        return f"{saved}; a replacement does not use it (persist: CLEAN) and begins afresh"
    begins = "; where nothing was saved, nothing is started (persist: REBIND)" if state.persist is Persist.REBIND else ""
    return f"{saved}; a lost machine loses what it wrote after the last save began, {state.every_s:g} s and the time of a save{begins}"
