"""`tagalong archive ...`: the programs between a camera and a bucket, and a demonstration of all of them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from archive import running
from archive.config import ForgetConfig, ForwardConfig, GalleryConfig, LogConfig, StorageConfig, StoreConfig
from common.logs import LogLevel, set_up_logs

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Config = Annotated[Path | None, typer.Option(help="YAML file with settings; flags win over it.")]
Log = Annotated[LogLevel, typer.Option(help="How much to say on standard error.")]
MetricsPort = Annotated[int | None, typer.Option(help="/metrics and /healthz there; 0 is off. [default: 0]")]


@app.callback()
def archive() -> None:
    """Faces over MQTT into object storage.

    A robot (`tagalong robot --archive`) or `archive camera` publishes faces to a local broker; `archive forward` takes
    them to a remote one, `archive store` from there into a folder or an S3 bucket. `archive demo` shows it all.
    """


@app.command()
def demo(
    camera: Annotated[str, typer.Option(help="sim, a webcam's index, a video or picture file, or picamera2.")] = "sim",
    storage: Annotated[
        str, typer.Option("--store", help="Where faces go: file:///FOLDER or s3://BUCKET/PREFIX.")
    ] = "file://./runs/faces",
    endpoint: Annotated[str | None, typer.Option(help="Of an S3 service that is not Amazon's.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every face of every picture, not only the best ones.")] = False,
    duration: Annotated[float | None, typer.Option(min=0.0, help="End after so many seconds.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the gallery; a free one if it is taken.")] = 8090,
    embedded: Annotated[bool, typer.Option("--embedded", help="Brokers in Python, also beside Mosquitto.")] = False,
    preview: Annotated[bool, typer.Option("--preview/--no-preview", help="A page with what the camera sees.")] = True,
    blur: Annotated[bool, typer.Option("--blur", help="Faces cannot be known on that page.")] = False,
    log_level: Log = LogLevel.ERROR,
) -> None:
    """Show the whole chain on this machine: camera, local broker, forwarder, remote broker, store, gallery.

    Needs no hardware, no broker and no network. With Mosquitto installed the brokers are real ones.

    Examples:\n
      tagalong archive demo                        a simulated camera; people walk by\n
      tagalong archive demo --camera 0             your webcam\n
      tagalong archive demo --camera party.mp4 --all --store s3://faces --endpoint http://127.0.0.1:9000
    """
    set_up_logs(log_level)
    chosen = running.settings(StorageConfig, "demo", None, {"url": storage, "s3.endpoint": endpoint})

    async def work() -> None:
        from archive.demo import Demo, DemoOptions
        from archive.demo_view import table_view

        options = DemoOptions(camera, chosen, all_, duration, port, embedded, preview, blur)
        await Demo(options, table_view(Console(highlight=False))).run()

    running.run("demo", work)


@app.command()
def camera(
    robot_id: Annotated[str | None, typer.Option("--id", help="Name in topics and keys. [default: host name]")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--camera", help="Webcam index, video or picture file, rtsp:// address, picamera2 or sim. [default: 0]"
        ),
    ] = None,
    broker: Annotated[str | None, typer.Option(help="mqtt(s)://HOST:PORT. [default: mqtt://127.0.0.1:1883]")] = None,
    username: Annotated[str | None, typer.Option(help="Login at the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with its password.")] = None,
    all_: Annotated[
        bool | None,
        typer.Option("--all/--best", help="Every face of every picture, or the best of a track. [default: best]"),
    ] = None,
    max_per_s: Annotated[float | None, typer.Option(help="Crops a second at most; 0: no limit. [default: 20]")] = None,
    format: Annotated[str | None, typer.Option(help="png or jpeg. [default: png]")] = None,
    qos: Annotated[int | None, typer.Option(min=0, max=2, help="Of MQTT. [default: 1]")] = None,
    local: Annotated[
        bool | None,
        typer.Option("--local/--no-local", help="Find faces here if nobody else does. [default: on]"),
    ] = None,
    server: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT of an edge server that is not announced; may be repeated.")
    ] = None,
    discovery: Annotated[
        bool | None, typer.Option("--discovery/--no-discovery", help="Find announced edge servers. [default: on]")
    ] = None,
    preview: Annotated[
        bool | None, typer.Option("--preview/--no-preview", help="A page with what the camera sees. [default: off]")
    ] = None,
    preview_port: Annotated[int | None, typer.Option(help="[default: 8081]")] = None,
    blur: Annotated[
        bool | None, typer.Option("--blur/--no-blur", help="Blur faces on that page. [default: off]")
    ] = None,
    metrics_port: MetricsPort = None,
    config: Config = None,
    log_level: Log = LogLevel.WARNING,
) -> None:
    """Find faces with a camera of this machine and publish them, without a robot.

    Edge servers nearby find them (`tagalong edge --task face`), or this program itself.

    Example:\n
      tagalong archive camera --camera 0 --id door --preview --blur
    """
    set_up_logs(log_level)
    overrides = {
        "robot_id": robot_id,
        "camera.kind": source if source in ("picamera2", "sim") else None if source is None else "opencv",
        "camera.source": None if source in ("picamera2", "sim") else source,
        "broker.url": broker,
        "broker.username": username,
        "broker.password_file": password_file,
        "choice.all": all_,
        "choice.max_per_s": max_per_s,
        "crop.format": format,
        "qos": qos,
        "local": local,
        "handover.servers": [{"address": address} for address in server] if server else None,
        "handover.zeroconf": discovery,
        "preview.enabled": preview,
        "preview.port": preview_port,
        "preview.blur": blur,
        "metrics_port": metrics_port,
    }

    async def work() -> None:
        from archive.camera import FaceCamera

        await FaceCamera(chosen).run(lambda url: print(f"preview: {url}", flush=True))

    with running.told("camera"):
        from archive.camera_config import CameraConfig

    chosen = running.settings(CameraConfig, "camera", config, overrides)
    running.run("camera", work)


@app.command()
def log(
    broker: Annotated[str | None, typer.Option(help="mqtt://HOST:PORT. [default: mqtt://127.0.0.1:1883]")] = None,
    topic: Annotated[str | None, typer.Option(help="[default: tagalong/{robot}/faces]")] = None,
    username: Annotated[str | None, typer.Option(help="Login; the password by the environment or a file.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password.")] = None,
    metrics_port: MetricsPort = None,
    config: Config = None,
    log_level: Log = LogLevel.WARNING,
) -> None:
    """Write a line for each face that is published, to standard output.

    The place to hang actions of your own on: read the lines, or start from archive/logger.py.
    """
    set_up_logs(log_level)
    from archive.logger import run_logger

    overrides = {
        "broker.url": broker,
        "broker.username": username,
        "broker.password_file": password_file,
        "topic": topic,
        "metrics_port": metrics_port,
    }
    chosen = running.settings(LogConfig, "log", config, overrides)
    running.run("log", lambda: run_logger(chosen))


@app.command()
def forward(
    remote: Annotated[str | None, typer.Option(help="Broker to take faces to: mqtt(s)://HOST:PORT.")] = None,
    local: Annotated[str | None, typer.Option(help="Where they come from. [default: mqtt://127.0.0.1:1883]")] = None,
    username: Annotated[str | None, typer.Option(help="Login at the remote broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with its password.")] = None,
    authority: Annotated[Path | None, typer.Option(help="Whom to trust for mqtts://, PEM.")] = None,
    qos: Annotated[
        int | None, typer.Option(min=0, max=2, help="0 is best effort, without a queue. [default: 1]")
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(help="Who has to have a face before it leaves the queue: store or broker. [default: store]"),
    ] = None,
    spool: Annotated[
        Path | None, typer.Option(help="The queue's file. [default: ~/.local/state/tagalong/archive/forward.db]")
    ] = None,
    max_mb: Annotated[float | None, typer.Option(help="Of the queue; the oldest go first. [default: 2000]")] = None,
    metrics_port: MetricsPort = None,
    config: Config = None,
    log_level: Log = LogLevel.WARNING,
) -> None:
    """Take faces from the local broker to a remote one, over a queue on disk.

    Nothing leaves the queue before `tagalong archive store` behind the remote broker says that it is safe.

    Example:\n
      TAGALONG_ARCHIVE_FORWARD__REMOTE__PASSWORD=... tagalong archive forward --remote mqtts://cloud:8883 --username pi
    """
    set_up_logs(log_level)
    from archive.forwarder import Forwarder

    overrides = {
        "remote.url": remote,
        "remote.username": username,
        "remote.password_file": password_file,
        "remote.tls.authority": authority,
        "local.url": local,
        "qos": qos,
        "confirm": confirm,
        "spool.path": spool,
        "spool.max_mb": max_mb,
        "metrics_port": metrics_port,
    }
    chosen = running.settings(ForwardConfig, "forward", config, overrides)

    async def work() -> None:
        await Forwarder(chosen).run()

    running.run("forward", work)


@app.command()
def store(
    storage: Annotated[
        str | None, typer.Option("--store", help="file:///FOLDER or s3://BUCKET/PREFIX. [default: file://./faces]")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="mqtt(s)://HOST:PORT. [default: mqtt://127.0.0.1:1883]")] = None,
    username: Annotated[str | None, typer.Option(help="Login at the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with its password.")] = None,
    authority: Annotated[Path | None, typer.Option(help="Whom to trust for mqtts://, PEM.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Of an S3 service that is not Amazon's: http(s)://HOST:PORT.")
    ] = None,
    retention_days: Annotated[float | None, typer.Option(help="Delete faces that are older. [default: never]")] = None,
    metrics_port: MetricsPort = None,
    config: Config = None,
    log_level: Log = LogLevel.WARNING,
) -> None:
    """Keep faces: write each as a PNG object, with a line in a daily index.

    S3 credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the settings file.

    Examples:\n
      tagalong archive store --store file:///var/lib/faces\n
      tagalong archive store --store s3://faces/hall --endpoint https://minio:9000 --broker mqtts://cloud
    """
    set_up_logs(log_level)
    from archive.store import Store

    overrides = {
        "storage.url": storage,
        "storage.s3.endpoint": endpoint,
        "broker.url": broker,
        "broker.username": username,
        "broker.password_file": password_file,
        "broker.tls.authority": authority,
        "retention_days": retention_days,
        "metrics_port": metrics_port,
    }
    chosen = running.settings(StoreConfig, "store", config, overrides)

    async def work() -> None:
        await Store(chosen).run()

    running.run("store", work)


@app.command()
def gallery(
    storage: Annotated[
        str | None, typer.Option("--store", help="file:///FOLDER or s3://BUCKET/PREFIX. [default: file://./faces]")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Of an S3 service that is not Amazon's.")] = None,
    host: Annotated[str | None, typer.Option(help="Another than 127.0.0.1 needs a password.")] = None,
    port: Annotated[int | None, typer.Option(help="0 picks a free one. [default: 8090]")] = None,
    config: Config = None,
    log_level: Log = LogLevel.WARNING,
) -> None:
    """See what is stored, by day, robot and track, on a page; and forget tracks there.

    For others than this machine: TAGALONG_ARCHIVE_GALLERY__PASSWORD=... tagalong archive gallery --host 0.0.0.0
    """
    set_up_logs(log_level)
    overrides = {"storage.url": storage, "storage.s3.endpoint": endpoint, "host": host, "port": port}
    chosen = running.settings(GalleryConfig, "gallery", config, overrides)

    async def work() -> None:
        from archive.gallery.serve import serve

        await serve(chosen, lambda url: print(f"gallery: {url}", flush=True))

    running.run("gallery", work)


@app.command()
def forget(
    storage: Annotated[
        str | None, typer.Option("--store", help="file:///FOLDER or s3://BUCKET/PREFIX. [default: file://./faces]")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Of an S3 service that is not Amazon's.")] = None,
    track: Annotated[str | None, typer.Option(help="Faces of this track; its name as the gallery shows it.")] = None,
    before: Annotated[str | None, typer.Option(help="Faces from before 2026-11-27, or 2026-11-27T10:00:00Z.")] = None,
    robot: Annotated[str | None, typer.Option(help="Faces of this robot or camera.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Annotated[Path | None, typer.Option(help="YAML file with `storage:`, such as the store's.")] = None,
) -> None:
    """Delete faces for good: objects, their lines in the index, and what still arrives of them.

    All that is given has to fit. A store that runs need not be stopped.

    Examples:\n
      tagalong archive forget --store file://./faces --track k3f9a1-12\n
      tagalong archive forget --store s3://faces --robot hall --before 2026-11-01 --dry-run
    """
    set_up_logs(LogLevel.WARNING)
    from archive.forget import run_forget

    chosen = running.settings(ForgetConfig, "forget", config, {"storage.url": storage, "storage.s3.endpoint": endpoint})
    with running.told("forget"):
        run_forget(chosen.storage, robot=robot, track=track, before=before, dry_run=dry_run, yes=yes)
