"""Bent cloth laid on the person: what stays in front, what has to be covered, light, shadows, seams."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import BGR, Area, Kind, Person
from edge_server.tryon.warp.body import UPPER_ARM_SHARE, Body, arm_areas
from edge_server.tryon.warp.layers import Layer
from edge_server.tryon.warp.light import Floats, exposure, shading
from edge_server.tryon.warp.pattern import SIDES, Side
from edge_server.tryon.warp.pieces import Fit
from edge_server.tryon.warp.skin import neck, skin

Bools = NDArray[np.bool_]
_SHOULDER_SHARE = 0.16  # of an arm: so far the trunk of a garment may cover it
_BARE_ARM = 0.2  # between the shoulder joints: half as thick as an arm may be that is painted bare
_STRAP_SHARE = 0.08  # the same of a garment without sleeves
_AHEAD = (Area.HAIR, Area.FACE, Area.LEFT_HAND, Area.RIGHT_HAND)
_CONTACT, _ROUND = 0.30, 0.22  # how dark a shadow under an arm and the turn of the cloth at the outline are, at most


@dataclass(frozen=True, slots=True)
class Dressed:
    """The picture, and how much of each pixel is garment."""

    bgr: BGR = field(repr=False)
    garment: Floats = field(repr=False)  # (height, width), 0..1
    skin: Floats = field(repr=False)  # 0..1: painted where what is worn would show in the neck's opening
    # where both are 0 the picture is the person's own, bit by bit


class Composer:
    """Lays layers on one person, the lowest first."""

    def __init__(self, person: Person, body: Body, fit: Fit, kind: Kind, detailed: bool) -> None:
        self._person, self._body, self._fit, self._kind, self._detailed = person, body, fit, kind, detailed
        self._labels = person.parsing.labels
        self._which, self._along = self._arms()
        self._limbs = self._bare()
        self._ahead = np.isin(self._labels, _AHEAD)
        self._near = self._reach()
        self._total = np.zeros(self._labels.shape, np.float32)
        self._skin = np.zeros(self._labels.shape, np.float32)
        self._out = person.bgr.astype(np.float32)
        self._light = self._shading()
        self._shade = self._light * exposure(person.bgr)
        self._tone = skin(person.bgr, self._labels) if kind in (Kind.TOP, Kind.DRESS) else None
        self._chest: Bools | None = None

    def _arms(self) -> tuple[NDArray[np.uint8], Floats]:
        """Which arm a pixel belongs to (1 the left one), and how far along it: 0 at the shoulder, 1 at the wrist."""
        which = np.zeros(self._labels.shape, np.uint8)
        along = np.zeros(self._labels.shape, np.float32)
        for number, side in enumerate(SIDES, 1):
            bones = self._body.arms[side]
            upper, lower, hand = arm_areas(side)
            for area, bone, first, last in ((upper, 0, 0.0, UPPER_ARM_SHARE), (lower, 1, UPPER_ARM_SHARE, 1.0)):
                rows, columns = np.nonzero(self._labels == area)
                offset = np.stack([columns, rows], axis=1) - bones.joints[bone]
                share = np.clip(offset @ bones.direction(bone) / max(bones.length(bone), 1e-6), 0, 1)
                which[rows, columns], along[rows, columns] = number, first + (last - first) * share
            which[self._labels == hand], along[self._labels == hand] = number, 1.0
        return which, along

    def _bare(self) -> Bools:
        """Arms beyond the sleeves' ends: they are before the trunk and stay there."""
        bare = np.zeros(self._labels.shape, bool)
        for number, side in enumerate(SIDES, 1):
            end = max(self._fit.ends.get(side, 0.0) if self._kind is not Kind.TROUSERS else 0.0, _SHOULDER_SHARE)
            end = end if self._fit.ends else _STRAP_SHARE
            bare |= (self._which == number) & (self._along > end)
        return self._even(bare)

    def _filled(self, bits: Bools, at: tuple[slice, slice]) -> Bools:
        """Even, and right up to hands and hair."""
        even = self._even(bits | self._ahead[at])
        return np.asarray(even & ~self._ahead[at] & (self._labels[at] != Area.BACKGROUND))

    def _even(self, bits: Bools) -> Bools:
        """Areas may have ragged borders; cloth has none."""
        if not bits.any():
            return bits
        sigma_px = max(0.025 * self._body.unit, 0.5)
        return np.asarray(cv2.GaussianBlur(bits.astype(np.float32), (0, 0), sigma_px) > 0.5)

    def _reach(self) -> Floats:
        """1 on the person and a little beyond, falling to 0: a garment does not float over what is beside or before."""
        person = ((self._person.pose.mask > 0.5) | (self._labels != Area.BACKGROUND)).astype(np.uint8)
        size = max(3, round(0.06 * self._body.unit)) | 1
        person = cv2.morphologyEx(person, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        away = cv2.distanceTransform(1 - person, cv2.DIST_L2, 3)
        loose = (0.035 * self._body.unit + 1.5 * self._fit.margin_px) * np.ones(away.shape[0], np.float32)
        if self._kind is Kind.DRESS:  # a skirt stands off as far as it is cut
            start = float(self._body.middle(0.85)[1])
            rows = np.arange(away.shape[0], dtype=np.float32)
            loose = loose + np.clip((rows - start) / (0.2 * self._body.trunk_length), 0, 1) * 4 * self._body.unit
        return np.clip(1 + (loose[:, None] - away) / 2, 0, 1).astype(np.float32)

    def _shading(self) -> Floats:
        areas = {Kind.TROUSERS: (Area.LEGS,), Kind.DRESS: (*_TOP, Area.LEGS)}.get(self._kind, _TOP)
        worn = np.where(np.isin(self._labels, areas), self._labels, 0).astype(np.uint8)
        if self._kind is Kind.DRESS:  # a hem or a belt between shirt and legs is no fold of what is worn over both
            legs = (self._labels == Area.LEGS).astype(np.uint8)
            size = max(3, round(0.16 * self._body.unit)) | 1
            edge = cv2.morphologyEx(legs, cv2.MORPH_GRADIENT, np.ones((size, size), np.uint8))
            worn[edge > 0] = 0
        if self._detailed:
            return shading(self._person.bgr, worn, self._body.unit)
        half = (worn.shape[1] // 2, worn.shape[0] // 2)
        bgr = cv2.resize(self._person.bgr, half, interpolation=cv2.INTER_AREA)
        small = cv2.resize(worn, half, interpolation=cv2.INTER_NEAREST)
        light = shading(bgr, np.asarray(small), self._body.unit / 2)
        return cv2.resize(light, (worn.shape[1], worn.shape[0]), interpolation=cv2.INTER_LINEAR)

    def lay(self, layer: Layer) -> None:
        """On top of what has been laid before."""
        at = (layer.box.rows, layer.box.columns)
        if self._kind is Kind.TROUSERS:
            stop = self._ahead[at] | self._limbs[at]
            need = (self._labels[at] == Area.LEGS) & ~stop
        elif layer.role == "trunk":
            stop = self._ahead[at] | self._limbs[at]
            need = (self._labels[at] == Area.TORSO) | (np.isin(self._labels[at], _SHOULDERS) & ~stop)
        else:
            stop, need = self._of_sleeve(layer)
        fill = (self._filled(need, at) & (layer.spare > 0.5)).astype(np.float32)
        alpha = np.maximum(layer.alpha, _softened(fill))
        alpha *= self._near[at]
        alpha *= 1 - np.maximum(_softened(stop.astype(np.float32)), stop)
        alpha[alpha < 0.5 / 255] = 0
        if not alpha.any():
            return
        light = self._shade[at]
        if layer.role == "trunk":
            light = light * self._contact(at)
        elif self._kind is not Kind.TROUSERS:
            self._shadow_below(layer, alpha)
        light = light * self._rounded(at)
        colour = layer.bgr * light[..., None]
        self._out[at] += alpha[..., None] * (colour - self._out[at])
        self._total[at] = 1 - (1 - self._total[at]) * (1 - alpha)
        if layer.role == "trunk" and self._kind in (Kind.TOP, Kind.DRESS) and not self._body.shows_back:
            self._bare_neck(layer, alpha)
            self._chest = self._above_straps()

    def _bare_neck(self, layer: Layer, alpha: Floats) -> None:
        """What is worn and would show in the neck's opening becomes skin, where the neck's own is seen."""
        at = (layer.box.rows, layer.box.columns)
        worn = (self._labels[at] == Area.TORSO) | (np.isin(self._labels[at], _SHOULDERS))
        bare = _softened(layer.neck * worn) * (1 - alpha) * ~self._ahead[at] * (self._labels[at] != Area.BACKGROUND)
        bare[bare < 0.02] = 0
        if self._tone is None or not bare.any():
            return
        colours = neck(self._person.bgr, self._labels, self._tone, self._body.unit)
        if colours is None:
            return
        self._out[at] += bare[..., None] * (colours[at] - self._out[at])
        self._skin[at] = bare

    def _above_straps(self) -> Bools:
        """The trunk's own pixels above the armpits."""
        rows, columns = np.indices(self._labels.shape)
        along = (columns - self._body.shoulders[0]) * self._body.down[0] + (
            rows - self._body.shoulders[1]
        ) * self._body.down[1]
        return (self._labels == Area.TORSO) & (along < 0.3 * self._body.trunk_length) | np.isin(
            self._labels, _SHOULDERS
        )

    def _bare_arms(self) -> None:
        """Worn sleeves that are longer than the new ones become skin too, unless they are too thick for an arm."""
        if self._tone is None or self._body.shows_back or self._kind not in (Kind.TOP, Kind.DRESS):
            return
        bare = np.zeros(self._labels.shape, bool)
        for number, side in enumerate(SIDES, 1):
            bones = self._body.arms[side]
            if sum(bones.half(0, 0.75)) > _BARE_ARM * 2 * self._body.size:
                return
            bare |= (self._which == number) & (self._along > self._fit.ends.get(side, 0.0) - 0.03)
        bare &= ~self._ahead
        if not self._fit.ends and self._chest is not None:  # straps leave the shoulders bare
            bare |= self._chest
        whole = (slice(None), slice(None))
        worn = self._filled(bare & ~self._tone.alike, whole) & bare
        if int(worn.sum()) < 0.15 * int(bare.sum()):  # they are bare already
            return
        alpha = _softened(worn.astype(np.float32)) * (1 - self._total) * ~self._ahead * (1 - self._skin)
        alpha *= np.clip((self._person.pose.mask - 0.3) / 0.4, 0, 1) * (self._labels != Area.BACKGROUND)
        # Skin shows no folds: of the sleeve's light only what is smooth.
        light = cv2.GaussianBlur(self._light, (0, 0), max(0.05 * self._body.unit, 1.0))
        self._out += alpha[..., None] * (self._tone.bgr * (0.97 * light)[..., None] - self._out)
        self._skin = np.maximum(self._skin, alpha)

    def _of_sleeve(self, layer: Layer) -> tuple[Bools, Bools]:
        at = (layer.box.rows, layer.box.columns)
        labels, which = self._labels[at], self._which[at]
        side: Side = layer.side or "left"
        mine = 1 + SIDES.index(side)
        upper, lower, hand = arm_areas(side)
        stop = self._ahead[at] | ((which > 0) & (which != mine) & (self._along[at] > _SHOULDER_SHARE))
        # An arm behind the back: where its own area ends the trunk is in front of it.
        arm = np.isin(labels, (upper, lower, hand))
        away = cv2.distanceTransform((~arm).astype(np.uint8), cv2.DIST_L2, 3)
        rows, columns = np.mgrid[at]
        bones = self._body.arms[side]
        along = (columns - bones.joints[0][0]) * bones.direction(0)[0] + (rows - bones.joints[0][1]) * bones.direction(
            0
        )[1]
        near_shoulder = (along < 0.5 * bones.length(0)) if layer.role == "upper" else np.zeros_like(arm)
        loose = 0.06 * self._body.unit + self._fit.margin_px
        stop |= np.isin(labels, (Area.TORSO, Area.LEGS, Area.NECK)) & (away > loose) & ~near_shoulder
        return stop, arm & (labels != hand)

    def _contact(self, at: tuple[slice, slice]) -> Floats:
        """The trunk is darker close to an arm or a hand before it."""
        over = (self._limbs[at] | self._ahead[at]).astype(np.float32)
        blurred = cv2.GaussianBlur(over, (0, 0), max(0.035 * self._body.unit, 0.8))
        return np.asarray(1 - _CONTACT * np.clip(blurred * 1.6, 0, 1), np.float32)

    def _shadow_below(self, layer: Layer, alpha: Floats) -> None:
        """A sleeve's edge darkens the cloth it lies on, so that both are told apart where they have one colour."""
        at = (layer.box.rows, layer.box.columns)
        # Not on itself: only trunk, legs and the other arm are below it.
        labels = self._labels[at]
        below = np.isin(labels, (Area.TORSO, Area.LEGS))
        below |= (self._which[at] > 0) & (self._which[at] != 1 + SIDES.index(layer.side or "left"))
        blurred = cv2.GaussianBlur(alpha, (0, 0), max(0.02 * self._body.unit, 0.8))
        under = cv2.GaussianBlur(below.astype(np.float32), (0, 0), max(0.008 * self._body.unit, 0.8))
        amount = _CONTACT * np.clip(blurred * 1.5, 0, 1) * under * self._total[at]
        self._out[at] *= (1 - amount)[..., None]

    def _rounded(self, at: tuple[slice, slice]) -> Floats:
        """Darker towards the outline against the background, where cloth turns away."""
        inside = (self._labels[at] != Area.BACKGROUND).astype(np.float32)
        blurred = cv2.GaussianBlur(inside, (0, 0), max(0.05 * self._body.unit, 1.0))
        return np.asarray(1 - _ROUND * np.clip(2 - 2 * blurred, 0, 1), np.float32)

    def _mend(self) -> None:
        """Small pieces of worn sleeves that no piece of the new ones has reached take the colours around them."""
        if self._kind is Kind.TROUSERS or not self._fit.ends:
            return
        left = np.zeros(self._labels.shape, bool)
        for number, side in enumerate(SIDES, 1):
            left |= (self._which == number) & (self._along < self._fit.ends.get(side, 0.0) - 0.06)
        left = self._even(left) & ~self._ahead & (self._total < 0.98)
        if int(left.sum()) < 4:
            return
        sigma_px = max(0.05 * self._body.unit, 1.0)
        x, y, width, height = cv2.boundingRect(left.astype(np.uint8))
        reach = round(3 * sigma_px)
        at = (slice(max(y - reach, 0), y + height + reach), slice(max(x - reach, 0), x + width + reach))
        out, total = self._out[at], self._total[at]
        weight = total * (total > 0.9)
        blurred = cv2.GaussianBlur(np.dstack([out * weight[..., None], weight]), (0, 0), sigma_px)
        colour, near = blurred[..., :3] / np.maximum(blurred[..., 3:], 1e-6), blurred[..., 3]
        alpha = _softened((left[at] & (near > 0.02)).astype(np.float32)) * ~self._ahead[at]
        out += alpha[..., None] * (colour - out)
        self._total[at] = 1 - (1 - total) * (1 - alpha)

    def finish(self) -> Dressed:
        self._mend()
        self._bare_arms()
        garment = self._total
        garment[garment < 0.5 / 255] = 0
        own = (garment == 0) & (self._skin == 0)
        out = np.clip(np.round(self._out), 0, 255).astype(np.uint8)
        out[own] = self._person.bgr[own]
        return Dressed(out, garment, self._skin)


_TOP = (Area.TORSO, Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM)
_SHOULDERS = (Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM)


def _softened(bits: Floats) -> Floats:
    return cv2.GaussianBlur(bits, (3, 3), 0.7)
