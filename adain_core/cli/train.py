"""``adain train``: train the paper's decoder, or a slim model end to end."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

DESCRIPTION = """\
Train a model under the paper's losses, measured by the frozen, normalised VGG-19.

At full width (the default) this is the paper's training: the encoder is the VGG itself and only
the decoder learns. (Artworks are turned, too, and a running mean of the weights is kept; --ema 0
keeps the last ones.) With --width 0.25 or --widths a slim encoder and decoder learn together, end
to end; the VGG serves as loss network only and is not part of the result.

The run's folder gets checkpoints, sample grids, TensorBoard scalars, and at the end the model
(.safetensors), its model card (.md), a grid of its pictures and its loss curves. Ctrl-C saves a
checkpoint; the same command with --resume goes on exactly where it stopped. Several GPUs: start it
with 'accelerate launch -m adain_core train …'.
"""

EPILOG = """\
examples:
  the paper's decoder (160,000 steps, for a GPU):
    adain weights download vgg19
    adain train --content photos --style paintings --encoder adain-vgg19 -o runs/decoder

  a slim model on a CPU: the full-width one pruned, then trained to draw its pictures and under the
  paper's losses; every encoded pair is used 6 times:
    adain train --content photos --style paintings --encoder adain-vgg19 -o runs/slim \\
      --init adain-vgg19 --widths 16 32 88 256 --distill-steps 2000 --steps 8000 \\
      --batch-size 4 --crop 128 --content-size 128 384 --style-size 128 384 \\
      --pool 512 --reuse 6 --recolor 0.4 --lr 6e-4 --schedule cosine --warmup-steps 100 \\
      --clip-norm 1 --style-weight 3 --imitation-weight 1 --precision bf16

  from there on with SOAP, less imitation, fresh pairs, which SOAP would learn by heart otherwise,
  artworks in each other's palettes, and larger photographs, which have more flat areas:
    adain train (the same options, but) -o runs/slim2 --init runs/slim/slim.safetensors \\
      --optimizer soap --lr 3e-4 --steps 44000 --imitation-weight 0.2 --pool 256 --reuse 2 \\
      --recolor 0.05 --palette-exchange 0.5 --content-size 128 640

  go on after an interruption:
    adain train (the same options) --resume
