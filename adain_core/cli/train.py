"""``adain train``: train the paper's decoder, or a slim model end to end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, get_args

from ..architecture import VGG19_WIDTHS, Architecture
from ..errors import OptionError, TrainingError
from ..training.command import option_of
from ..training.config import CHOICES, DEFAULTS, TrainingConfig
from .arguments import Subparsers, add_command
from .streams import print_line
from .train_network import add_network_options, make_network_trainer

if TYPE_CHECKING:
    from ..training import Trainer

_DESCRIPTION = """\
Train a model under the paper's losses, measured by the frozen, normalized VGG-19.

At full width (the default) this is the paper's training: the encoder is the VGG itself and only
the decoder learns. Beyond the paper, half of the crops are mirrored and artworks turned by quarter
turns (--no-augment: neither), the running mean of the weights is the result (--ema 0: the last
ones), and the decoder starts from He's initialization. With --width 0.25 or --widths a slim encoder
and decoder learn together, end to end; the VGG serves as loss network only and is not part of the
result.

The run's folder gets the checkpoint (one file, replaced each time), sample grids, TensorBoard
scalars, and at the end the model (.safetensors), its model card (.md), a grid of its pictures and
its loss curves. Ctrl-C saves the checkpoint; the same command with --resume goes on exactly where
it stopped, and with another --steps makes the run shorter or longer. A run with --init has its
first checkpoint when the model is pruned and distilled; before the first, nothing is saved. Several
GPUs: start it with 'accelerate launch -m adain_core train …'.
"""

_EXAMPLES = """
the paper's decoder (160,000 steps, for a GPU):
  adain weights download vgg19
  adain train --content photos --style paintings --encoder adain-vgg19 -o runs/decoder

a slim model on a CPU: the full-width one pruned, then trained to draw its pictures and under the
paper's losses; every encoded pair is used 6 times:
  adain train --content photos --style paintings --encoder adain-vgg19 -o runs/slim \\
    --init adain-vgg19 --widths 24 48 96 192 --distill-steps 2000 --steps 8000 \\
    --batch-size 4 --crop 128 --content-size 128 384 --style-size 128 384 \\
    --pool 512 --reuse 6 --recolor 0.4 --lr 6e-4 --schedule cosine --warmup-steps 100 \\
    --clip-norm 1 --style-weight 3 --imitation-weight 1 --checkerboard-weight 30000 \\
    --precision bf16

from there on with SOAP, less imitation, fresh pairs, which SOAP would learn by heart otherwise,
artworks in each other's palettes, and larger photographs, which have more flat areas:
  adain train (the same options, but) -o runs/slim2 --init runs/slim/slim.safetensors \\
    --optimizer soap --lr 3e-4 --steps 44000 --imitation-weight 0.2 --checkerboard-weight 6000 \\
    --pool 256 --reuse 2 \\
    --recolor 0.05 --palette-exchange 0.5 --content-size 128 640

on a GPU, larger crops and many of them; and once it draws nearly as well as its teacher, less
imitation still, and style in proportion. Reading images, --workers, is the limit then:
  adain train (the same options, but) -o runs/slim3 --init runs/slim2/slim2.safetensors \\
    --batch-size 28 --crop 224 --content-size 224 640 --style-size 224 448 --pool 336 --reuse 3 \\
    --workers 7 --lr 6e-4 --style-weight 1 --imitation-weight 0.1 --checkerboard-weight 3000 \\
    --steps 19000

against halos and trembling: plain grounds, a loss that keeps smooth what is smooth in the photo,
and one that lets noise in the photo change little:
  adain train (the same options, but) -o runs/slim4 --init runs/slim3/slim3.safetensors \\
    --style-weight 3 --content-weight 1.4 --balanced-style-weight 6 --smoothness-weight 34 \\
    --consistency-weight 110 --noise 0.03 --scenes 0.33 --checkerboard-weight 4500 --steps 6000

a network that draws one style, or several with a folder of artworks, and nothing else:
  adain train --method feedforward --content photos --style wave.jpg --encoder adain-vgg19 \\
    -o runs/wave

go on after an interruption, or to more steps:
  adain train (the same options) --resume
  adain train (the same options) --resume --steps 60000
