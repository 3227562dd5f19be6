# SPDX-License-Identifier: LGPL-2.1-or-later
"""Curves as SVG, by hand: two panels with logarithmic axes."""
import math

WIDTH, HEIGHT, MARGIN = 460, 320, 62
COLOURS = ["#1f5fa8", "#b3541e", "#2f7d4f", "#7a4a9e"]


def _ticks(low, high):
    return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _label(value):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def panel(x0, title, x_title, y_title, curves):
    """One panel at x0: curves are (name, [(x, y), ...])."""
    xs = [x for _, points in curves for x, _ in points]
    ys = [y for _, points in curves for _, y in points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))

    def across(x):
        share = math.log(x / x_ticks[0]) / math.log(x_ticks[-1] / x_ticks[0])
        return x0 + MARGIN + share * (WIDTH - MARGIN - 20)

    def up(y):
        share = math.log(y / y_ticks[0]) / math.log(y_ticks[-1] / y_ticks[0])
        return HEIGHT - MARGIN + 10 - share * (HEIGHT - MARGIN - 30)

    out = [f'<text x="{x0 + WIDTH / 2}" y="16" text-anchor="middle" font-weight="bold">{title}</text>']
    for x in x_ticks:
        out.append(f'<line x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{up(y_ticks[0]):.1f}" '
                   f'y2="{up(y_ticks[-1]):.1f}" stroke="#ddd"/><text x="{across(x):.1f}" '
                   f'y="{up(y_ticks[0]) + 15:.1f}" text-anchor="middle">{_label(x)}</text>')
    for y in y_ticks:
        out.append(f'<line x1="{across(x_ticks[0]):.1f}" x2="{across(x_ticks[-1]):.1f}" '
                   f'y1="{up(y):.1f}" y2="{up(y):.1f}" stroke="#ddd"/><text '
                   f'x="{across(x_ticks[0]) - 6:.1f}" y="{up(y) + 4:.1f}" text-anchor="end">'
                   f'{_label(y)}</text>')
    for i, (name, points) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
                for x, y in points]
        out.append(f'<text x="{x0 + MARGIN + 12}" y="{40 + 15 * i}" fill="{colour}">{name}</text>')
    out.append(f'<text x="{x0 + WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x_title}</text>')
    out.append(f'<text transform="translate({x0 + 14},{HEIGHT / 2}) rotate(-90)" '
               f'text-anchor="middle">{y_title}</text>')
    return "".join(out)


def scale(figures):
    """The growth curves of 'plan-bench scale'."""
    cold = [("1 GPU each, full", [(f["vms"], f["cold_us"] / 1e3) for f in figures
                                  if not f["mixed"] and f["vms"] == f["hosts"] * 8]),
            ("mixed sizes, 90 %", [(f["vms"], f["cold_us"] / 1e3) for f in figures if f["mixed"]])]
    part = [f for f in figures if not f["mixed"] and f["vms"] < f["hosts"] * 8]
    events = [("one more VM", [(f["hosts"], f["one_more_us"]) for f in part]),
              ("one host lost", [(f["hosts"], f["host_fails_us"]) for f in part]),
              ("40 hosts lost", [(f["hosts"], f["rack_fails_us"]) for f in part
                                 if f["rack_fails_us"]])]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" '
            f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
            + panel(0, "Placing all VMs from cold", "VMs", "milliseconds, one core", cold)
            + panel(WIDTH, "One event in a cluster that is 90 % full", "hosts",
                    "microseconds, one core", events) + "</svg>\n")
