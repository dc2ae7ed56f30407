"""`manifest.yaml`: which files a try-on network has, what each wants to be given, and where the picture comes out.

version: 1
name: cp-vton
size_px: [192, 256]                    # width, height: what every step is made at
stages:
  - name: warp
    file: gmm.onnx
    inputs:
      - name: agnostic                 # a tensor of the network; its parts are laid behind one another
        parts:
          - {step: pose_heatmaps, points: openpose18, radius_px: 5, shape: disc, range: [-1, 1]}
          - {step: agnostic_mask, range: [-1, 1]}
      - {name: cloth, parts: [{step: garment, colours: rgb, range: [-1, 1]}]}
    outputs: [{name: grid, channels: 2, layout: NHWC}]
  - name: generator
    file: tom.onnx
    inputs:
      - {name: person, parts: [{step: agnostic, range: [-1, 1]}]}
      - {name: cloth, parts: [{step: garment, range: [-1, 1], sample_by: warp.grid}]}
    outputs: [{name: rendered, channels: 3}, {name: mask, channels: 1}]
result: {picture: generator.rendered, mask: generator.mask, base: person, range: [-1, 1]}
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from common.settings import Strict, check, read_yaml
from edge_server.tryon.values import Kind

MANIFEST = "manifest.yaml"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\..+$")]  # stage.output
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$")]  # beside the manifest, nowhere else
Pixels = Annotated[int, Field(ge=8, le=4096)]
Three = tuple[float, float, float]
Range = tuple[float, float]


class PictureStep(Strict):
    """Three channels."""

    step: Literal["person", "agnostic", "garment", "warped_garment"]
    """`agnostic`: the person with what is to be replaced taken out; `warped_garment`: bent onto the body by splines."""
    colours: Literal["rgb", "bgr"] = "rgb"
    """Order of the channels."""
    range: Range = (-1.0, 1.0)
    """What 0 and 255 become."""
    mean: Three | None = None
    """Instead of `range`: taken off each channel, which runs from 0 to 1 (with `spread`)."""
    spread: Three | None = None
    """Then each channel is divided by this."""
    background: int = Field(default=255, ge=0, le=255)
    """Grey level behind a garment."""
    sample_by: Reference | None = None
    """Looked up by a grid that an earlier stage put out: two channels, x and y in -1..1, as `grid_sample` takes it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.mean is None) != (self.spread is None):
            raise ValueError("mean and spread go together")
        if self.spread is not None and not all(self.spread):
            raise ValueError("spread must not be 0: it is divided by")
        return self


class MaskStep(Strict):
    """One channel."""

    step: Literal["person_mask", "agnostic_mask", "garment_mask", "warped_garment_mask"]
    """`agnostic_mask`: what is taken out of the person."""
    range: Range = (0.0, 1.0)
    """What no and yes become."""
    sample_by: Reference | None = None
    """As for pictures."""


class PoseStep(Strict):
    """A channel for each key point."""

    step: Literal["pose_heatmaps"]
    points: Literal["openpose18", "coco17", "mediapipe33"] | tuple[str, ...] = "openpose18"
    """A known set in its usual order, or names of MediaPipe's (and `neck`, between the shoulders)."""
    shape: Literal["gauss", "disc", "square"] = "gauss"
    """Of what stands at each point."""
    radius_px: float = Field(default=3.0, gt=0, le=200)
    """Its size, in pixels of this input; of `gauss` the standard deviation."""
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    """Points that are less sure leave their channel empty."""
    range: Range = (0.0, 1.0)
    """What nothing and the point itself become."""


class ParsingStep(Strict):
    """A channel for each group of areas, one-hot."""

    step: Literal["parsing", "agnostic_parsing"]
    """`agnostic_parsing`: what is taken out of the person counts as background."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Names of areas (`torso`, `left_upper_arm`, ...), a tuple a channel; left out: all twelve, a channel each."""
    range: Range = (0.0, 1.0)
    """What no and yes become."""


class OutputStep(Strict):
    """What an earlier stage put out, as it is."""

    step: Literal["output"]
    of: Reference
    """`stage.output`"""


Part = Annotated[PictureStep | MaskStep | PoseStep | ParsingStep | OutputStep, Field(discriminator="step")]


class InputSpec(Strict):
    name: str = Field(min_length=1)
    """The tensor's name in the network (TorchScript: of the argument)."""
    parts: tuple[Part, ...] = Field(min_length=1, max_length=16)
    """Laid behind one another along the channels."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    """Order of the dimensions."""
    dtype: Literal["float32", "float16", "uint8", "int32", "int64"] = "float32"
    """Type of the numbers."""
    size_px: tuple[Pixels, Pixels] | None = None
    """Width and height, where they are not the manifest's."""


