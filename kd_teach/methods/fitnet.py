r"""FitNets (hints): first learn to rebuild a middle map of the teacher, then learn the task.

Paper     Romero, Ballas, Kahou, Chassang, Gatta & Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015.
          https://arxiv.org/abs/1412.6550
Idea      A hint is the teacher's map at a middle layer. A small regressor turns the student's map there into a guess
          of the hint; once the lower half of the student guesses well, the regressor is thrown away and the whole
          student is distilled with KD.
Equation  phase "hint":    L = 1/N sum_n 1/2 || u_t[n] - r(v_s[n]) ||^2
          phase "distil":  L = cross-entropy + lambda * soft cross-entropy at T = 3, lambda falling from 4 to 1
Shapes    v_s (N, C_s, H_s, W_s), u_t (N, C_t, H_t, W_t) -> scalar
Regressor a convolution whose output has the hint's shape, followed by the hint layer's own nonlinearity.
Differs   RepDistiller ("repdistiller" here) trains once, on the labels and on the mean of squares (over all N C H W
          entries, no 1/2, no KD); its regressor has batch norm (so the convolution's bias has no effect and never
          moves), always ends in a ReLU, and strides where the student's map is twice as large. On a signed hint (WRN)
          that ReLU leaves a floor of mean(min(u_t, 0)^2).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import whole
from kd_teach.data import Batch
from kd_teach.methods._tensors import check_pair, in_full_precision
from kd_teach.methods.changes import BATCH
from kd_teach.methods.kd import KDLoss
from kd_teach.methods.recipe import Phase, Recipe, Terms, Variant
from kd_teach.models.features import Features


def fitnet(guess: Tensor, u_t: Tensor) -> Tensor:
    """L of the paper's hint phase: the guess r(v_s) and the hint u_t, both (N, C, H, W) -> scalar."""
    # sum_n || u_t[n] - r(v_s[n]) ||^2
    squares = F.mse_loss(guess, u_t, reduction="sum")
    # L = 1/N sum_n 1/2 || u_t[n] - r(v_s[n]) ||^2
    return 0.5 * squares / len(guess)


def fitnet_mean(guess: Tensor, u_t: Tensor) -> Tensor:
    """L of RepDistiller: the mean of squares over all N C H W entries."""
    return F.mse_loss(guess, u_t)


VARIANTS = {"paper": fitnet, "repdistiller": fitnet_mean}


def regressor(student_shape: tuple[int, int, int], teacher_shape: tuple[int, int, int], *, strided: bool) -> nn.Module:
    """A convolution from the student's (C, H, W) to the teacher's, one kind per size case.

    | sizes                    | convolution                                                  |
    |--------------------------|--------------------------------------------------------------|
    | equal                    | 1x1                                                          |
    | student larger           | valid, kernel (H_s - H_t + 1, W_s - W_t + 1): the paper's    |
    | student twice, `strided` | 3x3 with stride 2, far fewer weights: RepDistiller's         |
    | student half             | transposed 4x4 with stride 2: neither in the paper nor needed there |
    """
    (c_s, h_s, w_s), (c_t, h_t, w_t) = student_shape, teacher_shape
    if (2 * h_s, 2 * w_s) == (h_t, w_t):
        return nn.ConvTranspose2d(c_s, c_t, kernel_size=4, stride=2, padding=1)
    if strided and (h_s, w_s) == (2 * h_t, 2 * w_t):
        return nn.Conv2d(c_s, c_t, kernel_size=3, stride=2, padding=1)
    if h_s >= h_t and w_s >= w_t:
        return nn.Conv2d(c_s, c_t, kernel_size=(h_s - h_t + 1, w_s - w_t + 1))
    raise ValueError(
        f"No regressor from a {h_s}x{w_s} map to a {h_t}x{w_t} hint: the student's map must be at least as large, "
        "or exactly half. Choose another stage."
    )


