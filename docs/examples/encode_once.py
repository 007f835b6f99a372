"""Encode a photo and two artworks once, then decode a transition between the styles.

python docs/examples/encode_once.py photo.jpg wave.jpg stars.jpg
"""

import sys

from adain_core import AdaINModel, Style, adain, save_image

if len(sys.argv) != 4:
    sys.exit(__doc__)
photo, wave, stars = sys.argv[1:]
model = AdaINModel.from_pretrained()
features = model.encode(photo)
first, last = model.encode_style(wave), model.encode_style(stars)
for number in range(5):
    style = Style.mix([first, last], weights=[4 - number, number])
    save_image(f"result-{number}.png", model.decode(adain(features, style)))
