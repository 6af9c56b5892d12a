"""The loss curve of a training, drawn as SVG; its texts are HTML, so that they keep their size on any screen."""

from collections.abc import Sequence

from assistant.ui.markup import element, escape
from assistant.ui.words import Words

WIDTH, HEIGHT = 100.0, 100.0
Point = tuple[int, float]


def loss_curve(points: Sequence[Point], validation: Sequence[Point], steps: int, words: Words) -> str:
    """Return the curve of the training loss with the validation losses as dots; "" before there are two points.

    Args:
        points: (step, loss), in order.
        validation: the same on held-out data.
        steps: of the whole run; the curve leaves room for those to come.
        words: the page's language.
    """
    if len(points) < 2:
        return ""
    values = [loss for _, loss in (*points, *validation)]
    top, bottom = max(values), min(0.0, min(values))
    span = (top - bottom) or 1.0
    last = max(steps, points[-1][0])

    def place(point: Point) -> tuple[float, float]:
        return WIDTH * point[0] / last, HEIGHT * (1 - (point[1] - bottom) / span)

    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in map(place, points))
    label = words(
        "tune.curve_said", first=f"{points[0][1]:.3f}", last=f"{points[-1][1]:.3f}", step=points[-1][0], steps=last
    )
    drawing = element(
        "svg",
        *(element("line", x1=0, x2=WIDTH, y1=y, y2=y, class_="grid") for y in (0, HEIGHT / 2, HEIGHT)),
        element("polyline", points=path, class_="loss"),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
    dots = [
        element("i", class_="held-out", style=f"left:{x:.2f}%;top:{y:.2f}%", title=f"{loss:.3f}")
        for (x, y), (_, loss) in ((place(each), each) for each in validation)
    ]
    scale = [element("span", escape(f"{value:.2f}")) for value in (top, (top + bottom) / 2, bottom)]
    legend = [element("span", escape(words("tune.training_loss")), class_="key loss")]
    if validation:
        legend.append(element("span", escape(words("tune.validation_loss")), class_="key held-out"))
    foot = element("span", "0"), element("span", *legend, class_="legend"), element("span", escape(f"{last:,}"))
    return element(
        "figure",
        element("div", *scale, class_="scale-y", aria_hidden="true"),
        element("div", drawing, *dots, class_="plot-area"),
        element("figcaption", *foot),
        class_="loss-curve",
    )
