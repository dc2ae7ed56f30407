"""The nodes of a mirror: those of the handover, which the robot uses too."""

from handover.nodes import (
    BadImageError,
    BusyError,
    CannotDressError,
    GarmentData,
    ImageFormat,
    NewsKind,
    Nodes,
    NoNodeError,
    ParsingData,
    PoseData,
    Prepared,
    ProgressNews,
    Quality,
    TooLateError,
    TryOnRequest,
    TryOnResult,
)

__all__ = [
    "BadImageError",
    "BusyError",
    "CannotDressError",
    "GarmentData",
    "ImageFormat",
    "NewsKind",
    "NoNodeError",
    "Nodes",
    "ParsingData",
    "PoseData",
    "Prepared",
    "ProgressNews",
    "Quality",
    "TooLateError",
    "TryOnRequest",
    "TryOnResult",
]
