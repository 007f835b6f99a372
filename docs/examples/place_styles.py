"""Stylize the upper half of a photo in one style and the lower half in another, with a soft edge.

python docs/examples/place_styles.py photo.jpg stars.jpg engraving.jpg
"""

import sys

import torch

from adain_core import AdaINModel, save_image

if len(sys.argv) != 4:
    sys.exit(__doc__)
photo, stars, engraving = sys.argv[1:]
# A mask may have any size; it is stretched over the photo.
upper = torch.tensor([[1.0], [0.0]])
model = AdaINModel.from_pretrained()
image = model.stylize(photo, [stars, engraving], masks=[upper, 1 - upper], feather=16)
save_image("result.png", image)
