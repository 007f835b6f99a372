"""Stylize a photo in the style of an artwork.

python docs/examples/stylize_photo.py photo.jpg painting.jpg
"""

import sys

from adain_core import AdaINModel, save_image

if len(sys.argv) != 3:
    sys.exit(__doc__)
photo, painting = sys.argv[1:]
model = AdaINModel.from_pretrained()
save_image("result.png", model.stylize(photo, painting, alpha=0.8))