"""


def add_parser(subparsers: Any) -> None:
    """Add ``train`` to the command line."""
    from ..training.config import TrainingConfig

    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}

    def add(group: Any, flag: str, name: str, text: str, **options: Any) -> None:
        default = defaults[name]
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        shown = "none" if default == "" else shown
        if options.get("action") != "store_true":
            text = f"{text} (default: {shown})"
        group.add_argument(flag, dest=name, default=default, help=text, **options)

    need = parser.add_argument_group("what is needed")
    need.add_argument("--content", required=True, metavar="DIR", help="folder of photographs")
    need.add_argument("--style", required=True, metavar="DIR", help="folder of artworks")
    need.add_argument(
        "--encoder",
        required=True,
        metavar="NAME|PATH",
        help="the frozen VGG: vgg_normalised.pth, or a full-width model (adain-vgg19, or a "
        ".safetensors file), whose decoder is then the teacher of --imitation-weight",
    )
    need.add_argument("-o", "--output", required=True, metavar="RUN_DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")

    model = parser.add_argument_group("the model")
    add(
        model,
        "--init",
        "init",
        "model to start from; a narrower one is widened, a wider one pruned",
        metavar="NAME|PATH",
    )
    widths = model.add_mutually_exclusive_group()
    widths.add_argument(
        "--width",
        type=float,
        metavar="FRACTION",
        help="of the paper's widths: 0.25",
    )
    widths.add_argument(
        "--widths", type=int, nargs=4, metavar="N", help="channels of the four blocks"
    )
    add(
        model,
        "--normalization",
        "normalization",
        "layers after the decoder's convolutions; the paper's ablation, section 7.2",
        choices=("none", "batch", "instance"),
    )
    add(
        model,
        "--fusion",
        "fusion",
        "how content and style meet; concat is the paper's ablation, section 7.2",
        choices=("adain", "concat"),
    )

    steps = parser.add_argument_group("steps")
    add(steps, "--steps", "steps", "optimizer steps in all", type=int)
    add(
        steps,
        "--distill-steps",
        "distill_steps",
        "steps before the first that match a pruned encoder's features with those of --init",
        type=int,
    )
    add(steps, "--batch-size", "batch_size", "pairs a step, on each device", type=int)
    add(
        steps,
        "--optimizer",
        "optimizer",
        "Adam, the paper's, or SOAP, which takes a slim model further in a step",
        choices=("adam", "soap"),
    )
    add(steps, "--lr", "learning_rate", "learning rate", type=float)
    add(
        steps,
        "--schedule",
        "schedule",
        "of the learning rate: the paper's lr/(1+5e-5 t), or cosine to 0 at --steps",
        choices=("paper", "cosine"),
    )
    add(steps, "--warmup-steps", "warmup_steps", "steps of linear warm-up", type=int)
    add(steps, "--clip-norm", "clip_norm", "largest norm of the gradient; 0: any", type=float)
    add(
        steps,
        "--ema",
        "ema",
        "decay of the shipped mean of the weights; 0: none",
        type=float,
    )

    losses = parser.add_argument_group("losses")
    add(
        losses,
        "--style-weight",
        "style_weight",
        "weight of the style loss; means over channels as in pytorch-AdaIN (the Lua code sums)",
        type=float,
    )
    add(losses, "--content-weight", "content_weight", "weight of the content loss", type=float)
    add(
        losses,
        "--identity-weight",
        "identity_weight",
        "weight of the pixel loss of the content at its own statistics",
        type=float,
    )
    add(
        losses,
        "--imitation-weight",
        "imitation_weight",
        "weight of the differences to the full-width model's picture, in pixels and features, and "
        "of what a picture repeats every 8 pixels",
        type=float,
    )
    add(
        losses,
        "--random-alpha",
        "random_alpha",
        "train at random alphas instead of 1",
        action="store_true",
    )

    data = parser.add_argument_group("data")
    for kind, images in (("content", "photographs"), ("style", "artworks")):
        add(
            data,
            f"--{kind}-size",
            f"{kind}_size",
            f"smallest and largest shortest side of {images} before the crop, pixels",
            type=int,
            nargs=2,
            metavar=("MIN", "MAX"),
        )
    add(data, "--crop", "crop", "side of the random crop, pixels", type=int)
    add(
        data,
        "--recolor",
        "recolor",
        "share of crops that get other colours and contrasts",
        type=float,
    )
    add(
        data,
        "--palette-exchange",
        "palette_exchange",
        "share of the artworks that get the colours of another one",
        type=float,
    )
    add(data, "--pool", "pool", "images of each kind encoded at a time; 0: one batch", type=int)
    add(data, "--reuse", "reuse", "passes over a pool, in new pairs", type=int)
    add(data, "--workers", "workers", "processes that read images of each kind", type=int)
    add(data, "--seed", "seed", "of everything random", type=int)

    run = parser.add_argument_group("the run")
    add(run, "--precision", "precision", "mixed precision", choices=("no", "bf16", "fp16"))
    add(run, "--log-every", "log_every", "steps between log entries", type=int)
    add(run, "--save-every", "save_every", "steps between checkpoints", type=int)
    add(run, "--sample-every", "sample_every", "steps between sample grids", type=int)
    parser.set_defaults(
        run=run_train,
        out_of_memory="not enough memory; try a smaller --batch-size, --crop or --pool",
    )


def run_train(arguments: argparse.Namespace) -> int:
    """Run ``adain train``; 0 at the last step, 130 after an interruption."""
    from ..networks import VGG19_WIDTHS, Architecture
    from ..training import Trainer, TrainingConfig

    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    options = {name: value for name, value in vars(arguments).items() if name in names}
    for name in ("content_size", "style_size"):
        options[name] = tuple(options[name])
    if arguments.width is not None:
        options["widths"] = Architecture.scaled(arguments.width).widths
    else:
        options["widths"] = tuple(arguments.widths or VGG19_WIDTHS)
    trainer = Trainer(TrainingConfig(**options), resume=arguments.resume)
    if trainer.run():
        print(trainer.model_file)
        return 0
    print(f"stopped at step {trainer.step}; the same command with --resume goes on")
    return 130
