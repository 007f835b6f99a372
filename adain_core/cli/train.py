"""``adain train``: train the paper's decoder, or a slim model end to end."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from ..architecture import VGG19_WIDTHS, Architecture, Fusion, Normalization
from ..training.config import DEFAULTS, Optimizer, Precision, Schedule, TrainingConfig
from .common import Subparsers, add_command
from .streams import print_line

_DESCRIPTION = """\
Train a model under the paper's losses, measured by the frozen, normalised VGG-19.

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
    --clip-norm 1 --style-weight 3 --imitation-weight 1 --precision bf16

from there on with SOAP, less imitation, fresh pairs, which SOAP would learn by heart otherwise,
artworks in each other's palettes, and larger photographs, which have more flat areas:
  adain train (the same options, but) -o runs/slim2 --init runs/slim/slim.safetensors \\
    --optimizer soap --lr 3e-4 --steps 44000 --imitation-weight 0.2 --pool 256 --reuse 2 \\
    --recolor 0.05 --palette-exchange 0.5 --content-size 128 640

on a GPU, larger crops and many of them; and once it draws nearly as well as its teacher, less
imitation still, and style in proportion. Reading images, --workers, is the limit then:
  adain train (the same options, but) -o runs/slim3 --init runs/slim2/slim2.safetensors \\
    --batch-size 28 --crop 224 --content-size 224 640 --style-size 224 448 --pool 336 --reuse 3 \\
    --workers 7 --lr 6e-4 --style-weight 1 --imitation-weight 0.1 --steps 19000

go on after an interruption, or to more steps:
  adain train (the same options) --resume
  adain train (the same options) --resume --steps 60000
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, "train", _run, "train a model", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(
        out_of_memory="not enough memory; try a smaller --batch-size, --crop or --pool"
    )
    need = parser.add_argument_group("what is needed")
    text = "folder of photographs, with its sub-folders"
    need.add_argument("--content", required=True, metavar="DIR", help=text)
    need.add_argument("--style", required=True, metavar="DIR", help="folder of artworks, likewise")
    need.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19, or a "
        ".safetensors file), whose decoder is then the teacher of --imitation-weight",
    )
    for kind, images in (("content", "photographs"), ("style", "artworks")):
        text = f"folder of {images} kept aside: how the run does on them is logged and shown"
        _add(need, f"--validation-{kind}", text, metavar="DIR")
    need.add_argument("-o", "--output", required=True, metavar="RUN_DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")

    model = parser.add_argument_group("the model")
    text = "model to start from, of any widths: narrower blocks are widened, wider ones pruned"
    _add(model, "--init", text, metavar="NAME|PATH")
    widths = model.add_mutually_exclusive_group()
    widths.add_argument(
        "--width", type=float, metavar="FRACTION", help="of the paper's widths: 0.25"
    )
    widths.add_argument(
        "--widths", type=int, nargs=4, metavar="N", help="channels of the four blocks"
    )
    text = "layers after the decoder's convolutions; the paper's ablation, section 7.2"
    _add(model, "--normalization", text, choices=get_args(Normalization))
    text = "how content and style meet; concat is the paper's ablation, section 7.2"
    _add(model, "--fusion", text, choices=get_args(Fusion))

    steps = parser.add_argument_group("steps")
    _add(steps, "--steps", "optimizer steps in all")
    text = "steps before the first that match a pruned encoder's features with those of --init"
    _add(steps, "--distill-steps", text)
    _add(steps, "--batch-size", "pairs a step, on each device")
    text = "Adam, the paper's, or SOAP, which takes a slim model further in a step"
    _add(steps, "--optimizer", text, choices=get_args(Optimizer))
    _add(steps, "--lr", "learning rate", name="learning_rate")
    text = "of the learning rate: the paper's lr/(1+5e-5 t), or cosine to 0 at --steps"
    _add(steps, "--schedule", text, choices=get_args(Schedule))
    _add(steps, "--warmup-steps", "steps of linear warm-up")
    _add(steps, "--clip-norm", "largest norm of the gradient; 0: any")
    _add(steps, "--ema", "decay of the shipped mean of the weights; 0: none")

    losses = parser.add_argument_group("losses")
    text = "weight of the style loss; means over channels as in pytorch-AdaIN (the Lua code sums)"
    _add(losses, "--style-weight", text)
    _add(losses, "--content-weight", "weight of the content loss")
    text = "weight of the pixel loss of the content at its own statistics"
    _add(losses, "--identity-weight", text)
    _add(
        losses,
        "--imitation-weight",
        "weight of the differences to the full-width model's picture, in pixels and features, and "
        "of what a picture repeats every 8 pixels",
    )
    _add(losses, "--random-alpha", "train at random alphas instead of 1")

    data = parser.add_argument_group("data")
    for kind, images in (("content", "photographs"), ("style", "artworks")):
        text = f"smallest and largest shortest side of {images} before the crop, pixels"
        _add(data, f"--{kind}-size", text, metavar=("MIN", "MAX"))
    _add(data, "--crop", "side of the random crop, pixels")
    text = "mirror no crops and turn no artworks, as in the paper"
    _add(data, "--no-augment", text, name="augment")
    _add(data, "--recolor", "share of crops that get other colours and contrasts")
    text = "share of the artworks that get the colours of another one"
    _add(data, "--palette-exchange", text)
    _add(data, "--pool", "images of each kind encoded at a time; 0: one batch")
    _add(data, "--reuse", "passes over a pool, in new pairs")
    text = "processes that read images of each kind"
    _add(data, "--workers", text, shown="half of the cores, 2 to 8")
    _add(data, "--seed", "of everything random")

    run = parser.add_argument_group("the run")
    _add(run, "--precision", "mixed precision", choices=get_args(Precision))
    _add(run, "--log-every", "steps between log entries")
    _add(run, "--save-every", "steps between checkpoints, which replace each other")
    _add(run, "--sample-every", "steps between sample grids, and validations")


def _add(group: Any, flag: str, text: str, name: str = "", shown: str = "", **options: Any) -> None:
    """Add an option of the name, default and type of a field of ``TrainingConfig``."""
    name = name or flag.removeprefix("--").replace("-", "_")
    default = DEFAULTS[name]
    if isinstance(default, bool):
        action = "store_false" if default else "store_true"
        group.add_argument(flag, dest=name, action=action, help=text)
        return
    shown = shown or ("none" if default == "" else str(default))
    if isinstance(default, tuple):
        shown = " ".join(map(str, default))
        options |= {"type": int, "nargs": len(default)}
    text = f"{text} (default: {shown})"
    options = {"type": type(default), **options}
    group.add_argument(flag, dest=name, default=default, help=text, **options)


def _run(args: argparse.Namespace) -> int:
    """Train; 0 at the last step, 130 after an interruption."""
    from ..training import Trainer

    options = {name: value for name, value in vars(args).items() if name in DEFAULTS}
    if args.width is not None:
        options["widths"] = Architecture.scaled(args.width).widths
    elif args.widths is None:
        options["widths"] = VGG19_WIDTHS
    trainer = Trainer(TrainingConfig(**options), resume=args.resume)
    if trainer.run():
        print_line(trainer.model_file)
        return 0
    print_line(f"stopped at step {trainer.step}; the same command with --resume goes on")
    return 130
