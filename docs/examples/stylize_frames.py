"""Stylize frames of any source without flicker, here a pan over a photo.

python docs/examples/stylize_frames.py photo.jpg painting.jpg
"""

import sys

from adain_core import AdaINModel, StylizeOptions, Stylizer, TemporalPool, load_image, save_image

if len(sys.argv) != 3:
    sys.exit(__doc__)
photo, painting = sys.argv[1:]
pixels = load_image(photo)
model = AdaINModel.from_pretrained()
# The pool accumulates the statistics of the frames.
stylizer = Stylizer(model, StylizeOptions(painting), TemporalPool("ema"))
for number in range(4):
    frame = pixels[:, :, :, number : pixels.shape[3] - 4 + number]
    save_image(f"frame-{number}.png", stylizer(frame))
