"""Keep the colors of a photo, by every method.

python docs/examples/keep_colors.py photo.jpg painting.jpg
"""

import sys

from adain_core import AdaINModel, color, save_image

if len(sys.argv) != 3:
    sys.exit(__doc__)
photo, painting = sys.argv[1:]
model = AdaINModel.from_pretrained()
for method in color.METHODS:
    save_image(f"{method}.png", model.stylize(photo, painting, preserve_color=method))
