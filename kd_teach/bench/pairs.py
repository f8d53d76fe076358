"""Which loss races against which textbook form, on what.

The maps are those of resnet32x4 -> resnet8x4 on CIFAR-100, both networks of the same shapes, drawn at random: speed
does not depend on what a network knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from kd_teach.bench import textbook
from kd_teach.methods import (
    ABLoss,
    ATLoss,
    CCLoss,
    CRDLoss,
    FSPLoss,
    FTLoss,
    GradientATLoss,
    HintLoss,
    KDLoss,
    NSTLoss,
    OFDLoss,
    PKTLoss,
    RKDLoss,
    SPLoss,
    VIDLoss,
)
from kd_teach.methods.crd import EPSILON
from kd_teach.models.features import Features

Tap = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Sizes:
    """What the losses see: 64 images of 32 x 32 pixels, three stages of which each halves the grid."""

    batch: int = 64
    grid: int = 32
    stem: int = 32
    widths: tuple[int, ...] = (64, 128, 256)
    classes: int = 100
    images: int = 50_000  # of the training set, a row each in CRD's banks
    negatives: int = 16_384


def random_features(sizes: Sizes, *, seed: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Features:
    """A forward pass that never was: normal maps before the ReLU, rectified ones behind it."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(sizes.batch, *shape, generator=random).to(device, dtype)

    grids = [sizes.grid // 2**stage for stage in range(len(sizes.widths))]
    preacts = tuple(normal(c, size, size) for c, size in zip(sizes.widths, grids, strict=True))
    return Features(
        stem=normal(sizes.stem, sizes.grid, sizes.grid).relu(),
        stages=tuple(f.relu() for f in preacts),
        preacts=preacts,
        embedding=normal(sizes.widths[-1]).relu(),
        logits=normal(sizes.classes) * 3,
    )


@dataclass(frozen=True)
class Contest:
    """Two ways to compute one loss of a student's and a teacher's tap; both share what `loss` learns."""

    loss: nn.Module
    textbook: Callable[[Tap, Tap], Tensor]
    student: Tap
    teacher: Tap
    arguments: Callable[[], tuple] = tuple  # what else `loss` takes


def shapes(maps: Sequence[Tensor]) -> list[tuple[int, ...]]:
    return [tuple(f.shape[1:]) for f in maps]


def kd(s: Features, t: Features, sizes: Sizes) -> Contest:
    return Contest(KDLoss(), textbook.kd, s.logits, t.logits)


def fitnet(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    forms = {"paper": textbook.hint_paper, "repdistiller": textbook.hint}
    (shape_s,), (shape_t,) = shapes(s.stages[1:2]), shapes(t.stages[1:2])
    loss = HintLoss(shape_s, shape_t, variant=variant)
    return Contest(loss, partial(forms[variant], loss.regressor), s.stages[1], t.stages[1])


def at(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    forms = {"paper": textbook.at_paper, "repdistiller": textbook.at}
    return Contest(ATLoss(variant=variant), forms[variant], s.stages, t.stages)


def at_gradient(s: Features, t: Features, sizes: Sizes) -> Contest:
    """On three channels, as images have them; that the networks are differentiated twice is not part of the race."""
    g_s, g_t = ([f.preacts[0][:, :3].clone()] for f in (s, t))
    return Contest(GradientATLoss(), textbook.at_gradient, g_s, g_t)


def vid(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    loss = VIDLoss(shapes(s.stages), shapes(t.stages), variant=variant)
    regressors, alphas = ([getattr(stage, name) for stage in loss.stages] for name in ("mean", "alpha"))
    form = partial(textbook.vid, regressors, alphas, floor=loss.stages[0].floor)
    return Contest(loss, form, s.stages, t.stages)


def ab(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    weights = {"paper": (1.0, 1.0, 1.0), "repdistiller": (0.75e-3, 1.5e-3, 3e-3)}  # 3/1000 times 1/4, 1/2, 1
    loss = ABLoss(shapes(s.preacts), shapes(t.preacts), variant=variant)
    return Contest(loss, partial(textbook.ab, loss.connectors, weights=weights[variant]), s.preacts, t.preacts)


def ft(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    forms = {"paper": textbook.ft_paper, "repdistiller": textbook.ft}
    (shape_s,), (shape_t,) = shapes(s.stages[-1:]), shapes(t.stages[-1:])
    loss = FTLoss(shape_s, shape_t, variant=variant)
    return Contest(loss, partial(forms[variant], loss.encode, loss.translate), s.stages[-1], t.stages[-1])


def nst(s: Features, t: Features, sizes: Sizes, *, kernel: str) -> Contest:
    return Contest(NSTLoss(kernel=kernel), partial(textbook.nst, kernel=kernel), s.stages, t.stages)


def ofd(s: Features, t: Features, sizes: Sizes, *, variant: str, connected: bool = True) -> Contest:
    margins = [-torch.rand(f.shape[1]).to(f) for f in t.preacts]
    loss = OFDLoss(shapes(s.preacts), margins, variant=variant)
    if not connected:  # convolution and batch norm take most of the time, and are the same in both forms
        loss.connectors = nn.ModuleList(nn.Identity() for _ in margins)
    forms = {
        "paper": partial(textbook.ofd, loss.connectors, margins),
        "batch": partial(textbook.ofd_batch, loss.connectors),
    }
    return Contest(loss, forms[variant], s.preacts, t.preacts)


def fsp(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    forms = {"paper": textbook.fsp_paper, "repdistiller": textbook.fsp}
    return Contest(FSPLoss(variant=variant), forms[variant], (s.stem, *s.stages), (t.stem, *t.stages))


def fsp_adapter(s: Features, t: Features, sizes: Sizes) -> Contest:
    """With a student of half the width: else there is nothing to adapt."""
    f_s, f_t = [f[:, ::2].clone() for f in (s.stem, *s.stages)], (t.stem, *t.stages)
    widths_s, widths_t = ([f.shape[1] for f in maps] for maps in (f_s, f_t))
    loss = FSPLoss(variant="adapter", student_channels=widths_s, teacher_channels=widths_t)
    return Contest(loss, partial(textbook.fsp_adapter, loss.adapters), f_s, f_t)


def sp(s: Features, t: Features, sizes: Sizes) -> Contest:
    return Contest(SPLoss(), textbook.sp, s.stages[-1], t.stages[-1])


def cc(s: Features, t: Features, sizes: Sizes) -> Contest:
    loss = CCLoss(s.embedding.shape[1], t.embedding.shape[1], variant="repdistiller")
    return Contest(loss, partial(textbook.cc, loss.embed_s, loss.embed_t), s.embedding, t.embedding)


def cc_kernel(s: Features, t: Features, sizes: Sizes, *, kernel: str) -> Contest:
    form = partial(textbook.cc_kernel, getattr(textbook, kernel))
    return Contest(CCLoss(kernel=kernel), form, s.embedding, t.embedding)


def rkd(s: Features, t: Features, sizes: Sizes, *, variant: str, **weights: float) -> Contest:
    forms = {"paper": textbook.rkd_paper, "repdistiller": textbook.rkd}
    return Contest(RKDLoss(variant=variant, **weights), partial(forms[variant], **weights), s.embedding, t.embedding)


def pkt(s: Features, t: Features, sizes: Sizes, *, variant: str) -> Contest:
    forms = {"paper": textbook.pkt_paper, "repdistiller": textbook.pkt}
    return Contest(PKTLoss(variant=variant), forms[variant], s.embedding, t.embedding)


def crd(s: Features, t: Features, sizes: Sizes, *, variant: str, sampling: str = "exact") -> Contest:
    """Ours draws its negatives within the race, always the same; the textbook's loader has drawn them before it."""
    device = s.embedding.device
    # "all" is meant for small sets: at full size the textbook would gather several gigabytes.
    images = sizes.images // 10 if sampling == "all" else sizes.images
    labels = torch.arange(images, device=device) % sizes.classes
    index = torch.arange(sizes.batch, device=device) * (images // sizes.batch)
    widths, options = (s.embedding.shape[1], t.embedding.shape[1]), {"variant": variant, "sampling": sampling}
    loss = CRDLoss(*widths, labels, negatives=sizes.negatives, **options).to(s.embedding)
    with torch.no_grad():
        loss(s.embedding, t.embedding, index)  # the first batch sets Z
    loss.after_step()

    def arguments() -> tuple[Tensor]:
        torch.manual_seed(0)
        return (index,)

    positive, candidates, negative, *_ = loss.contrasts(*arguments())
    if candidates is None:
        candidates = torch.arange(images, device=device)
    rows = torch.stack([torch.cat([own[None], candidates[mine]]) for own, mine in zip(positive, negative, strict=True)])
    form = partial(
        textbook.crd,
        *(loss.embed_s, loss.embed_t, loss.bank_s.rows, loss.bank_t.rows, rows, loss.log_z.exp()),
        temperature=loss.temperature,
        eps=EPSILON if loss.critic.normalised else 0.0,
    )
    return Contest(loss, form, s.embedding, t.embedding, arguments)


CONTESTS: dict[tuple[str, str], Callable[[Features, Features, Sizes], Contest]] = {
    ("kd", "paper"): kd,
    ("fitnet", "paper"): partial(fitnet, variant="paper"),
    ("fitnet", "repdistiller"): partial(fitnet, variant="repdistiller"),
    ("at", "paper"): partial(at, variant="paper"),
    ("at", "repdistiller"): partial(at, variant="repdistiller"),
    ("at", "gradient"): at_gradient,
    ("vid", "paper"): partial(vid, variant="paper"),
    ("vid", "repdistiller"): partial(vid, variant="repdistiller"),
    ("ab", "paper"): partial(ab, variant="paper"),
    ("ab", "repdistiller"): partial(ab, variant="repdistiller"),
    ("ft", "paper"): partial(ft, variant="paper"),
    ("ft", "repdistiller"): partial(ft, variant="repdistiller"),
    ("nst", "polynomial"): partial(nst, kernel="polynomial"),
    ("nst", "linear"): partial(nst, kernel="linear"),
    ("nst", "gaussian"): partial(nst, kernel="gaussian"),
    ("ofd", "paper"): partial(ofd, variant="paper"),
    ("ofd", "batch"): partial(ofd, variant="batch"),
    ("ofd", "paper, no connector"): partial(ofd, variant="paper", connected=False),
    ("fsp", "paper"): partial(fsp, variant="paper"),
    ("fsp", "repdistiller"): partial(fsp, variant="repdistiller"),
    ("fsp", "adapter"): fsp_adapter,
    ("sp", "paper"): sp,
    ("cc", "rbf_taylor"): partial(cc_kernel, kernel="rbf_taylor"),
    ("cc", "rbf"): partial(cc_kernel, kernel="rbf"),
    ("cc", "bilinear"): partial(cc_kernel, kernel="bilinear"),
    ("cc", "repdistiller"): cc,
    ("rkd", "paper"): partial(rkd, variant="paper"),
    ("rkd", "repdistiller"): partial(rkd, variant="repdistiller"),
    ("rkd", "repdistiller, D"): partial(rkd, variant="repdistiller", angle=0.0),
    ("rkd", "repdistiller, A"): partial(rkd, variant="repdistiller", distance=0.0),
    ("pkt", "paper"): partial(pkt, variant="paper"),
    ("pkt", "repdistiller"): partial(pkt, variant="repdistiller"),
    ("crd", "paper"): partial(crd, variant="paper"),
    ("crd", "paper, all"): partial(crd, variant="paper", sampling="all"),
    ("crd", "repdistiller"): partial(crd, variant="repdistiller"),
}
