"""The look that pictures and the report share: colours, type, axes, and figures that no setting of
the user's matplotlib reaches."""

from __future__ import annotations

import io
import logging
import math
import re
import threading
import unicodedata
import warnings
from contextlib import contextmanager
from typing import Any, Iterator, Optional

# Roles, with their colour on paper and in the dark. The colours of data are Okabe and Ito's (safe for
# colour-blind readers), lighter in the dark, where the originals have too little contrast.
ROLES = {
    "ink": ("#1b1f24", "#e7e9ec"),
    "soft": ("#5b6470", "#a3acb8"),
    "rule": ("#c9ced6", "#3d4550"),
    "grid": ("#e9ecef", "#262c34"),
    "dots": ("#98a1ad", "#76808d"),
    "blue": ("#0072b2", "#67b7ee"),
    "vermilion": ("#d55e00", "#f79455"),
    "green": ("#009e73", "#4fcfa4"),
    "purple": ("#cc79a7", "#e3a3c6"),
    "orange": ("#e69f00", "#f0bd4f"),
    "sky": ("#56b4e9", "#94d2f7"),
}
PAPER = ("#ffffff", "#14181d")
INK, SOFT, RULE, GRID, DOTS = (ROLES[name][0] for name in ("ink", "soft", "rule", "grid", "dots"))

# In an order in which neighbours also differ in lightness.
COLOURS = tuple(
    ROLES[name][0] for name in ("blue", "vermilion", "green", "purple", "orange", "sky", "ink")
)
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

# Fonts for letters that DejaVu Sans lacks, where one of them is installed.
_OTHER_LETTERS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "MS Gothic",
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari",
)

_OURS = {
    "text.usetex": False,
    "text.parse_math": False,  # names are text, dollars and all
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "font.size": 9.0,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",  # text stays text: it can be found, read aloud, and take the page's font
    "svg.hashsalt": "lodestone",
}

# Settings of matplotlib belong to the process: one of our figures is made or drawn at a time.
_lock = threading.RLock()


def line(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line of a panel."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as missing:
        raise ImportError("pictures need matplotlib: pip install 'lodestone[plots]'") from missing
    return matplotlib


@contextmanager
def settings() -> Iterator[None]:
    """matplotlib as it is out of the box with our style on top; the user's settings come back."""
    matplotlib = _matplotlib()
    # Of the backend and of windows nothing is drawn here.
    kept = ("backend", "backend_fallback", "interactive", "toolbar", "webagg", "tk.", "macosx",
            "savefig.directory", "timezone", "docstring", "date.epoch")
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that are on their way out, and missing letters
        wanted = {
            name: value
            for name, value in matplotlib.rcParamsDefault.items()
            if not name.startswith(kept)
        }
        with matplotlib.rc_context({**wanted, **_OURS, "font.family": _families()}):
            logger = logging.getLogger("matplotlib")
            level = logger.level
            logger.setLevel(logging.ERROR)
            try:
                yield
            finally:
                logger.setLevel(level)


_found: list[str] = []


def _families() -> list[str]:
    if not _found:
        from matplotlib import font_manager

        there = {font.name for font in font_manager.fontManager.ttflist}
        _found.extend(["DejaVu Sans", *(name for name in _OTHER_LETTERS if name in there)])
    return list(_found)


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any):
    """A figure with a canvas of its own and its panels. It is drawn with our settings, whoever draws
    it and whenever. Call it, and whatever adds text to it, within `settings`."""
    _matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from lodestone._figure import StyledFigure

    made = StyledFigure(figsize=size, layout="constrained", facecolor=PAPER[0])
    FigureCanvasAgg(made)  # no window and no global state; notebooks show it all the same
    return made, made.subplots(rows, columns, squeeze=False, **options)


# ---- axes


