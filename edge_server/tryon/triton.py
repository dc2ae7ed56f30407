"""`triton:address=HOST:PORT`: pose, parsing and try-on by models of an inference server, which may have the GPU.

Which tensors they take and give is written in `triton_layout`.
"""

import numpy as np

from edge_server.tryon import triton_layout as layout
from edge_server.tryon.triton_client import InferenceClient
from edge_server.tryon.values import (
    BGR,
    KEY_POINTS,
    Area,
    BodyPose,
    Garment,
    KeyPoint,
    NoPersonError,
    Parsing,
    Person,
    Progress,
)
from protos.tryon_errors import EngineFailedError

FARTHEST = 10.0  # picture sizes that a point may lie outside: what is farther is no place


class TritonPose:
    """Implements `values.PoseEngine`."""

    def __init__(self, address: str, model: str = "pose", timeout_s: float = 5.0, authority: str = "") -> None:
        """`authority`: a PEM file turns TLS on. Raises ConfigError."""
        self._client = InferenceClient(address, str(model), layout.POSE, timeout_s, authority)
        self.name = f"triton-{model}"

    def pose(self, bgr: BGR) -> BodyPose:
        found = self._client.infer(layout.of_picture(bgr))
        people = int(found["people"][0]) if "people" in found else 1
        if people < 1:
            raise NoPersonError("Nobody is to be seen. Step into the picture.")
        facing = int(found["facing"][0]) if "facing" in found else 0
        points, mask = found["points"].astype(float), found["mask"]
        where = f"model {self._client.model} of {self._client.address}"
        if np.abs(points[:, :2]).max() > FARTHEST or not 0 <= points[:, 2].min() <= points[:, 2].max() <= 1.001:
            raise EngineFailedError(f"{where} gives points that are no places; they have to be normalised")
        if mask.shape != bgr.shape[:2] or not 0 <= facing < len(layout.FACINGS):
            raise EngineFailedError(f"{where} gives a mask of {list(mask.shape)} or facing {facing}, which is wrong")
        named = {
            name: KeyPoint(float(x), float(y), min(float(confidence), 1.0))
            for name, (x, y, confidence) in zip(KEY_POINTS, points, strict=True)
        }
        return BodyPose(named, np.clip(mask, 0, 1), people, layout.FACINGS[facing])

    def close(self) -> None:
        self._client.close()


class TritonParsing:
    """Implements `values.ParsingEngine`."""

    def __init__(self, address: str, model: str = "parsing", timeout_s: float = 5.0, authority: str = "") -> None:
        """As `TritonPose`."""
        self._client = InferenceClient(address, str(model), layout.PARSING, timeout_s, authority)
        self.name = f"triton-{model}"

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        labels = self._client.infer({**layout.of_picture(bgr), **layout.of_pose(pose)})["labels"]
        if labels.shape != bgr.shape[:2] or labels.max(initial=0) > max(Area):
            raise EngineFailedError(
                f"model {self._client.model} of {self._client.address} gives labels of {list(labels.shape)} up to "
                f"{labels.max(initial=0)}; needed are {list(bgr.shape[:2])} up to {int(max(Area))}"
            )
        return Parsing(labels.copy())

    def close(self) -> None:
        self._client.close()


class TritonTryOn:
    """Implements `values.TryOnEngine`."""

    def __init__(self, address: str, model: str = "tryon", timeout_s: float = 30.0, authority: str = "") -> None:
        """As `TritonPose`."""
        self._client = InferenceClient(address, str(model), layout.TRYON, timeout_s, authority)
        self.name = f"triton-{model}"

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        progress(0.0, "sending the picture")
        arrays = {
            **layout.of_picture(person.bgr),
            **layout.of_pose(person.pose),
            **layout.of_parsing(person.parsing),
            **layout.of_garment(garment),
        }
        dressed = self._client.infer(arrays, lambda: progress(0.2, f"network: {self._client.model}"))["dressed"]
        if dressed.shape != person.bgr.shape:
            raise EngineFailedError(
                f"model {self._client.model} of {self._client.address} gives a picture of {list(dressed.shape)}; "
                f"needed is {list(person.bgr.shape)}"
            )
        progress(1.0, "done")
        return np.ascontiguousarray(dressed[:, :, ::-1])

    def close(self) -> None:
        self._client.close()
