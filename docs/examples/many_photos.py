"""Stylize many photos in one style: options are validated and the artwork is encoded once.

python docs/examples/many_photos.py painting.jpg photo-1.jpg photo-2.jpg
"""

import sys
from pathlib import Path

from adain_core import AdaINModel, StylizeOptions, Stylizer, save_image

if len(sys.argv) < 3:
    sys.exit(__doc__)
painting, *photos = sys.argv[1:]
options = StylizeOptions(painting, alpha=0.9, stroke_size="medium")
stylizer = Stylizer(AdaINModel.from_pretrained(), options)
for photo in photos:
    save_image(f"{Path(photo).stem}-stylized.png", stylizer(photo))
