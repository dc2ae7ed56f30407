# mypy: ignore-errors
"""Prints what DJI's package would send for many calls, as JSON: name -> frame in hex. No robot is needed."""

import json
import logging

from robomaster import armor, blaster, camera, chassis, conn, dds, gimbal, led, protocol, robot, robotic_arm, servo

logging.disable(logging.CRITICAL)
SDK = 0xC9
sent = []


class Recorder:
    """Stands in for the client, the dispatcher of actions and the robot."""

    hostbyte = SDK
    conf = None
    client = property(lambda self: self)
    action_dispatcher = property(lambda self: self)
    dds = property(lambda self: self)

    def send_sync_msg(self, msg, *_):
        sent.append(bytes(msg.pack()))

    send_async_msg = send_sync_msg

    def send_action(self, action, *_):
        protocol.Msg._next_seq_id = 10000
        proto = action.encode()
        proto._action_id = 7
        sent.append(bytes(protocol.Msg(SDK, action._target, proto).pack()))


recorder = Recorder()


def plain(proto, receiver=0x09):
    return lambda: recorder.send_sync_msg(protocol.Msg(SDK, receiver, proto))


def handshake():
    proto = protocol.ProtoSetSdkConnection()
    proto._host, proto._connection, proto._ip, proto._port = SDK, 2, "192.168.42.3", 10123
    plain(proto)()


def subscribe(subject):
    proto = protocol.ProtoAddSubMsg()
    proto._node_id, proto._sub_freq, proto._sub_data_num, proto._msg_id = SDK, 10, 1, 20
    proto._sub_uid_list.append(dds.SUB_UID_MAP[subject])
    plain(proto)()


def video(on, resolution):
    recorder.conn_type = conn.CONNECTION_WIFI_STA
    eye = camera.EPCamera(recorder)
    eye._video_stream(on, resolution)


wheels = chassis.Chassis(recorder)
head = gimbal.Gimbal(recorder)
lamps = led.Led(recorder)
plates = armor.Armor(recorder)
gun = blaster.Blaster(recorder)
CALLS = {
    "sdk_mode": plain(protocol.ProtoSetSdkMode()),
    "handshake": handshake,
    "heartbeat": plain(protocol.ProtoSdkHeartBeat()),
    "version": plain(protocol.ProtoGetProductVersion(), 0x28),
    "serial": plain(protocol.ProtoGetSn(), 0x28),
    "get_mode": plain(protocol.ProtoGetRobotMode()),
    "drive_speed": lambda: wheels.drive_speed(0.5, -0.25, 30),
    "drive_wheels": lambda: wheels.drive_wheels(10, 20, 30, -40),
    "move": lambda: wheels.move(0.5, -0.3, 90, 0.7, 45),
    "gimbal_speed": lambda: head.drive_speed(pitch_speed=-12.5, yaw_speed=45),
    "gimbal_suspend": head.suspend,
    "gimbal_resume": head.resume,
    "gimbal_move": lambda: head.move(pitch=5, yaw=-20, pitch_speed=40, yaw_speed=50),
    "gimbal_moveto": lambda: head.moveto(pitch=5, yaw=-20, pitch_speed=40, yaw_speed=50),
    "gimbal_recenter": lambda: head.recenter(pitch_speed=60, yaw_speed=70),
    "led_on": lambda: lamps.set_led("all", 1, 2, 3, led.EFFECT_ON),
    "led_flash": lambda: lamps.set_led("bottom_left", 255, 0, 0, led.EFFECT_FLASH, 5),
    "led_breath": lambda: lamps.set_led("top_right", 0, 255, 0, led.EFFECT_BREATH),
    "led_scrolling": lambda: lamps.set_led("top_all", 0, 0, 255, led.EFFECT_SCROLLING),
    "led_gimbal": lambda: lamps.set_gimbal_led("top_all", 255, 25, 50, [0, 2, 7], led.EFFECT_OFF),
    "sensitivity": lambda: plates.set_hit_sensitivity("bottom_left", 1),
    "fire": lambda: gun.fire(blaster.INFRARED_FIRE, 3),
    "blaster_led": lambda: gun.set_led(200, blaster.LED_ON),
    "play_sound": lambda: recorder.send_action(robot.RobotPlaySoundAction(0x110, 2)),
    "arm": lambda: recorder.send_action(robotic_arm.RoboticArmMoveAction(20, -30, 0, 1)),
    "servo": lambda: recorder.send_action(servo.ServoSetAngleAction(2, 300)),
    "subscribe": lambda: subscribe("position"),
    "stream": lambda: video(1, "540p"),
}
result = {}
for name, call in CALLS.items():
    protocol.Msg._next_seq_id = 10000
    del sent[:]
    call()
    result[name] = sent[-1].hex() if sent else None
print(json.dumps(result, indent=1))
