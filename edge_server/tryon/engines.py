"""The engines of try-on by name: `blazepose`, `derived`, `warp`, `viton:folder=...`, `triton:address=...`,
`remote:address=...`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from edge_server.engines.specs import Entry, make, parse
from edge_server.models.store import ModelStore
from edge_server.tryon.values import ParsingEngine, PoseEngine, TryOnEngine


def _known(**entries: Entry) -> Mapping[str, Entry]:
    return MappingProxyType(entries)


POSE_ENGINES = _known(
    blazepose=Entry("edge_server.tryon.pose", "BlazePose"),
    remote=Entry("edge_server.tryon.transport.engines", "RemotePose"),
    triton=Entry("edge_server.tryon.triton", "TritonPose", extra="triton"),
)
PARSING_ENGINES = _known(
    derived=Entry("edge_server.tryon.parsing", "DerivedParsing"),
    onnx=Entry("edge_server.tryon.parser_onnx", "OnnxParsing"),
    remote=Entry("edge_server.tryon.transport.engines", "RemoteParsing"),
    triton=Entry("edge_server.tryon.triton", "TritonParsing", extra="triton"),
)
TRYON_ENGINES = _known(
    warp=Entry("edge_server.tryon.warp", "WarpEngine"),
    viton=Entry("edge_server.tryon.viton", "VitonEngine", extra="viton"),
    remote=Entry("edge_server.tryon.transport.engines", "RemoteTryOn"),
    triton=Entry("edge_server.tryon.triton", "TritonTryOn", extra="triton"),
)


def pose_engine(spec: str = "blazepose", models: ModelStore | None = None) -> PoseEngine:
    """By name and options. Raises ConfigError (no such engine or option, no library) or ModelError (no file)."""
    return cast(PoseEngine, _made(POSE_ENGINES, spec, models, "pose"))


def parsing_engine(spec: str = "derived", models: ModelStore | None = None) -> ParsingEngine:
    """As `pose_engine`."""
    return cast(ParsingEngine, _made(PARSING_ENGINES, spec, models, "parsing"))


def tryon_engine(spec: str = "warp", models: ModelStore | None = None) -> TryOnEngine:
    """As `pose_engine`."""
    return cast(TryOnEngine, _made(TRYON_ENGINES, spec, models, "try-on"))


def _made(known: Mapping[str, Entry], spec: str, models: ModelStore | None, what: str) -> object:
    name, options = parse(spec)
    return make(known, name, ModelStore() if models is None else models, options, what)