class OutputSpec(Strict):
    name: str = Field(min_length=1)
    """The tensor's name in the network (TorchScript that returns a tuple: any, in its order)."""
    channels: int = Field(ge=1, le=64)
    """How many there have to be."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    """Order of the dimensions."""
    size_px: tuple[Pixels, Pixels] | None = None
    """Width and height, where they are not the manifest's."""


class StageSpec(Strict):
    name: Name
    """How later stages and the result call it."""
    file: FileName
    """In the manifest's folder. `.onnx`: ONNX Runtime; `.pt`, `.ts`, `.torchscript`: PyTorch."""
    inputs: tuple[InputSpec, ...] = Field(min_length=1, max_length=32)
    """All of the network's."""
    outputs: tuple[OutputSpec, ...] = Field(min_length=1, max_length=32)
    """Those that are used."""


class ResultSpec(Strict):
    picture: Reference
    """`stage.output` with three channels."""
    colours: Literal["rgb", "bgr"] = "rgb"
    """Order of its channels."""
    range: Range = (-1.0, 1.0)
    """Which of its values are black and white (of `base` too, where that is an output)."""
    mask: Reference | None = None
    """`stage.output` with one channel: how much of each pixel is `picture`; the rest is `base`."""
    mask_range: Range = (0.0, 1.0)
    """Which of its values mean none and all."""
    base: Literal["person", "warped_garment"] | Reference = "person"
    """What shows where the mask is low."""

    @model_validator(mode="after")
    def _some_range(self) -> Self:
        if self.range[0] == self.range[1] or self.mask_range[0] == self.mask_range[1]:
            raise ValueError("the two ends of a range have to differ")
        return self


class AgnosticSpec(Strict):
    grey: int = Field(default=128, ge=0, le=255)
    """Level of what is taken out."""
    grow: float = Field(default=0.01, ge=0, le=0.2)
    """How far beyond the areas it goes, in heights of the picture."""
    neck: bool = False
    """Take the neck out too."""


class Manifest(Strict):
    version: Literal[1]
    """Of this form."""
    name: Name
    """Of the network."""
    licence: str = ""
    """For people to read."""
    kinds: tuple[Kind, ...] = tuple(Kind)
    """Garments that it was trained for; others are refused."""
    size_px: tuple[Pixels, Pixels]
    """Width and height that the steps are made at."""
    view: Literal["whole", "person"] = "whole"
    """What of the picture is shown to the network: all of it, or the person with a margin."""
    padding: int = Field(default=128, ge=0, le=255)
    """Grey level beside a picture of other proportions."""
    keep_outside: bool = True
    """Leave pixels outside the garment's area as they were, to the last bit."""
    area_grow: float = Field(default=0.02, ge=0, le=0.3)
    """How far the garment's area goes beyond what was worn, in heights of the picture."""
    agnostic: AgnosticSpec = AgnosticSpec()
    """How the person is made ready."""
    stages: tuple[StageSpec, ...] = Field(min_length=1, max_length=8)
    """In the order they run."""
    result: ResultSpec
    """Where the picture comes out."""
    sha256: dict[FileName, Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]] = Field(default={})
    """Of files in the folder (weights beside an .onnx too): checked at the start where given."""

    @model_validator(mode="after")
    def _references(self) -> Self:
        known: dict[str, int] = {}  # stage.output and its channels
        for stage in self.stages:
            if any(key.startswith(f"{stage.name}.") for key in known):
                raise ValueError(f"two stages are called {stage.name}")
            for entry in stage.inputs:
                for part in entry.parts:
                    if isinstance(part, OutputStep):
                        _known(part.of, known, None)
                    elif isinstance(part, PictureStep | MaskStep) and part.sample_by is not None:
                        _known(part.sample_by, known, 2)
            known |= {f"{stage.name}.{output.name}": output.channels for output in stage.outputs}
        _known(self.result.picture, known, 3)
        if self.result.mask is not None:
            _known(self.result.mask, known, 1)
        if self.result.base not in ("person", "warped_garment"):
            _known(self.result.base, known, 3)
        return self


def _known(reference: str, known: dict[str, int], channels: int | None) -> None:
    if reference not in known:
        raise ValueError(f"{reference} is no output of an earlier stage; there are: {', '.join(known) or 'none'}")
    if channels is not None and known[reference] != channels:
        raise ValueError(f"{reference} has {known[reference]} channels, but {channels} are needed here")


def load(folder: Path) -> Manifest:
    """Raises ConfigError that names the key and what is allowed."""
    file = folder / MANIFEST
    return check(Manifest, read_yaml(file), str(file))
