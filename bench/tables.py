"""Where benchmarks print their tables."""

from rich.console import Console

PLAIN_WIDTH = 140  # of a pipe or a file, which has no width of its own


def console() -> Console:
    """Standard output, wide enough for a table where it is no terminal."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=PLAIN_WIDTH)
