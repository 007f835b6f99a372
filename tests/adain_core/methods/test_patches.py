"""Style swap: against patches compared one by one, in chunks, of an image with itself."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from adain_core.methods.patches import swap_patches


def test_every_patch_is_the_most_similar_one() -> None:
    content, style = torch.randn(1, 4, 6, 7), torch.randn(1, 4, 5, 8)
    patches = F.unfold(style, 3)[0]  # (4·9, 3·6)
    chosen = [
        patches[:, F.cosine_similarity(patches, patch[:, None], dim=0).argmax()]
        for patch in F.unfold(content, 3)[0].T
    ]
    total = F.fold(torch.stack(chosen, dim=1), (6, 7), 3)
    count = F.fold(F.unfold(torch.ones(1, 1, 6, 7), 3), (6, 7), 3)
    torch.testing.assert_close(swap_patches(content, style), total / count)


def test_features_swapped_with_themselves_stay() -> None:
    features = torch.randn(1, 6, 9, 7).relu()
    torch.testing.assert_close(swap_patches(features, features), features)


def test_the_length_of_a_patch_does_not_count() -> None:
    features = torch.randn(1, 6, 9, 7)
    torch.testing.assert_close(swap_patches(3 * features, features), features)


@pytest.mark.parametrize("chunk", [1, 37, 500, 10_000])
def test_the_chunk_does_not_matter(chunk: int) -> None:
    content, style = torch.randn(2, 5, 11, 13), torch.randn(1, 5, 12, 9)
    whole = swap_patches(content, style)
    assert torch.equal(swap_patches(content, style, chunk=chunk), whole)


def test_a_batch_is_swapped_image_by_image() -> None:
    content, style = torch.randn(2, 5, 6, 6), torch.randn(1, 5, 7, 7)
    both = swap_patches(content, style)
    for number in range(2):
        alone = swap_patches(content[number : number + 1], style)
        assert torch.equal(both[number : number + 1], alone)


def test_patches_of_one_feature() -> None:
    content, style = torch.randn(1, 5, 4, 6), torch.randn(1, 5, 3, 3)
    columns = style.flatten(2)[0]
    nearest = (columns / columns.norm(dim=0)).T @ content.flatten(2)[0]
    expected = columns[:, nearest.argmax(dim=0)].view(1, 5, 4, 6)
    assert torch.equal(swap_patches(content, style, patch=1), expected)


@pytest.mark.parametrize(
    ("content", "style", "patch", "message"),
    [
        ((1, 3, 8, 8), (1, 4, 8, 8), 3, "of the same network"),
        ((1, 3, 8, 8), (2, 3, 8, 8), 3, "of the same network"),
        ((1, 3, 8, 2), (1, 3, 8, 8), 3, "1 to 2 features, got 3"),
        ((1, 3, 8, 8), (1, 3, 8, 8), 0, "got 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    content: tuple[int, ...], style: tuple[int, ...], patch: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        swap_patches(torch.rand(content), torch.rand(style), patch)