"""


# Settings and their help by group; defaults, types and choices are those of TrainingConfig.
_OPTIONS = {
    "the model": {
        "init": "model to start from, of any widths: narrower blocks are widened, "
        "wider ones pruned",
        "normalization": "layers after the decoder's convolutions; the paper's ablation, section "
        "7.2",
        "fusion": "how content and style meet; concat is the paper's ablation, section 7.2",
    },
    "steps": {
        "steps": "optimizer steps in all",
        "distill_steps": "steps before the first that match a pruned encoder's features with those "
        "of --init",
        "batch_size": "pairs a step, on each device",
        "optimizer": "Adam, the paper's, or SOAP, which takes a slim model further in a step",
        "learning_rate": "learning rate",
        "schedule": "of the learning rate: the paper's lr/(1+5e-5 t), or cosine to 0 at --steps",
        "warmup_steps": "steps of linear warm-up",
        "clip_norm": "largest norm of the gradient; 0: any",
        "ema": "decay of the shipped mean of the weights; 0: none",
    },
    "losses": {
        "style_weight": "weight of the style loss; means over channels as in pytorch-AdaIN (the "
        "Lua code sums)",
        "content_weight": "weight of the content loss",
        "identity_weight": "weight of the pixel loss of the content at its own statistics",
        "imitation_weight": "weight of the differences to the full-width model's picture, in "
        "pixels and features",
        "balanced_style_weight": "weight of the style loss in which every artwork counts alike",
        "smoothness_weight": "weight of the loss against halos",
        "consistency_weight": "weight of what --noise changes in the picture",
        "checkerboard_weight": "weight of what a picture repeats every 8 pixels",
        "random_alpha": "train at random alphas instead of 1",
    },
    "data": {
        "content_size": "smallest and largest shortest side of photographs before the crop, pixels",
        "style_size": "smallest and largest shortest side of artworks before the crop, pixels",
        "crop": "side of the random crop, pixels",
        "augment": "mirror no crops and turn no artworks, as in the paper",
        "recolor": "share of crops that get other colors and contrasts",
        "palette_exchange": "share of the artworks that get the colors of another one",
        "scenes": "share of the photographs that become a plain ground with an object",
        "noise": "largest standard deviation of noise in the photographs, which the losses do not "
        "see",
        "pool": "images of each kind encoded at a time; 0: one batch",
        "reuse": "passes over a pool, in new pairs",
        "workers": "processes that read images of each kind",
        "seed": "of everything random",
    },
    "the run": {
        "precision": "mixed precision",
        "log_every": "steps between log entries",
        "save_every": "steps between checkpoints, which replace each other",
        "sample_every": "steps between sample grids, and validations",
        "validation_content": "folder of photographs kept aside: how the run does on them is "
        "logged and shown",
        "validation_style": "folder of artworks kept aside",
    },
}
_METAVARS = {
    "init": "NAME|PATH",
    "validation_content": "DIR",
    "validation_style": "DIR",
    "content_size": ("MIN", "MAX"),
    "style_size": ("MIN", "MAX"),
}


# Defaults that differ from machine to machine.
_SHOWN = {"workers": "half of the cores, 2 to 8"}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, "train", _run, "train a model", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(
        out_of_memory="not enough memory; try a smaller --batch-size, --crop or --pool"
    )
    need = parser.add_argument_group("what is needed")
    text = "folder of photographs, with its sub-folders"
    need.add_argument("--content", required=True, metavar="DIR", help=text)
    text = "folder of artworks, with its sub-folders"
    need.add_argument("--style", required=True, metavar="DIR", help=text)
    need.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19, or a "
        ".safetensors file), whose decoder is then the teacher of --imitation-weight",
    )
    need.add_argument("-o", "--output", required=True, metavar="RUN_DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    add_network_options(parser)

    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, text in options.items():
            _add_option(group, name, text)
        if title == "the model":
            widths = group.add_mutually_exclusive_group()
            text = "of the paper's widths: 0.25"
            widths.add_argument("--width", type=float, metavar="FRACTION", help=text)
            text = "channels of the four blocks"
            widths.add_argument("--widths", type=int, nargs=4, metavar="N", help=text)


def _add_option(group: Any, name: str, text: str) -> None:
    """Add the option of a setting of ``TrainingConfig``."""
    flag, default = option_of(name), DEFAULTS[name]
    if isinstance(default, bool):
        action = "store_false" if default else "store_true"
        group.add_argument(flag, dest=name, action=action, default=argparse.SUPPRESS, help=text)
        return
    options: dict[str, Any] = {"type": type(default)}
    shown = _SHOWN.get(name) or ("none" if default == "" else str(default))
    if isinstance(default, tuple):
        shown = " ".join(map(str, default))
        options = {"type": int, "nargs": len(default)}
    if name in CHOICES:
        options["choices"] = get_args(CHOICES[name])
    if name in _METAVARS:
        options["metavar"] = _METAVARS[name]
    text = f"{text} (default: {shown})"
    # What is not given has the default of what is trained; a network's differ.
    group.add_argument(flag, dest=name, default=argparse.SUPPRESS, help=text, **options)


def _run(args: argparse.Namespace) -> int:
    """Train; 0 at the last step, 130 after an interruption."""
    try:
        trainer = make_network_trainer(args) if args.method == "feedforward" else _trainer(args)
        finished = trainer.run()
    except OptionError as error:
        raise ValueError(f"{option_of(error.field)} {error.message}") from error
    except TrainingError as error:
        if not error.fields:
            raise
        flags = ", ".join(map(option_of, error.fields))
        raise TrainingError(f"{error} ({flags})") from error
    if finished:
        print_line(trainer.model_file)
        return 0
    print_line(f"stopped at step {trainer.step}; the same command with --resume goes on")
    return 130


def _trainer(args: argparse.Namespace) -> Trainer:
    from ..training import Trainer

    if args.style_loss is not None:
        raise ValueError(
            "--style-loss goes with --method feedforward, not with adain; leave it out"
        )
    options = {name: value for name, value in vars(args).items() if name in DEFAULTS}
    if args.width is not None:
        options["widths"] = Architecture.scaled(args.width).widths
    elif args.widths is None:
        options["widths"] = VGG19_WIDTHS
    return Trainer(TrainingConfig(**options), resume=args.resume)
