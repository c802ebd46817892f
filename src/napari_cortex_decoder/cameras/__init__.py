"""Cameras on the mouse: their pictures, and their clock on that of the session."""

from napari_cortex_decoder.cameras.camera import (
    Camera,
    CameraClock,
    camera_with_clock,
    line_up,
    open_camera,
)
from napari_cortex_decoder.cameras.kept import remember_cameras, remembered_cameras
from napari_cortex_decoder.cameras.motion import Rectangle, motion_energy
from napari_cortex_decoder.cameras.pictures import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    Picture,
    Pictures,
)
from napari_cortex_decoder.cameras.pose import (
    POSE_SUFFIXES,
    Pose,
    keypoint_speed,
    read_pose,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "POSE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Camera",
    "CameraClock",
    "Picture",
    "Pictures",
    "Pose",
    "Rectangle",
    "camera_with_clock",
    "keypoint_speed",
    "line_up",
    "motion_energy",
    "open_camera",
    "read_pose",
    "remember_cameras",
    "remembered_cameras",
]
