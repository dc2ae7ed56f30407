"""The work behind the three services: pictures in, pose, areas and dressed people out, step by step over the stages.

Knows nothing of gRPC's calls. What a request holds in memory is counted before it is unpacked.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from edge_server.config import EdgeConfig, TryOnTask
from edge_server.tryon.service_costs import HeldBytes, Watch, part_of
from edge_server.tryon.service_pictures import (
    JPEG_QUALITY,
    LIVE_JPEG_QUALITY,
    Picture,
    check_picture,
    read_picture,
    working_px,
    write_picture,
)
from edge_server.tryon.service_values import (
    garment_from_data,
    garment_to_data,
    parsing_from_data,
    parsing_to_data,
    pose_from_data,
    pose_to_data,
)
from edge_server.tryon.stages import LocalStage, RemoteStage, Stage, Wardrobe
from edge_server.tryon.stages_lane import Ask
from edge_server.tryon.values import (
    BodyPose,
    Garment,
    Parsing,
    ParsingEngine,
    Person,
    PoseEngine,
    Progress,
    TryOnEngine,
)
from protos.tryon import (
    BodyReply,
    BodyRequest,
    GarmentData,
    ParsingData,
    PoseData,
    Quality,
    TryOnDone,
    TryOnRequest,
    Upright,
)
from protos.tryon_errors import NodeGoneError, UnknownGarmentError

T = TypeVar("T")
BYTES_A_PIXEL = 24  # picture 3, mask 4, labels 1, result 3, and as much again while one becomes another
POSE_SHARE, PARSING_SHARE = 0.1, 0.2  # of the whole work, where they are part of it
UNPACKED_AT_A_TIME = 2  # 16 MP with alpha are 64 to 128 MB while they are made smaller


@dataclass(slots=True)
class _Body:
    """What is known of one picture so far, in both forms where both were needed."""

    picture: Picture
    quality: Quality = Quality.PHOTO
    pose: BodyPose | None = None
    parsing: Parsing | None = None
    pose_data: PoseData | None = None
    parsing_data: ParsingData | None = None


class Fitter:
    """One for a node. Methods run in the event loop; whatever takes long runs in threads."""

    def __init__(self, config: EdgeConfig, stages: Mapping[TryOnTask, Stage], wardrobe: Wardrobe | None) -> None:
        self.node = config.id
        self._settings = config.tryon
        self._max_px = config.limits.max_image_px
        self._stages = stages
        self._wardrobe = wardrobe
        self._unpacking = asyncio.Semaphore(UNPACKED_AT_A_TIME)
        self.held = HeldBytes(config.tryon.max_held_bytes)

    async def find_pose(self, request: BodyRequest, ask: Ask) -> BodyReply:
        watch = Watch()
        with self._hold(request.image, request.quality):
            body = await self._unpack(request.image, request.quality, watch)
            await self._pose(body, ask, watch)
            return await self._body_reply(body, watch, ask, "pose")

    async def parse(self, request: BodyRequest, ask: Ask) -> BodyReply:
        watch = Watch()
        with self._hold(request.image, request.quality):
            body = await self._unpack(request.image, request.quality, watch)
            body.pose_data = request.pose
            await self._pose(body, ask, watch)
            await self._parsing(body, ask, watch)
            return await self._body_reply(body, watch, ask, "parsing")

    async def try_on(self, request: TryOnRequest, ask: Ask) -> TryOnDone:
        watch = Watch()
        stage = self._stage("tryon")
        garment_bytes = len(request.garment.image_png) if isinstance(request.garment, GarmentData) else 0
        with self._hold(request.image, request.quality, garment_bytes):
            garment = await self._garment(request.garment, isinstance(stage, RemoteStage))
            if isinstance(stage, RemoteStage) and request.pose and request.parsing:
                passed_on = replace(request, garment=_as_data(garment), budget_s=ask.left_s())
                with watch.time("try_on_s"):
                    return await self._ask_node(
                        stage, lambda: stage.client.try_on(passed_on, ask.deadline_s, ask.on_news)
                    )
            body = await self._unpack(request.image, request.quality, watch)
            body.pose_data, body.parsing_data = request.pose, request.parsing
            await self._pose(body, part_of(ask, 0.0, POSE_SHARE), watch)
            await self._parsing(body, part_of(ask, POSE_SHARE, PARSING_SHARE), watch)
            begun = 0.0 if request.pose and request.parsing else PARSING_SHARE
            dressing = part_of(ask, begun, 1.0)
            if isinstance(stage, RemoteStage):
                done = await self._dress_there(stage, body, garment, request, dressing, watch)
            else:
                done = await self._dress_here(stage, body, cast(Garment, garment), request, dressing, watch)
            done = replace(done, timings=watch.timings(ask), upright=_upright(body.picture), pose=None, parsing=None)
            if request.want_body:
                await self._as_data(body)
                done = replace(
                    done,
                    pose=None if request.pose else body.pose_data,
                    parsing=None if request.parsing else body.parsing_data,
                )
            return done

    # ---- steps ----

    async def _unpack(self, image: bytes, quality: Quality, watch: Watch) -> _Body:
        longest_px = self._settings.live_px if quality is Quality.LIVE else self._settings.photo_px
        with watch.time("decode_s"):
            async with self._unpacking:
                return _Body(await asyncio.to_thread(read_picture, image, longest_px, self._max_px), quality)

    async def _pose(self, body: _Body, ask: Ask, watch: Watch) -> None:
        picture = body.picture
        if body.pose_data is None:
            stage = self._stage("pose")
            with watch.time("pose_s", ask):
                if isinstance(stage, LocalStage):
                    engine = cast(PoseEngine, stage.engine_for(body.quality))
                    body.pose = await stage.lane.run(
                        ask, "looking for you in the picture", lambda progress: engine.pose(picture.bgr)
                    )
                else:
                    asked = BodyRequest(picture.file, ask.user, ask.left_s(), Quality.PHOTO)
                    reply = await self._ask_node(stage, lambda: stage.client.pose(asked, ask.deadline_s))
                    body.pose_data = reply.pose
        if body.pose is None:
            assert body.pose_data is not None
            size = (picture.width_px, picture.height_px)
            body.pose = await asyncio.to_thread(pose_from_data, body.pose_data, *size, self._max_px)

    async def _parsing(self, body: _Body, ask: Ask, watch: Watch) -> None:
        picture, pose = body.picture, body.pose
        assert pose is not None
        if body.parsing_data is None:
            stage = self._stage("parsing")
            with watch.time("parsing_s", ask):
                if isinstance(stage, LocalStage):
                    engine = cast(ParsingEngine, stage.engine_for(body.quality))
                    body.parsing = await stage.lane.run(
                        ask, "telling arms, hands and clothes apart", lambda progress: engine.parse(picture.bgr, pose)
                    )
                else:
                    body.pose_data = body.pose_data or await asyncio.to_thread(pose_to_data, pose)
                    asked = BodyRequest(picture.file, ask.user, ask.left_s(), Quality.PHOTO, body.pose_data)
                    reply = await self._ask_node(stage, lambda: stage.client.parse(asked, ask.deadline_s))
                    body.parsing_data = reply.parsing
        if body.parsing is None:
            assert body.parsing_data is not None
            size = (picture.width_px, picture.height_px)
            body.parsing = await asyncio.to_thread(parsing_from_data, body.parsing_data, *size, self._max_px)

    async def _garment(self, wanted: str | GarmentData, keep_data: bool) -> Garment | GarmentData | str:
        """Of this node's own catalogue also for another node: that one may have fewer."""
        if isinstance(wanted, GarmentData):
            garment = await asyncio.to_thread(garment_from_data, wanted, self._max_px)  # judged here in any case
            return wanted if keep_data else garment
        try:
            if self._wardrobe is None:
                raise UnknownGarmentError(f"{self.node} has no catalogue: send the whole garment, not only {wanted!r}")
            own = await asyncio.to_thread(self._wardrobe.get, wanted)
        except UnknownGarmentError:
            if keep_data:
                return wanted  # perhaps the other node has it
            raise
        return await asyncio.to_thread(garment_to_data, own) if keep_data else own

    async def _dress_here(
        self, stage: LocalStage, body: _Body, garment: Garment, request: TryOnRequest, ask: Ask, watch: Watch
    ) -> TryOnDone:
        assert body.pose is not None
        assert body.parsing is not None
        engine = cast(TryOnEngine, stage.engine_for(request.quality))
        person = Person(body.picture.bgr, body.pose, body.parsing)
        quality = LIVE_JPEG_QUALITY if request.quality is Quality.LIVE else JPEG_QUALITY

        def dress(progress: Progress) -> tuple[bytes, int, int]:
            bgr = engine.try_on(person, garment, progress)
            return write_picture(bgr, request.format, quality), bgr.shape[1], bgr.shape[0]

        with watch.time("try_on_s", ask):
            image, width_px, height_px = await stage.lane.run(ask, "putting the garment on", dress)
        return TryOnDone(image, request.format, width_px, height_px, stage.engine.name, node=self.node)

    async def _dress_there(
        self,
        stage: RemoteStage,
        body: _Body,
        garment: Garment | GarmentData | str,
        request: TryOnRequest,
        ask: Ask,
        watch: Watch,
    ) -> TryOnDone:
        await self._as_data(body)
        passed_on = replace(
            request,
            image=body.picture.file,
            garment=_as_data(garment),
            pose=body.pose_data,
            parsing=body.parsing_data,
            budget_s=ask.left_s(),
            want_body=False,
        )
        with watch.time("try_on_s"):
            return await self._ask_node(stage, lambda: stage.client.try_on(passed_on, ask.deadline_s, ask.on_news))

    # ---- inside ----

    def _stage(self, task: TryOnTask) -> Stage:
        stage = self._stages.get(task)
        if stage is None:
            raise NodeGoneError(
                f"{self.node} does no {task} itself: send its result with the request, or start it with --{task} local"
            )
        if stage.problem:
            raise NodeGoneError(stage.problem)
        return stage

    @staticmethod
    async def _ask_node(stage: RemoteStage, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except NodeGoneError as error:
            stage.failed(error)
            raise

    def _hold(self, image: bytes, quality: Quality, more: int = 0) -> contextlib.AbstractContextManager[None]:
        """Raises BadImageError, BusyError."""
        longest_px = self._settings.live_px if quality is Quality.LIVE else self._settings.photo_px
        pixels = working_px(check_picture(image, self._max_px), longest_px)
        return self.held.hold(2 * len(image) + more + BYTES_A_PIXEL * pixels)

    async def _as_data(self, body: _Body) -> None:
        assert body.pose is not None
        body.pose_data = body.pose_data or await asyncio.to_thread(pose_to_data, body.pose)
        if body.parsing is not None:
            body.parsing_data = body.parsing_data or await asyncio.to_thread(parsing_to_data, body.parsing)

    async def _body_reply(self, body: _Body, watch: Watch, ask: Ask, task: TryOnTask) -> BodyReply:
        await self._as_data(body)
        assert body.pose_data is not None
        engine = self._stage(task).info.engine
        return BodyReply(body.pose_data, body.parsing_data, _upright(body.picture), engine, watch.timings(ask))


def _upright(picture: Picture) -> Upright:
    return Upright(picture.width_px, picture.height_px, b"" if picture.is_as_sent else picture.file)


def _as_data(garment: Garment | GarmentData | str) -> GarmentData | str:
    assert not isinstance(garment, Garment)
    return garment
