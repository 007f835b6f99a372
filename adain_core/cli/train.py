"""``adain train``: train the paper's decoder, or a slim model end to end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, get_args

from ..errors import OptionError, TrainingError
from ..networks.architecture import VGG19_WIDTHS, Architecture
from ..training.command import option_of
from ..training.config import CHOICES, DEFAULTS, TrainingConfig
from .arguments import Subparsers, add_command
from .streams import print_line
from .train_network import add_network_options, make_network_trainer

if TYPE_CHECKING:
    from ..training import Trainer

_DESCRIPTION = """\
Train a model with the paper's losses, computed with the frozen, normalized VGG-19.

At full width (the default) this is the paper's training: the encoder is the VGG itself, and only
the decoder is trained. Unlike in the paper, half of the crops are flipped and artworks are rotated
by multiples of 90° (--no-augment disables both), the result is a moving average of the weights
(--ema 0 uses the last weights), and the decoder starts from He initialization. With --width 0.25 or
--widths, a slim encoder and decoder are trained end to end, and the VGG is only the loss network.

The run's folder receives the checkpoint (one file, replaced each time), sample grids, TensorBoard
scalars, and at the end the model (.safetensors), its model card (.md), a grid of its results and
its loss curves. Ctrl-C saves the checkpoint. The same command with --resume continues exactly where
it stopped. It may have other --steps (no fewer than are done), --lr, --clip-norm, folders or
devices, which the model card then lists, and other options that do not affect the weights
(--workers, --log-every, --save-every, --sample-every, validation images). With --init, the first
checkpoint is saved after pruning and distillation. For several GPUs, run
'accelerate launch -m adain_core train …'.
"""

_EXAMPLES = """
the paper's decoder (160,000 steps, for a GPU):
  adain weights download vgg19
  adain train --content photos --style paintings --encoder adain-vgg19 -o runs/decoder

a slim model on a CPU: prune the full-width model, then train it with the paper's losses and to
imitate that model; every encoded pair is used 6 times:
  adain train --content photos --style paintings --encoder adain-vgg19 -o runs/slim \\
    --init adain-vgg19 --widths 24 48 96 192 --distill-steps 2000 --steps 8000 \\
    --batch-size 4 --crop 128 --content-size 128 384 --style-size 128 384 \\
    --pool 512 --reuse 6 --recolor 0.4 --lr 6e-4 --schedule cosine --warmup-steps 100 \\
    --clip-norm 1 --style-weight 3 --imitation-weight 1 --checkerboard-weight 30000 \\
    --precision bf16

then SOAP with less imitation, more fresh pairs (SOAP overfits otherwise), exchanged palettes, and
larger photos, which have more flat areas:
  adain train (the same options, but) -o runs/slim2 --init runs/slim/slim.safetensors \\
    --optimizer soap --lr 3e-4 --steps 44000 --imitation-weight 0.2 --checkerboard-weight 6000 \\
    --pool 256 --reuse 2 \\
    --recolor 0.05 --palette-exchange 0.5 --content-size 128 640

on a GPU, larger crops and batches; when the model is close to its teacher, even less imitation,
with the style weight in proportion. Reading images (--workers) is now the bottleneck:
  adain train (the same options, but) -o runs/slim3 --init runs/slim2/slim2.safetensors \\
    --batch-size 28 --crop 224 --content-size 224 640 --style-size 224 448 --pool 336 --reuse 3 \\
    --workers 7 --lr 6e-4 --style-weight 1 --imitation-weight 0.1 --checkerboard-weight 3000 \\
    --steps 19000

against halos and instability: plain backgrounds, a loss that keeps smooth areas smooth, and one
that penalizes changes caused by noise:
  adain train (the same options, but) -o runs/slim4 --init runs/slim3/slim3.safetensors \\
    --style-weight 3 --content-weight 1.4 --balanced-style-weight 6 --smoothness-weight 34 \\
    --consistency-weight 110 --noise 0.03 --scenes 0.33 --checkerboard-weight 4500 --steps 6000

a network for a single style, or for a folder of artworks:
  adain train --method feedforward --content photos --style wave.jpg --encoder adain-vgg19 \\
    -o runs/wave

