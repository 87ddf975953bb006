"""Where the parts of a workflow graph stand: agents that hand over on the left, those that take over on the right."""

from collections.abc import Sequence

from learning_pipeline.report.parts import Row

# Points of one curve; an S from left to right.
_STEPS = 12


def nodes(rows: Sequence[Row], source: str, target: str) -> list[Row]:
    """Return the places of both columns: `agent`, `side` (from or to), `n`, `x`, `y` from 0 (bottom) to 1."""
    found: list[Row] = []
    for side, column, x in (("from", source, 0.0), ("to", target, 1.0)):
        totals: dict[str, int] = {}
        for row in rows:
            totals[row[column]] = totals.get(row[column], 0) + row["n"]
        # The busiest on top.
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        step = 1 / len(ordered) if ordered else 1.0
        for place, (agent, n) in enumerate(ordered):
            found.append({"agent": agent, "side": side, "n": n, "x": x, "y": round(1 - (place + 0.5) * step, 4)})
    return found


def edges(rows: Sequence[Row], source: str, target: str, weight: str) -> list[Row]:
    """Return the points of each row's curve: `edge` (its number), `from`, `to`, `n`, `x`, `y`."""
    places = {(node["side"], node["agent"]): node["y"] for node in nodes(rows, source, target)}
    points = []
    for number, row in enumerate(rows):
        start, end = places["from", row[source]], places["to", row[target]]
        for step in range(_STEPS + 1):
            t = step / _STEPS
            smooth = t * t * (3 - 2 * t)
            y = start + (end - start) * smooth
            points.append(
                {
                    "edge": number,
                    "from": row[source],
                    "to": row[target],
                    "n": row[weight],
                    "x": round(t, 4),
                    "y": round(y, 4),
                }
            )
    return points
