"""Whether PyAV is there and new enough; imported before what needs it."""

_INSTALL = 'install it with: python -m pip install "av>=17.1"'
try:
    import av
except ImportError as error:
    raise ImportError(f"videos need the package av (PyAV): {_INSTALL}") from error
# FFmpeg's libavformat 62.3, in PyAV 17.0, leaves MP4s without a frame and says nothing.
if tuple(map(int, av.__version__.split(".")[:2])) < (17, 1):
    raise ImportError(
        f"videos need version 17.1 of PyAV or a later one, got {av.__version__}: {_INSTALL}"
    )