class HintLoss(nn.Module):
    """Distance between the teacher's hint and what the regressor makes of the student's map.

    Args:
        student_shape, teacher_shape: (C, H, W) of one map.
        rectified: the hint layer ends in a ReLU, so the paper's regressor does too.
        variant: "paper" (1/2 sum of squares per sample, plain convolution) or "repdistiller" (mean of squares,
            convolution + batch norm + ReLU).

    Shapes:
        v_s (N, *student_shape), u_t (N, *teacher_shape). Returns a scalar; no gradient reaches u_t.

    Raises:
        ValueError: an unknown variant, sizes that no regressor bridges, or maps of other shapes than announced.

    Example:
        >>> import torch
        >>> loss = HintLoss((16, 16, 16), (32, 16, 16))
        >>> loss(torch.rand(2, 16, 16, 16), torch.rand(2, 32, 16, 16)).ndim
        0
    """

    def __init__(
        self,
        student_shape: tuple[int, int, int],
        teacher_shape: tuple[int, int, int],
        *,
        rectified: bool = True,
        variant: str = "paper",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of HintLoss", variant, VARIANTS)
        self.equation = VARIANTS[variant]
        self.student_shape, self.teacher_shape = student_shape, teacher_shape
        copied = variant == "repdistiller"
        layers = [regressor(self.student_shape, self.teacher_shape, strided=copied)]
        if copied:
            layers.append(nn.BatchNorm2d(self.teacher_shape[0]))
        if copied or rectified:
            layers.append(nn.ReLU())
        self.regressor = nn.Sequential(*layers)

    @in_full_precision
    def forward(self, v_s: Tensor, u_t: Tensor) -> Tensor:
        check_pair(v_s, u_t, what="feature map", ndim=4)
        came, expected = (v_s.shape[1:], u_t.shape[1:]), (self.student_shape, self.teacher_shape)
        if came != expected:
            raise ValueError(
                f"The maps have shapes {tuple(map(tuple, came))} per sample; this loss was built for {expected}. "
                "Tap the same stages, or build a new HintLoss."
            )
        return self.equation(self.regressor(v_s), u_t.detach())


def hint_then_distil(run) -> list[Phase]:
    """The paper's two phases: the student up to the guided layer and the regressor, then the whole student by KD."""
    stage = run.tap.keywords.get("stage", MIDDLE)
    entries = run.loss.teacher_shape[0] * run.loss.teacher_shape[1] * run.loss.teacher_shape[2]
    soft = KDLoss(temperature=3.0)

    def distil(s: Features, t: Features, batch: Batch) -> Terms:
        return {"task": F.cross_entropy(s.logits.float(), batch.labels), "kd": soft(s.logits, t.logits)}

    if (
        run.with_kd is None
    ):  # the authors' soft cross-entropy has no T^2, ours has: lambda / T^2 gives the same gradient
        weights = {"task": run.task_weight, "kd": lambda progress: (4 - 3 * progress) / 9}
        second = Phase("distil", [run.student], distil, weights, share=3 / 4)
    else:  # the KD term asked for takes the place of the paper's
        second = Phase("distil", [run.student], run.task, run.task_weights, share=3 / 4)

    # Only the guided part moves: an upper layer given a gradient of zeros would still drift by weight decay.
    guided = [*run.student.lower(stage), run.loss.regressor]
    return [
        # The paper's RMSProp does not feel the size of a loss; our SGD does, so the sum is brought to a mean.
        Phase("hint", guided, run.distil_only, {"distil": run.weight * 2 / entries}, share=1 / 4),
        second,
    ]


MIDDLE = 1  # of the three stages of a CIFAR ResNet: half its depth, as the paper advises


def middle_stage(f: Features, *, stage: int = MIDDLE) -> Tensor:
    """The hint layer's map, (N, C, H, W): the output of one stage, counted from 0."""
    return f.stages[whole("stage", stage, 0, len(f.stages) - 1)]


RECIPE = Recipe(
    name="fitnet",
    title="FitNets: hints",
    paper="Romero et al., ICLR 2015",
    knowledge="feature",
    tap=middle_stage,
    tap_options=("stage",),
    build=lambda v_s, u_t, context, *, variant: HintLoss(
        v_s.shape[1:], u_t.shape[1:], rectified=bool((u_t >= 0).all()), variant=variant
    ),
    equation=fitnet,
    variants={
        "paper": Variant(
            weight=100.0,
            phases=hint_then_distil,
            source="RepDistiller's weight, on the paper's sum brought to a mean",
            blind_to=BATCH,
        ),
        "repdistiller": Variant(
            weight=100.0, source="RepDistiller's CIFAR-100 runs", blind_to=BATCH, equation=fitnet_mean
        ),
    },
)
