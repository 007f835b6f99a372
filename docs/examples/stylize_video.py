"""Stylize the first two seconds of a video.

Needs ``pip install -c constraints.txt -e ".[video]"`` in a clone.

python docs/examples/stylize_video.py clip.mp4 painting.jpg
"""

import sys

from adain_core import AdaINModel, StylizeOptions, Stylizer, TemporalPool
from adain_core.video import Part, stylize_video

if len(sys.argv) != 3:
    sys.exit(__doc__)
clip, painting = sys.argv[1:]
stylizer = Stylizer(AdaINModel.from_pretrained(), StylizeOptions(painting), TemporalPool("ema"))
result = stylize_video(stylizer, clip, "painted.mp4", part=Part(end=2.0))
print(f"{result.frames} frames of {result.width}x{result.height} pixels")
