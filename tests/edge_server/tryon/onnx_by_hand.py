"""Small ONNX networks written in protobuf's wire format: no library here writes them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10}
Shape = Sequence[int | str] | None  # None: not said; a string: any size
Tensors = Mapping[str, tuple[str, Shape]]


class Node(NamedTuple):
    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, int | Sequence[int]] = {}


def network(
    inputs: Tensors, nodes: Sequence[Node], outputs: Tensors, weights: Mapping[str, NDArray[Any]] | None = None
) -> bytes:
    """A file of opset 13."""
    graph = b"".join(_field(1, _node(node)) for node in nodes) + _field(2, b"g")
    graph += b"".join(_field(5, _weight(name, array)) for name, array in (weights or {}).items())
    graph += b"".join(_field(11, _tensor(name, *about)) for name, about in inputs.items())
    graph += b"".join(_field(12, _tensor(name, *about)) for name, about in outputs.items())
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _field(key: int, payload: bytes) -> bytes:
    return _varint(key << 3 | 2) + _varint(len(payload)) + payload


def _number(key: int, value: int) -> bytes:
    return _varint(key << 3) + _varint(value)


def _node(node: Node) -> bytes:
    data = b"".join(_field(1, name.encode()) for name in node.inputs)
    data += b"".join(_field(2, name.encode()) for name in node.outputs) + _field(4, node.op.encode())
    for name, value in node.attributes.items():
        if isinstance(value, int):
            data += _field(5, _field(1, name.encode()) + _number(3, value) + _number(20, 2))
        else:
            data += _field(5, _field(1, name.encode()) + b"".join(_number(8, each) for each in value) + _number(20, 7))
    return data


def _weight(name: str, array: NDArray[Any]) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, TYPES[array.dtype.name]) + _field(8, name.encode()) + _field(9, array.tobytes())


def _tensor(name: str, dtype: str, shape: Shape) -> bytes:
    about = _number(1, TYPES[dtype])
    if shape is not None:
        dims = (_number(1, size) if isinstance(size, int) else _field(2, size.encode()) for size in shape)
        about += _field(2, b"".join(_field(1, dim) for dim in dims))
    return _field(1, name.encode()) + _field(2, _field(1, about))
