"""Methods that AdaIN builds on or is compared with, with the same options and losses.

Each is created with :class:`~adain_core.options.StylizeOptions` and called with images, like a
:class:`~adain_core.stylizer.Stylizer`.

Example:
    >>> from adain_core.methods import Optimization, load_loss_network, refine
    >>> vgg = load_loss_network("adain-vgg19")
    >>> options = StylizeOptions("wave.jpg")
    >>> image = Optimization(vgg, options)("photo.jpg")  # Gatys et al.
    >>> image = refine(Stylizer(model, options)("photo.jpg"), "photo.jpg", options, vgg)
"""

from .descent import DescentOptions, Step
from .feedforward import FeedForward
from .network_config import NetworkConfig
from .network_file import load_network
from .network_trainer import NetworkTrainer
from .objective import LossWeights, load_loss_network
from .optimize import Optimization, OptimizeOptions
from .refine import Refiner, refine
from .swap import StyleSwap
from .tasks import Method

__all__ = [
    "DescentOptions",
    "FeedForward",
    "LossWeights",
    "Method",
    "NetworkConfig",
    "NetworkTrainer",
    "Optimization",
    "OptimizeOptions",
    "Refiner",
    "Step",
    "StyleSwap",
    "load_loss_network",
    "load_network",
    "refine",
]
