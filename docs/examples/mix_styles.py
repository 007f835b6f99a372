"""Mix two styles, keep the mix as a file of a few kB, and use it.

python docs/examples/mix_styles.py photo.jpg wave.jpg stars.jpg
"""

import sys

from adain_core import AdaINModel, Style, save_image

if len(sys.argv) != 4:
    sys.exit(__doc__)
photo, wave, stars = sys.argv[1:]
model = AdaINModel.from_pretrained()
mixed = Style.mix([model.encode_style(wave), model.encode_style(stars)], weights=[3, 1])
mixed.save("mixed.safetensors")
save_image("result.png", model.stylize(photo, Style.load("mixed.safetensors")))
