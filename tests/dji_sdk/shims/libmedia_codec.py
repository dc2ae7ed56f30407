"""DJI's decoders are compiled for Python 3.8; here nothing is decoded."""


class H264Decoder:
    def decode(self, data: bytes) -> list[object]:
        return []


class OpusDecoder:
    def decode(self, data: bytes) -> bytes:
        return b""
