# mypy: ignore-errors
"""Looks at the video without showing it."""

from talk import report, robot_at

with robot_at() as rover:
    for resolution in ("360p", "720p"):
        started = rover.camera.start_video_stream(display=False, resolution=resolution)
        pictures = [rover.camera.read_cv2_image(timeout=8, strategy="pipeline") for _ in range(5)]
        picture = pictures[-1]
        report(
            resolution,
            started=started,
            shape=picture.shape,
            mean=picture.reshape(-1, 3).mean(axis=0).tolist(),
            spread=float(picture.std()),
        )
        stopped = rover.camera.stop_video_stream()
        report("stopped", stopped=stopped)
