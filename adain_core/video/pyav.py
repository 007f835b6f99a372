"""Check that PyAV is installed and recent enough; imported before anything that needs it."""

_INSTALL = 'install it with: python -m pip install "av>=17.1"'
try:
    import av
except ImportError as error:
    raise ImportError(f"videos need the package av (PyAV): {_INSTALL}") from error
# FFmpeg's libavformat 62.3, in PyAV 17.0, silently writes MP4 files without frames.
if tuple(map(int, av.__version__.split(".")[:2])) < (17, 1):
    raise ImportError(f"videos need PyAV 17.1 or newer, got {av.__version__}: {_INSTALL}")
