"""Numbers and names as readers want them, on the page and in the terminal."""

from __future__ import annotations

from markupsafe import Markup, escape

from equipoise.analysis.intervals import Interval
from equipoise.analysis.paired import Difference


def label(method: str) -> str:
    """A method's name for readers: "single(abacus)" for "single(executor='abacus')"."""
    return method.replace("executor=", "").replace("'", "").replace(",", ", ")


def breakable(name: str) -> Markup:
    """A name as markup that narrow columns break at its joints and not within its words."""
    text = escape(name)
    for joint in "_=":
        text = text.replace(joint, joint + Markup("<wbr>"))
    return text.replace("(", Markup("<wbr>") + "(")


def percent(value: Interval | None) -> str:
    """Accuracy in % with half its interval: "61.5 ± 4.2"."""
    return "–" if value is None else f"{100 * value.mean:.1f} ± {100 * value.half_width:.1f}"


def points(value: Difference | None) -> str:
    """A difference in percentage points with its interval: "+2.0 [−1.3, +5.8]"."""
    return "–" if value is None else gain(value.interval)


def gain(at: Interval) -> str:
    """The same of an interval of differences."""
    return f"{100 * at.mean:+.1f} [{100 * at.low:+.1f}, {100 * at.high:+.1f}]".replace("-", "−")


def count(value: float) -> str:
    """A mean count: one decimal below 100, none above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def usd(value: float) -> str:
    """A cost; a dash for nothing."""
    return "–" if value == 0 else f"{value:.5f}" if value < 0.01 else f"{value:.3f}"


def probability(value: float | None) -> str:
    """A p-value or a share: "0.03", "< 0.001"; a dash for none."""
    return (
        "–" if value is None else "< 0.001" if value < 0.0005 else f"{value:.3f}" if value < 0.0095 else f"{value:.2f}"
    )


def whole(value: int) -> str:
    """A count with commas between thousands."""
    return f"{value:,}"


def hundredfold(value: float, digits: int = 1) -> str:
    """A share in %, or a difference of shares in points."""
    return f"{100 * value:.{digits}f}"


FILTERS = (label, breakable, percent, points, count, usd, probability, whole, hundredfold)
