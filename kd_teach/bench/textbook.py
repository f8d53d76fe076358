"""The losses as they are commonly published: broadcasts, masks and autograd, and no thought of memory.

`kd_teach.bench.bench_losses` races the package's losses against these, and checks that the values agree. Each is
written from the equation in the method's file in `kd_teach/methods`, where it is explained; the reduction (sum or
mean) is RepDistiller's where it has the method and no name says otherwise. What is learnt or remembered comes from the
caller, so that both forms share it. The teacher's taps come without a gradient.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Maps = Sequence[Tensor]  # (B, C, H, W), one per stage


def kd(z_s: Tensor, z_t: Tensor, *, temperature: float = 4.0) -> Tensor:
    log_p_s = F.log_softmax(z_s / temperature, dim=1)
    p_t = F.softmax(z_t / temperature, dim=1)
    return temperature**2 * F.kl_div(log_p_s, p_t, reduction="sum") / len(z_s)


def hint_paper(regressor: nn.Module, v_s: Tensor, u_t: Tensor) -> Tensor:
    return 0.5 * (u_t - regressor(v_s)).pow(2).flatten(1).sum(dim=1).mean()


def hint(regressor: nn.Module, v_s: Tensor, u_t: Tensor) -> Tensor:
    return F.mse_loss(regressor(v_s), u_t)


def attention(f: Tensor) -> Tensor:
    return F.normalize(f.pow(2).mean(dim=1).flatten(1))  # (B, HW)


def at(f_s: Maps, f_t: Maps) -> Tensor:
    return sum((attention(s) - attention(t)).pow(2).mean() for s, t in zip(f_s, f_t, strict=True))


def at_paper(f_s: Maps, f_t: Maps) -> Tensor:
    return sum((attention(s) - attention(t)).norm(dim=1).mean() for s, t in zip(f_s, f_t, strict=True))


def at_gradient(g_s: Maps, g_t: Maps) -> Tensor:
    return sum((s - t).flatten(1).norm(dim=1).mean() for s, t in zip(g_s, g_t, strict=True))


def sp(f_s: Tensor, f_t: Tensor) -> Tensor:
    q_s, q_t = f_s.flatten(1), f_t.flatten(1)
    g_s, g_t = F.normalize(q_s @ q_s.T, dim=1), F.normalize(q_t @ q_t.T, dim=1)  # (B, B)
    return (g_t - g_s).pow(2).sum() / len(f_s) ** 2


def cc(embed_s: nn.Module, embed_t: nn.Module, e_s: Tensor, e_t: Tensor) -> Tensor:
    delta = (embed_s(e_s) - embed_t(e_t)).abs()
    return (delta[:-1] * delta[1:]).sum(dim=1).mean()


def cc_kernel(kernel: Callable[[Tensor], Tensor], e_s: Tensor, e_t: Tensor) -> Tensor:
    return F.mse_loss(kernel(F.normalize(e_s)), kernel(F.normalize(e_t)))


def bilinear(e: Tensor) -> Tensor:
    return e @ e.T


def rbf(e: Tensor, gamma: float = 0.4) -> Tensor:
    return torch.exp(-gamma * (e.unsqueeze(0) - e.unsqueeze(1)).pow(2).sum(dim=2))  # from (B, B, D)


def rbf_taylor(e: Tensor, gamma: float = 0.4, order: int = 2) -> Tensor:
    similarity, kernel, factorial = e @ e.T, 0.0, 1
    for p in range(order + 1):
        factorial *= max(p, 1)
        kernel = kernel + torch.exp(torch.tensor(-2 * gamma)) * (2 * gamma) ** p / factorial * similarity**p
    return kernel


def vid(regressors: Sequence[nn.Module], alphas: Sequence[Tensor], f_s: Maps, f_t: Maps, *, floor: float) -> Tensor:
    total = 0.0
    for regressor, alpha, s, t in zip(regressors, alphas, f_s, f_t, strict=True):
        variance = (torch.log(1 + torch.exp(alpha)) + floor).reshape(1, -1, 1, 1)
        total = total + 0.5 * ((regressor(s) - t) ** 2 / variance + torch.log(variance)).mean()
    return total


def distances(e: Tensor) -> Tensor:
    d = (e.unsqueeze(0) - e.unsqueeze(1)).pow(2).sum(dim=2).clamp(min=1e-12).sqrt()  # (B, B) from (B, B, D)
    d = d * (1 - torch.eye(len(e), dtype=e.dtype, device=e.device))
    return d / d[d > 0].mean()


def angles(e: Tensor) -> Tensor:
    directions = F.normalize(e.unsqueeze(0) - e.unsqueeze(1), dim=2)  # (B, B, D)
    return torch.bmm(directions, directions.transpose(1, 2))  # (B, B, B)


def rkd(e_s: Tensor, e_t: Tensor, *, distance: float = 25.0, angle: float = 50.0) -> Tensor:
    by_distance = F.smooth_l1_loss(distances(e_s), distances(e_t)) if distance else 0.0
    by_angle = F.smooth_l1_loss(angles(e_s), angles(e_t)) if angle else 0.0
    return distance * by_distance + angle * by_angle


def rkd_paper(e_s: Tensor, e_t: Tensor, *, distance: float = 25.0, angle: float = 50.0) -> Tensor:
    n = len(e_s)  # what is not distinct is equal in both networks: it adds nothing to a sum
    by_distance = F.smooth_l1_loss(distances(e_s), distances(e_t), reduction="sum") / (n * (n - 1))
    by_angle = F.smooth_l1_loss(angles(e_s), angles(e_t), reduction="sum") / (n * (n - 1) * (n - 2))
    return distance * by_distance + angle * by_angle


def neighbours(e: Tensor) -> Tensor:
    similarity = (F.normalize(e) @ F.normalize(e).T + 1) / 2
    others = similarity[~torch.eye(len(e), dtype=torch.bool, device=e.device)].reshape(len(e), -1)  # (B, B - 1)
    return others / others.sum(dim=1, keepdim=True)


def pkt_paper(e_s: Tensor, e_t: Tensor) -> Tensor:
    q, p = neighbours(e_s), neighbours(e_t)
    return (p * torch.log(p / q)).sum(dim=1).mean()


def pkt(e_s: Tensor, e_t: Tensor) -> Tensor:
    q, p = ((F.normalize(e) @ F.normalize(e).T + 1) / 2 for e in (e_s, e_t))
    q, p = q / q.sum(dim=1, keepdim=True), p / p.sum(dim=1, keepdim=True)
    return (p * torch.log(p / q)).mean()


def ab(
    connectors: Sequence[nn.Module], f_s: Maps, f_t: Maps, *, weights: Sequence[float], margin: float = 1.0
) -> Tensor:
    total = 0.0
    for weight, connector, s, t in zip(weights, connectors, f_s, f_t, strict=True):
        s = connector(s)
        silent = ((s > -margin) & (t <= 0)).to(s)
        firing = ((s <= margin) & (t > 0)).to(s)
        total = total + weight * ((s + margin) ** 2 * silent + (s - margin) ** 2 * firing).sum() / len(s)
    return total


def ft(encode: nn.Module, translate: nn.Module, f_s: Tensor, f_t: Tensor) -> Tensor:
    with torch.no_grad():
        factor_t = encode(f_t)
    return (attention(translate(f_s)) - attention(factor_t)).abs().mean()


def ft_paper(encode: nn.Module, translate: nn.Module, f_s: Tensor, f_t: Tensor) -> Tensor:
    with torch.no_grad():
        factor_t = encode(f_t)
    return (F.normalize(translate(f_s).flatten(1)) - F.normalize(factor_t.flatten(1))).abs().mean()


def flow(bottom: Tensor, top: Tensor, *, pool: Callable[..., Tensor] = F.adaptive_avg_pool2d) -> Tensor:
    grid = tuple(map(min, bottom.shape[2:], top.shape[2:]))
    bottom, top = pool(bottom, grid).flatten(2).unsqueeze(2), pool(top, grid).flatten(2).unsqueeze(1)
    return (bottom * top).mean(dim=3)  # (B, m, n) from (B, m, n, hw)


def fsp(f_s: Maps, f_t: Maps) -> Tensor:
    steps = range(len(f_s) - 1)
    return sum(F.mse_loss(flow(f_s[i], f_s[i + 1]), flow(f_t[i], f_t[i + 1])) for i in steps)


def fsp_paper(f_s: Maps, f_t: Maps) -> Tensor:
    total = 0.0
    for i in range(len(f_s) - 1):
        g_s, g_t = (flow(f[i], f[i + 1], pool=F.adaptive_max_pool2d) for f in (f_s, f_t))
        total = total + (g_t - g_s).pow(2).sum() / len(g_s)
    return total


def fsp_adapter(adapters: Sequence[nn.Module], f_s: Maps, f_t: Maps) -> Tensor:
    return fsp_paper([adapter(f) for adapter, f in zip(adapters, f_s, strict=True)], f_t)


def products(x: Tensor, y: Tensor) -> Tensor:
    return (x.unsqueeze(2) * y.unsqueeze(1)).sum(dim=3)  # (B, C, C') from (B, C, C', HW)


def nst(f_s: Maps, f_t: Maps, *, kernel: str = "polynomial") -> Tensor:
    total = 0.0
    for s, t in zip(f_s, f_t, strict=True):
        s, t = F.normalize(s.flatten(2), dim=2), F.normalize(t.flatten(2), dim=2)
        total = total + KERNELS[kernel](products(s, s), products(s, t), products(t, t))
    return total


def polynomial(ss: Tensor, st: Tensor, tt: Tensor) -> Tensor:
    return tt.pow(2).mean() + ss.pow(2).mean() - 2 * st.pow(2).mean()


def linear(ss: Tensor, st: Tensor, tt: Tensor) -> Tensor:
    return tt.mean() + ss.mean() - 2 * st.mean()


def gaussian(ss: Tensor, st: Tensor, tt: Tensor) -> Tensor:
    variance = (2 - 2 * st.detach()).mean(dim=(1, 2), keepdim=True)
    ss, st, tt = (torch.exp(-(2 - 2 * xy) / (2 * variance)) for xy in (ss, st, tt))
    return tt.mean() + ss.mean() - 2 * st.mean()


KERNELS = {"polynomial": polynomial, "linear": linear, "gaussian": gaussian}


def crd(
    embed_s: nn.Module,
    embed_t: nn.Module,
    bank_s: Tensor,
    bank_t: Tensor,
    rows: Tensor,
    z: Tensor,
    e_s: Tensor,
    e_t: Tensor,
    *,
    temperature: float = 0.07,
    eps: float = 1e-7,
) -> Tensor:
    """`rows` (B, K + 1) of the banks that each anchor meets, the positive first; `z` the normaliser of each side."""
    v_s, v_t = F.normalize(embed_s(e_s)), F.normalize(embed_t(e_t))
    return crd_side(v_s, bank_t, rows, z[0], temperature, eps) + crd_side(v_t, bank_s, rows, z[1], temperature, eps)


def crd_side(anchors: Tensor, bank: Tensor, rows: Tensor, z: Tensor, temperature: float, eps: float) -> Tensor:
    (batch, columns), (n, dim) = rows.shape, bank.shape
    gathered = bank.index_select(0, rows.flatten()).reshape(batch, columns, dim)  # (B, K + 1, dim)
    scores = torch.exp(torch.bmm(gathered, anchors.unsqueeze(2)).squeeze(2) / temperature) / z  # (B, K + 1)
    noise = (columns - 1) / n
    positive = torch.log(scores[:, 0] / (scores[:, 0] + noise + eps))
    negative = torch.log(noise / (scores[:, 1:] + noise + eps))
    return -(positive.sum() + negative.sum()) / batch


def ofd(connectors: Sequence[nn.Module], margins: Sequence[Tensor], f_s: Maps, f_t: Maps) -> Tensor:
    total = 0.0
    for weight, connector, margin, s, t in zip((0.25, 0.5, 1.0), connectors, margins, f_s, f_t, strict=True):
        total = total + weight * partial_distance(connector(s), t, margin.reshape(1, -1, 1, 1)).sum() / len(s)
    return total


def ofd_batch(connectors: Sequence[nn.Module], f_s: Maps, f_t: Maps) -> Tensor:
    total = 0.0
    for connector, s, t in zip(connectors, f_s, f_t, strict=True):
        negative = (t < 0).to(t)
        count = negative.sum(dim=(0, 2, 3), keepdim=True)
        margin = (t * negative).sum(dim=(0, 2, 3), keepdim=True) / count.clamp(min=1)  # (1, C, 1, 1)
        total = total + partial_distance(connector(s), t, margin).mean()
    return total


def partial_distance(s: Tensor, t: Tensor, margin: Tensor) -> Tensor:
    target = torch.max(t, margin)
    mask = ((s > target) | (target > 0)).to(s)
    return F.mse_loss(s, target, reduction="none") * mask
