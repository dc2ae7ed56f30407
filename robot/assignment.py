"""Pairs tracks with detections at the lowest total cost. scipy is too heavy for the Pi."""

from collections.abc import Sequence

Pair = tuple[int, int]


def assign(costs: Sequence[Sequence[float]]) -> list[Pair]:
    """Pairs (row, column) of the lowest total cost; only pairs with a cost below 0 are made.

    So a cost is "how much worse than leaving both alone". Rows and columns that cannot disturb each other are solved
    apart: with people well away from each other every piece is one by one.
    """
    pairs: list[Pair] = []
    for rows, columns in _pieces(costs):
        if len(rows) == 1:
            pairs.append((rows[0], min(columns, key=costs[rows[0]].__getitem__)))
        elif len(columns) == 1:
            pairs.append((min(rows, key=lambda row: costs[row][columns[0]]), columns[0]))
        else:
            piece = [[min(0.0, costs[row][column]) for column in columns] for row in rows]
            pairs.extend((rows[i], columns[j]) for i, j in _hungarian(piece) if costs[rows[i]][columns[j]] < 0)
    return sorted(pairs)


def _pieces(costs: Sequence[Sequence[float]]) -> list[tuple[list[int], list[int]]]:
    """Rows and columns that are joined by costs below 0, directly or over others."""
    by_row = [[column for column, cost in enumerate(row) if cost < 0] for row in costs]
    by_column: dict[int, list[int]] = {}
    for row, columns in enumerate(by_row):
        for column in columns:
            by_column.setdefault(column, []).append(row)
    seen: set[int] = set()
    pieces: list[tuple[list[int], list[int]]] = []
    for start, joined in enumerate(by_row):
        if start in seen or not joined:
            continue
        seen.add(start)
        rows, piece_columns, open_rows = [start], set[int](), [start]
        while open_rows:
            for column in by_row[open_rows.pop()]:
                if column in piece_columns:
                    continue
                piece_columns.add(column)
                fresh = [row for row in by_column[column] if row not in seen]
                seen.update(fresh)
                rows.extend(fresh)
                open_rows.extend(fresh)
        pieces.append((rows, sorted(piece_columns)))
    return pieces


def _hungarian(costs: list[list[float]]) -> list[Pair]:
    """Shortest augmenting paths with potentials (Jonker and Volgenant 1987), O(rows² x columns)."""
    if len(costs) > len(costs[0]):
        turned = [list(column) for column in zip(*costs, strict=True)]
        return [(row, column) for column, row in _hungarian(turned)]
    n, m = len(costs), len(costs[0])
    u, v = [0.0] * (n + 1), [0.0] * (m + 1)
    row_of = [0] * (m + 1)  # 1-based; 0: free
    for row in range(1, n + 1):
        row_of[0] = row
        column = 0
        shortest = [float("inf")] * (m + 1)
        came_from = [0] * (m + 1)
        done = [False] * (m + 1)
        while row_of[column]:
            done[column] = True
            here, delta, best = row_of[column], float("inf"), 0
            for j in range(1, m + 1):
                if done[j]:
                    continue
                reduced = costs[here - 1][j - 1] - u[here] - v[j]
                if reduced < shortest[j]:
                    shortest[j], came_from[j] = reduced, column
                if shortest[j] < delta:
                    delta, best = shortest[j], j
            for j in range(m + 1):
                if done[j]:
                    u[row_of[j]] += delta
                    v[j] -= delta
                else:
                    shortest[j] -= delta
            column = best
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return [(row_of[j] - 1, j - 1) for j in range(1, m + 1) if row_of[j]]