def short(value: float, digits: int = 3) -> str:
    """A number in at most so many significant digits, with a true minus."""
    if not math.isfinite(value):
        return "–"
    if value == 0.0:
        return "0"
    size = abs(value)
    if 1e-4 <= size < 10.0 ** max(digits + 2, 6):
        places = digits - 1 - math.floor(math.log10(size))
        text = f"{round(value, places):.{max(places, 0)}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return text.replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}·10{_raised(int(exponent))}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """The same with its sign also where it is positive."""
    return ("+" if value > 0 else "") + short(value, digits)


def with_noise(value: float, noise: float) -> str:
    """A number and its standard error, to the places that the error leaves it."""
    if not (math.isfinite(noise) and noise > 0.0):
        return short(value)
    places = -math.floor(math.log10(noise))
    if noise * 10.0**places < 1.95:  # one more digit after a leading 1
        places += 1
    if not 0 < places <= 6:
        return f"{short(value)} ± {short(noise, 1)}"
    return f"{value:.{places}f} ± {noise:.{places}f}".replace("-", "−")


def loading(value: float) -> str:
    """A loading, −1 to 1, with two places."""
    return f"{value:+.2f}".replace("-", "−")


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _power(value: float, _position: Any = None) -> str:
    if value <= 0.0:
        return short(value)
    exponent = round(math.log10(value))
    if -3 <= exponent <= 4 or not math.isclose(value, 10.0**exponent, rel_tol=1e-6):
        return short(value)
    return "10" + _raised(exponent)


def logarithmic(axis: Any, *, few: int = 6) -> None:
    """A logarithmic axis with labels that need no mathematics, and that do not collide."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel = axis.axes
    (panel.set_xscale if axis is panel.xaxis else panel.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    # Within a decade or so powers of ten alone would leave the axis without numbers.
    wide = low > 0 and high / low > 30.0
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=few))
    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(NullFormatter())


# ---- names


def printable(name: Any, most: Optional[int] = None) -> str:
    """A name as one line of text: no line breaks, no control characters, cut in the middle where it
    is longer than `most` columns of a terminal."""
    text = str(name).encode("utf-8", "replace").decode("utf-8")
    # Directions of writing are the reader's business; a name must not turn what stands beside it.
    text = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    text = " ".join(text.split())
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cc" else c for c in text)
    if most is None or width(text) <= most:
        return text
    head: list[str] = list(text)
    tail: list[str] = []
    while head and width("".join(head)) + 1 + width("".join(tail)) > most:
        # Keep a third of what there is room for as the end: there names often differ.
        if width("".join(tail)) < (most - 1) // 3:
            tail.insert(0, head.pop())
        else:
            head.pop()
    kept = "".join(head)
    end = text[len(text) - len(tail):]
    return f"{kept}…{end}"


def width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def padded(text: str, columns: int) -> str:
    return text + " " * max(0, columns - width(text))


# ---- pictures for a page


def inline_svg(drawn: Any, name: str, label: str) -> str:
    """A figure as an element of a page: its text is text, its colours are the page's variables, its
    size is the page's business. The same bytes for the same figure."""
    picture = io.StringIO()
    with settings():
        # Paper and dark shine through.
        drawn.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    text = picture.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    wide, high = (float(number) for number in box.group(1).split()[2:])
    # Names within a picture must not meet those of another.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    text = text.replace("xlink:href", "href")
    for role, (light, _) in ROLES.items():
        text = re.sub(light, f"var(--{role})", text, flags=re.I)
    text = re.sub(r"font(-family)?:\s*([^;\"]*?)'DejaVu Sans'[^;\"]*", _font, text)
    text = re.sub(r"\n\s*", "\n", text)
    head = (
        f'<svg class="picture" role="img" aria-label="{_attribute(label)}" '
        f'viewBox="{box.group(1)}" style="--wide: {wide:.0f}; --high: {high:.0f}">'
    )
    return head + text[text.index(">", text.index("<svg")) + 1:].rstrip()


def _font(found: re.Match[str]) -> str:
    """Size and weight stay; the family is the page's."""
    if found.group(1):
        return "font-family: inherit"
    size = re.search(r"[\d.]+px", found.group(2))
    weight = re.search(r"\b(bold|[5-9]00)\b", found.group(2))
    return (f"font-size: {size.group(0)}" if size else "") + ("; font-weight: 600" if weight else "")


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
