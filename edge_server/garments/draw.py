"""`python -m edge_server.garments.draw`: draw the built-in garments anew. The same code gives the same pictures."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_server.garments.catalogue import BUILT_IN
from edge_server.garments.drawing import dresses, jackets, shirts, tops, trousers
from edge_server.garments.drawing.sheet import Drawing
from edge_server.garments.record import write_garment
from edge_server.tryon.values import Garment, Kind


@dataclass(frozen=True, slots=True)
class Design:
    name: str
    kind: Kind
    draw: Callable[[], Drawing]


DESIGNS = {
    "tee-sage": Design("T-shirt, sage green", Kind.TOP, tops.plain_tee),
    "tee-breton": Design("Breton T-shirt, navy stripes", Kind.TOP, tops.striped_tee),
    "tee-rover": Design("T-shirt with a rover", Kind.TOP, tops.printed_tee),
    "polo-claret": Design("Polo shirt, claret", Kind.TOP, tops.polo),
    "shirt-oxford": Design("Oxford shirt, light blue", Kind.TOP, shirts.shirt),
    "sweater-cable": Design("Cable-knit sweater, cream", Kind.TOP, tops.sweater),
    "hoodie-mustard": Design("Hoodie, mustard", Kind.TOP, shirts.hoodie),
    "jacket-denim": Design("Denim jacket", Kind.JACKET, jackets.denim_jacket),
    "blazer-navy": Design("Blazer, navy", Kind.JACKET, jackets.blazer),
    "dress-summer": Design("Summer dress with flowers", Kind.DRESS, dresses.summer_dress),
    "dress-evening": Design("Evening dress, emerald satin", Kind.DRESS, dresses.evening_dress),
    "jeans-indigo": Design("Jeans, indigo", Kind.TROUSERS, trousers.jeans),
    "chinos-sand": Design("Chinos, sand", Kind.TROUSERS, trousers.chinos),
}


def garment(garment_id: str) -> Garment:
    """Draw one."""
    design = DESIGNS[garment_id]
    drawn = design.draw()
    return Garment(garment_id, design.name, design.kind, drawn.bgra, drawn.landmarks, drawn.inside)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the built-in garments anew.")
    parser.add_argument("ids", nargs="*", help=f"which; none: all of {', '.join(DESIGNS)}")
    parser.add_argument("--out", type=Path, default=BUILT_IN, help="folder of the catalogue")
    args = parser.parse_args()
    unknown = [each for each in args.ids if each not in DESIGNS]
    if unknown:
        parser.error(f"there is no garment {unknown[0]!r}; there are {', '.join(DESIGNS)}")
    total = 0
    for garment_id in args.ids or DESIGNS:
        folder = write_garment(args.out, garment(garment_id), force=True)
        size = (folder / "picture.png").stat().st_size
        total += size
        print(f"{garment_id:16} {size / 1e3:6.0f} kB")
    print(f"{'together':16} {total / 1e3:6.0f} kB in {args.out}")


if __name__ == "__main__":
    main()
