"""Progress bars, where they are wanted and tqdm is there."""

from __future__ import annotations

from typing import Any, Callable, Optional


class Bar:
    """A tqdm bar over a share of the work from 0 to 1: in terminals and notebooks."""

    def __init__(self, label: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as missing:
            raise ImportError("progress bars need tqdm: pip install tqdm") from missing
        self._bar = tqdm(total=100.0, desc=label, unit="%", bar_format="{desc}: {percentage:3.0f}%|"
                         "{bar}| [{elapsed}<{remaining}] {postfix}")

    def to(self, share: float, note: str) -> None:
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(max(0.0, 100.0 * share - self._bar.n))

    def close(self) -> None:
        self._bar.close()


def bar(wanted: bool, label: str) -> Optional[Bar]:
    return Bar(label) if wanted else None


def reporter(bar: Optional[Bar]) -> Optional[Callable[[float, str], Any]]:
    """What the library calls as it works, or None."""
    return None if bar is None else bar.to
