"""A figure that is always drawn in Lodestone's style. Apart, since it needs matplotlib to be there."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from lodestone._style import settings


class StyledFigure(Figure):
    """Text that matplotlib makes while drawing, such as the labels of ticks, follows the settings of
    that moment: they must be ours and not those of whoever calls."""

    def draw(self, renderer: Any) -> None:
        with settings():
            super().draw(renderer)

    def savefig(self, *arguments: Any, **options: Any) -> None:
        with settings():
            super().savefig(*arguments, **options)

    def get_tightbbox(self, *arguments: Any, **options: Any) -> Any:
        with settings():
            return super().get_tightbbox(*arguments, **options)