resume after an interruption, or train for more steps:
  adain train (the same options) --resume
  adain train (the same options) --resume --steps 60000
"""


# Settings and their help by group; defaults, types and choices are those of TrainingConfig.
_OPTIONS = {
    "the model": {
        "init": "model to start from, of any width: narrower blocks are widened, wider ones pruned",
        "normalization": "layers after the decoder's convolutions (ablation in section 7.2)",
        "fusion": "how content and style are combined (concat: ablation in section 7.2)",
    },
    "steps": {
        "steps": "total number of optimizer steps",
        "distill_steps": "initial steps that fit a pruned encoder's features to those of --init",
        "batch_size": "pairs per step, on each device",
        "optimizer": "Adam, as in the paper, or SOAP, which makes more progress per step",
        "learning_rate": "learning rate",
        "schedule": "learning rate schedule: the paper's lr/(1+5e-5 t), or cosine to 0 at --steps",
        "warmup_steps": "steps of linear warm-up",
        "clip_norm": "maximum norm of the gradient; 0: no clipping",
        "ema": "decay of the moving average of the weights; 0: no average",
    },
    "losses": {
        "style_weight": "weight of the style loss, averaged over channels as in pytorch-AdaIN (the "
        "Lua code sums)",
        "content_weight": "weight of the content loss",
        "identity_weight": "weight of the pixel loss of the content in its own style",
        "imitation_weight": "weight of the difference from the full-width model's result, in "
        "pixels and features",
        "balanced_style_weight": "weight of the style loss that treats all artworks equally",
        "smoothness_weight": "weight of the loss against halos",
        "consistency_weight": "weight of the change that --noise causes in the result",
        "percept_weight": "weight of how much of the photo's structure is lost",
        "palette_weight": "weight of the distance to the artwork's colors",
        "checkerboard_weight": "weight of artifacts that repeat every 8 pixels",
        "random_alpha": "train with random alpha instead of 1",
    },
    "data": {
        "content_size": "range of the photos' shortest side before cropping, in pixels",
        "style_size": "range of the artworks' shortest side before cropping, in pixels",
        "crop": "size of the random crop, in pixels",
        "augment": "do not flip crops or rotate artworks, as in the paper",
        "recolor": "fraction of crops with changed colors and contrast",
        "palette_exchange": "fraction of artworks that get the colors of another one",
        "match_colors": "fraction of photos stylized in the colors of their artwork, as in coarse "
        "to fine",
        "scenes": "fraction of photos replaced by an object on a plain background",
        "noise": "maximum standard deviation of noise added to the photos, but not to the targets "
        "of the losses",
        "pool": "images of each kind that are encoded at once; 0: one batch",
        "reuse": "number of times a pool is used, in new pairs",
        "workers": "processes that read images, for each kind",
        "seed": "random seed",
    },
    "the run": {
        "precision": "mixed precision",
        "log_every": "steps between log entries",
        "save_every": "steps between checkpoints; each replaces the previous one",
        "sample_every": "steps between sample grids and validations",
        "validation_content": "folder of held-out photos; their losses are logged and plotted",
        "validation_style": "folder of held-out artworks",
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
    need = parser.add_argument_group("inputs and output")
    text = "folder of photos, including subfolders"
    need.add_argument("--content", required=True, metavar="DIR", help=text)
    text = "folder of artworks, including subfolders"
    need.add_argument("--style", required=True, metavar="DIR", help=text)
    need.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19, or a "
        ".safetensors file), whose decoder is the teacher for --imitation-weight",
    )
    need.add_argument("-o", "--output", required=True, metavar="RUN_DIR", help="folder for the run")
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    add_network_options(parser)

    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, text in options.items():
            _add_option(group, name, text)
        if title == "the model":
            widths = group.add_mutually_exclusive_group()
            text = "fraction of the paper's widths, above 0 and at most 1, such as 0.25"
            widths.add_argument("--width", type=float, metavar="FRACTION", help=text)
            text = "channels of the four blocks, or of each of the nine convolutions"
            widths.add_argument("--widths", type=int, nargs="+", metavar="N", help=text)


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
    # Suppressed, because the defaults depend on --method.
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
    print_line(f"stopped at step {trainer.step}; run the same command with --resume to continue")
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
