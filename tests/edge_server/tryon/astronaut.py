"""The portrait that ships with scikit-image, with key points and areas set by hand."""

import cv2
import numpy as np
import skimage.data

from edge_server.tryon.values import Area, BodyPose, KeyPoint, Parsing, Person

# Pixels of the whole picture, 512 x 512. Her arms are hidden in a wide suit, the left one behind the helmet.
_POINTS = {
    "nose": (220, 125), "left_eye": (245, 103), "right_eye": (200, 101), "mouth_left": (238, 148),
    "mouth_right": (206, 146), "left_ear": (268, 118), "right_ear": (178, 115), "left_shoulder": (303, 268),
    "right_shoulder": (102, 262), "left_elbow": (330, 390), "right_elbow": (62, 410), "left_wrist": (318, 500),
    "right_wrist": (150, 520), "left_hip": (270, 590), "right_hip": (135, 590),
}  # fmt: skip
_PERSON = (
    (201, 23), (163, 51), (153, 68), (157, 104), (170, 121), (178, 133), (178, 147), (153, 151), (131, 167), (121, 183),
    (118, 205), (110, 206), (76, 235), (60, 252), (44, 282), (26, 342), (19, 390), (24, 470), (30, 511), (285, 511),
    (278, 470), (285, 430), (300, 392), (330, 362), (360, 349), (360, 328), (352, 286), (340, 262), (305, 236),
    (299, 219), (289, 203), (258, 175), (274, 135), (294, 111), (300, 92), (288, 43), (251, 19),
)  # fmt: skip
_AREAS = (
    (Area.TORSO, _PERSON),
    (Area.RIGHT_UPPER_ARM, ((76, 235), (112, 255), (122, 330), (112, 400), (100, 420), (15, 420), (10, 300))),
    (Area.RIGHT_LOWER_ARM, ((10, 420), (100, 420), (130, 455), (160, 470), (140, 490), (110, 511), (10, 511))),
    (Area.LEFT_UPPER_ARM, ((305, 236), (300, 262), (292, 330), (295, 398), (370, 360), (370, 260))),
    (Area.NECK, ((130, 150), (258, 160), (290, 200), (302, 240), (270, 272), (220, 265), (160, 240), (126, 190))),
    (Area.HAIR, ((201, 10), (140, 50), (150, 110), (180, 135), (260, 135), (310, 110), (300, 40), (251, 10))),
    (Area.FACE, ((192, 75), (255, 80), (272, 95), (272, 120), (256, 165), (226, 180), (202, 172), (184, 145), (182, 90),
    )),
)  # fmt: skip


def astronaut(box: tuple[int, int, int, int] = (0, 0, 512, 512)) -> Person:
    """`box`: x, y, width and height of the part that is taken; (0, 0, 512, 384) is 512 x 384."""
    x, y, width, height = box
    bgr = np.ascontiguousarray(skimage.data.astronaut()[y : y + height, x : x + width, ::-1])
    person = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(person, [np.array(_PERSON, np.int32)], (1,))
    labels = np.zeros((512, 512), np.uint8)
    for area, corners in _AREAS:
        drawn = np.zeros((512, 512), np.uint8)
        cv2.fillPoly(drawn, [np.array(corners, np.int32)], (1,))
        labels[(drawn & person) > 0] = area
    cut = (slice(y, y + height), slice(x, x + width))
    mask = cv2.GaussianBlur(person.astype(np.float32), (5, 5), 0)
    mask[person == 0] = np.minimum(mask[person == 0], 0.49)
    points = {
        name: KeyPoint((px - x) / width, (py - y) / height, 0.9 if py < y + height else 0.3)
        for name, (px, py) in _POINTS.items()
    }
    return Person(bgr, BodyPose(points, mask[cut]), Parsing(np.ascontiguousarray(labels[cut])))


WIDE, TALL = (0, 0, 512, 384), (0, 0, 384, 512)
