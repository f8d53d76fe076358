"""Answers written last, by the prompts alone, after the checker stood: what forty students would hand in.

As in `corpus_measured.py`, each wrong answer stands beside a pattern that a true explanation of it must match. A first
measure of this file was taken before anything was mended after it; from then on it is no longer blind.
"""

# ruff: noqa: E501

# what a true explanation is about
DIM = r"dim|axis|batch|class|channel|place|row|column|along|over|across"
MEAN = r"mean|\bsum|divid|factor|averag|times|size|number of"
DETACH = r"detach|gradient"
SIDE = r"student|teacher|exchang|swap|turned|order|the other|places|in place of"
SQUARE = r"squar|power|exponent|root|absolut|abs"
MISSING = r"missing|left out|leave|without|no part|not used|forg|drop|only|lack|unused|never"
CONSTANT = r"constant|fixed|hard|always|whatever|number|case|depend|instead of"

WRONG = {
    "start.share": [
        ("len(list(student.parameters())) / len(list(teacher.parameters()))", "count|tensors|numel|numbers"),
        ("sum(p.numel() for p in student.parameters())", "teacher|divi|share|no part|not used"),
        (
            "n_s = sum(p.numel() for p in student.parameters())\nn_t = sum(p.numel() for p in teacher.parameters())\nreturn n_s // n_t",
            "whole|floor|//|round|divi|integer",
        ),
        (
            "n_s = sum(p.numel() for p in student.parameters())\nn_t = sum(p.numel() for p in teacher.parameters())\nreturn n_s / (n_s + n_t)",
            "sum|both|together|teacher|added|term|plus",
        ),
        (
            "n_s = sum(p.numel() for p in student.parameters() if p.dim() > 1)\nn_t = sum(p.numel() for p in teacher.parameters() if p.dim() > 1)\nreturn n_s / n_t",
            "bias|dim|some|all",
        ),
    ],
    "kd.soften": [
        ("e = torch.exp(z / T)\nreturn e / e.sum()", DIM),
        ("e = torch.exp(z) / T\nreturn e / e.sum(dim=1, keepdim=True)", r"\bT\b|temperature|before|logits"),
        ("p = F.softmax(z, dim=1) ** (1 / T)\nreturn p", r"sum|normal|divid|one|1"),
        ("F.softmax(z / 4.0, dim=1)", r"\bT\b|" + CONSTANT),
        ("z = z - z.max()\nreturn F.softmax(z, dim=1) / T", r"\bT\b|temperature|divid|before"),
        ("F.log_softmax(z / T, dim=1)", "log"),
        (
            "p = torch.zeros_like(z)\nfor i in range(len(z)):\n    p[i] = F.softmax(z[0] / T, dim=0)\nreturn p",
            "first|row|sample|batch",
        ),
    ],
    "kd.loss": [
        (
            "F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            r"T²|T\^2|T\*\*2|\bT\b",
        ),
        ("F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1)) * T * T", MEAN),
        (
            "p_s = F.softmax(z_s / T, 1)\np_t = F.softmax(z_t.detach() / T, 1)\nreturn T**2 * F.kl_div(p_s, p_t, reduction='batchmean')",
            "log",
        ),
        (
            "p_s = F.softmax(z_s / T, 1)\np_t = F.softmax(z_t / T, 1)\nreturn T**2 * (p_t * (p_t / p_s).log()).sum(1).mean()",
            DETACH,
        ),
        ("p_t = F.softmax(z_t.detach() / T, 1)\nreturn T**2 * F.cross_entropy(z_s / T, p_t)", "cross|entropy|KL"),
        (
            "p_s = F.softmax(z_s / T, 1)\np_t = F.softmax(z_t.detach() / T, 1)\nreturn T**2 * (p_t * (p_t.log() - p_s.log())).sum()",
            MEAN + "|" + DIM,
        ),
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nlog_p_s = F.log_softmax(z_s, 1)\nreturn T**2 * F.kl_div(log_p_s, p_t, reduction='batchmean')",
            r"student|z_s|\bT\b",
        ),
        (
            "z_s = z_s.detach()\nreturn T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            DETACH,
        ),
        ("T**2 * F.kl_div(F.log_softmax(z_s / T, -2), F.softmax(z_t.detach() / T, -2), reduction='batchmean')", DIM),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn kl / T**2",
            r"T²|T\^2|\bT\b|divid|multipl",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nkl * T**2",
            "return",
        ),
    ],
    "kd.total": [
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn gamma * F.cross_entropy(z_s, y) + alpha * kl",
            r"T²|T\^2|\bT\b",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn alpha * F.cross_entropy(z_s, y) + gamma * T * T * kl",
            r"alpha|gamma|exchang|swap",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn (1 - alpha) * F.cross_entropy(z_s, y) + alpha * T * T * kl",
            "gamma|weight",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn gamma * F.cross_entropy(F.softmax(z_s, 1), y) + alpha * T * T * kl",
            "softmax|logits|twice",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn T * T * (gamma * F.cross_entropy(z_s, y) + alpha * kl)",
            r"T²|T\^2|\bT\b|label|cross",
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn gamma * F.cross_entropy(z_t.detach(), y) + alpha * T * T * kl",
            SIDE,
        ),
        (
            "kl = F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')\nreturn gamma * F.cross_entropy(z_s / T, y) + alpha * T * T * kl",
            r"T = 1|\bT\b|temperature",
        ),
    ],
    "fitnet.guess": [
        ("F.relu(F.conv2d(v_s, weight[:, :, None, None]))", "bias"),
        ("F.conv2d(v_s, weight[:, :, None, None], bias)", "relu"),
        ("torch.einsum('oc,nchw->nohw', weight, F.relu(v_s)) + bias[:, None, None]", "relu"),
        (
            "mixed = torch.einsum('oc,nchw->nohw', weight, v_s)\nreturn F.relu(mixed) + bias[:, None, None]",
            "relu|bias|before|after",
        ),
        (
            "mixed = torch.einsum('oc,nchw->nohw', weight, v_s)\nreturn F.gelu(mixed + bias[:, None, None])",
            "gelu|relu|function",
        ),
    ],
    "fitnet.loss": [
        ("F.mse_loss(guess, u_t.detach())", MEAN),
        ("0.5 * F.mse_loss(guess, u_t.detach(), reduction='sum') / guess.shape[1]", MEAN + "|channel"),
        ("0.5 * ((guess - u_t.detach()) ** 2).flatten(1).sum(1).sqrt().mean()", SQUARE),
        ("0.5 * (guess - u_t).pow(2).sum(dim=(1, 2, 3)).mean()", DETACH),
        (
            "loss = 0\nfor i in range(len(guess)):\n    loss = loss + 0.5 * (guess[i] - u_t.detach()[i]).pow(2).sum()\n    return loss / len(guess)",
            "first|loop|return|sample|image|batch",
        ),
        ("0.5 * (guess - u_t.detach()).abs().sum() / len(guess)", SQUARE),
    ],
    "fitnet.second_phase": [
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nreturn F.cross_entropy(z_s, y) + lam * T**2 * F.cross_entropy(z_s / T, p_t)",
            r"T²|T\^2|\bT\b",
        ),
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nreturn F.cross_entropy(z_s, y) + lam * F.kl_div(F.log_softmax(z_s / T, 1), p_t, reduction='batchmean')",
            "KL|entropy|gradient",
        ),
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nreturn lam * F.cross_entropy(z_s, y) + F.cross_entropy(z_s / T, p_t)",
            "lam",
        ),
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nreturn F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s, p_t)",
            r"\bT\b|student|temperature",
        ),
        (
            "p_t = F.softmax(z_t.detach() / T, 1)\nreturn (1 - lam) * F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s / T, p_t)",
            "lam|1 -|label",
        ),
        ("return F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s / T, z_t.detach() / T)", "softmax|probab"),
    ],
    "fitnet.floor": [
        ("u_t.clamp(max=0).pow(2).sum()", MEAN),
        ("neg = u_t[u_t < 0]\nreturn neg.pow(2).mean()", "all|entries|mean|only|negative|divi|size"),
        ("F.mse_loss(F.relu(u_t), torch.zeros_like(u_t))", "negative|positive|relu|clamp|sign"),
        ("u_t.clamp(max=0).abs().mean()", SQUARE),
        ("0.0", "0|floor|negative|depend|argument|used|zero"),
    ],
    "at.map": [
        ("F.normalize(f.abs().pow(p).mean(1).flatten(1), p=1, dim=1)", "length|norm|Euclid|sum"),
        ("F.normalize(f.pow(p).sum(1).flatten(1))", "abs|sign|\\|f\\|"),
        (
            "q = f.abs().pow(p).sum(1)\nreturn F.normalize(q, dim=1).flatten(1)",
            "flatten|map|row|whole|height|dim|length",
        ),
        ("q = f.abs().pow(2).sum(1).flatten(1)\nreturn F.normalize(q)", r"\bp\b|" + CONSTANT),
        ("q = f.abs().pow(p).sum(1).flatten(1)\nreturn q / q.norm()", DIM + "|image|each"),
        ("q = f.abs().sum(1).pow(p).flatten(1)\nreturn F.normalize(q)", "sum|order|before|after|power"),
        ("q = f.abs().pow(p).sum(1).flatten(1)\nreturn q", "length|norm|scal"),
    ],
    "at.loss": [
        (
            "q_s = F.normalize(f_s.pow(2).mean(1).flatten(1))\nq_t = F.normalize(f_t.detach().pow(2).mean(1).flatten(1))\nreturn (q_s - q_t).pow(2).mean()",
            SQUARE + "|mean|distance",
        ),
        (
            "q_s = f_s.pow(2).sum(1).flatten(1)\nq_t = f_t.detach().pow(2).sum(1).flatten(1)\nreturn (q_s - q_t).norm(dim=1).mean()",
            "length|norm|scal|unit",
        ),
        (
            "q_s = F.normalize(f_s.pow(2).sum(1).flatten(1))\nq_t = F.normalize(f_t.detach().pow(2).sum(1).flatten(1))\nreturn (q_s - q_t).norm()",
            MEAN + "|image|batch",
        ),
        (
            "q_s = F.normalize(f_s.pow(2).sum(1).flatten(1))\nq_t = F.normalize(f_t.detach().pow(2).sum(1).flatten(1))\nreturn (q_s - q_t).abs().sum(1).mean()",
            SQUARE + "|distance|Euclid",
        ),
        (
            "q_s = F.normalize(f_s.abs().sum(1).flatten(1))\nq_t = F.normalize(f_t.detach().abs().sum(1).flatten(1))\nreturn (q_s - q_t).norm(dim=1).mean()",
            SQUARE,
        ),
        (
            "q_s = F.normalize(f_s.pow(2).sum(1).flatten(1))\nq_t = F.normalize(f_t.detach().pow(2).sum(1).flatten(1))\nreturn 1 - (q_s * q_t).sum(1).mean()",
            "cosine|distance|product|norm",
        ),
        (
            "q_s = F.normalize(f_s.pow(2).sum((2, 3)))\nq_t = F.normalize(f_t.detach().pow(2).sum((2, 3)))\nreturn (q_s - q_t).norm(dim=1).mean()",
            DIM,
        ),
    ],
    "sp.similarity": [
        ("q = f.flatten(1)\nreturn q @ q.T", "length|norm|row|divi"),
        ("q = F.normalize(f.flatten(1))\nreturn q @ q.T", "row|before|length|norm|order|after"),
        ("q = f.flatten(1)\ng = q @ q.T\nreturn g / g.norm()", DIM + "|each"),
        ("q = f.flatten(1)\ng = q @ q.T\nreturn g / g.norm(dim=0)", DIM),
        ("q = f.mean(dim=(2, 3))\ng = q @ q.T\nreturn F.normalize(g)", "mean|flatten|place|averag|pool"),
        ("q = f.flatten(1)\ng = q @ q.T\nreturn F.softmax(g, dim=1)", "softmax|norm|length"),
    ],
    "sp.loss": [
        (
            "a = f_s.flatten(1) @ f_s.flatten(1).T\nb = f_t.detach().flatten(1) @ f_t.detach().flatten(1).T\nreturn (F.normalize(a) - F.normalize(b)).pow(2).sum() / len(f_s)",
            MEAN,
        ),
        (
            "a = f_s.flatten(1) @ f_s.flatten(1).T\nb = f_t.detach().flatten(1) @ f_t.detach().flatten(1).T\nreturn (a - b).pow(2).mean()",
            "length|norm|row|divi|unit",
        ),
        (
            "a = f_s.flatten(1) @ f_s.flatten(1).T\nb = f_t.detach().flatten(1) @ f_t.detach().flatten(1).T\nreturn (F.normalize(a) - F.normalize(b)).norm() / len(f_s) ** 2",
            SQUARE,
        ),
        (
            "a = F.normalize(f_s.flatten(1)) @ F.normalize(f_s.flatten(1)).T\nb = F.normalize(f_t.detach().flatten(1)) @ F.normalize(f_t.detach().flatten(1)).T\nreturn (a - b).pow(2).mean()",
            "row|length|norm|cosine|before",
        ),
    ],
    "sp.contrast": [
        (
            "same = y[:, None] == y[None, :]\nreturn g[same].mean() - g[~same].mean()",
            "diagonal|itself|different samples",
        ),
        (
            "same = (y[:, None] == y[None, :]) & ~torch.eye(len(y), dtype=torch.bool)\nreturn g[same].mean() - g[~same].mean()",
            "diagonal|itself|different",
        ),
        (
            "same = y[:, None] == y[None, :]\neye = torch.eye(len(y), dtype=torch.bool)\nreturn g[~same].mean() - g[same & ~eye].mean()",
            "sign|minus|exchang|negat|opposite|turned",
        ),
        (
            "same = y[:, None] == y[None, :]\neye = torch.eye(len(y), dtype=torch.bool)\nreturn g[same & ~eye].sum() - g[~same].sum()",
            MEAN,
        ),
    ],
    "cc.correlation": [
        (
            "x = F.normalize(e)\nreturn torch.exp(2 * gamma * (x @ x.T) - 2 * gamma)",
            "order|series|no part|not used|exp",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order))",
            "order|last|term|range|\\+ 1",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(1, order + 1))",
            "p = 0|first|term|from|range|start",
        ),
        (
            "c = e @ e.T\nreturn math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1))",
            "norm|length|cosine|unit",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1))",
            "exp|factor|gamma",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn math.exp(-2 * gamma) * sum((2 * gamma * c) ** p for p in range(order + 1))",
            "factorial|p!|divid|divis",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn math.exp(-gamma) * sum((gamma * c) ** p / math.factorial(p) for p in range(order + 1))",
            "2|gamma|half",
        ),
        (
            "x = F.normalize(e)\nc = x @ x.T\nreturn math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(order) for p in range(order + 1))",
            "factorial|order|p",
        ),
    ],
    "cc.neighbours": [
        ("d = (e_s - e_t) ** 2\nreturn (d[:-1] * d[1:]).sum(1).mean()", SQUARE),
        ("d = (e_s - e_t).abs()\nreturn (d[:-1] * d[1:]).mean()", MEAN + "|" + DIM),
        ("d = (e_s - e_t).abs()\nreturn (d[:-1] * d[1:]).sum(1).sum() / len(d)", "N - 1|N-1|mean|divi|number|pairs"),
        ("d = e_s - e_t\nreturn (d[:-1] * d[1:]).sum(1).mean()", SQUARE + "|sign"),
        ("d = (e_s - e_t.detach()).abs()\nreturn (d[:-1] * d[1:]).sum(1).mean()", DETACH),
        (
            "d = (e_s - e_t).abs()\nreturn (d * d.roll(1, 0)).sum(1).mean()",
            "last|first|N - 1|wrap|round|roll|pairs|neighbour",
        ),
    ],
    "cc.repeat_classes": [
        ("torch.cat([(y == k).nonzero().flatten()[-each:] for k in classes])", "first|last|end"),
        ("torch.cat([(y == k).nonzero().flatten() for k in classes])", "each|all"),
        ("torch.cat([(y == k).nonzero().flatten()[:each] for k in sorted(classes)])", "order|sort"),
        ("torch.cat([y[(y == k)][:each] for k in classes])", "position|label|value|index|class"),
    ],
    "vid.variance": [
        ("torch.exp(alpha) + floor", "softplus|exp|log|finite"),
        ("torch.log(1 + torch.exp(alpha)) + floor", "finite|inf|100|overflow"),
        ("F.softplus(alpha + floor)", "floor"),
        ("F.relu(alpha) + floor", "relu|softplus"),
        ("torch.clamp(F.softplus(alpha), min=floor)", "floor|add|clamp|plus|larger|maximum"),
        ("F.softplus(alpha)", "floor"),
    ],
    "vid.loss": [
        ("v = variance[:, None, None]\nreturn (torch.log(v) + (f_t.detach() - mu) ** 2 / v).mean()", "half|2|factor"),
        (
            "v = variance[:, None, None]\nreturn 0.5 * (torch.log(v) + (f_t.detach() - mu) ** 2 / v**2).mean()",
            SQUARE + "|variance",
        ),
        (
            "v = variance[:, None, None]\nreturn 0.5 * (torch.log(v) + (f_t.detach() - mu) ** 2 / v).sum() / len(mu)",
            MEAN,
        ),
        (
            "v = variance[:, None, None]\nreturn (torch.log(v) + (f_t.detach() - mu) ** 2 / (2 * v)).mean()",
            "half|2|log|factor",
        ),
        ("v = variance[:, None, None]\nreturn 0.5 * ((f_t.detach() - mu) ** 2 / v).mean()", "log|term"),
        (
            "v = variance[:, None, None].detach()\nreturn 0.5 * (torch.log(v) + (f_t.detach() - mu) ** 2 / v).mean()",
            DETACH,
        ),
        (
            "v = variance[:, None, None]\nreturn 0.5 * (torch.log(v) - (f_t.detach() - mu) ** 2 / v).mean()",
            "sign|minus|plus|subtract|add",
        ),
        (
            "f = torch.distributions.Normal(mu, variance[:, None, None].sqrt())\nreturn -f.log_prob(f_t.detach()).mean()",
            "constant|pi|2",
        ),
    ],
    "vid.best_variance": [
        ("(f_t - mu).var(dim=(0, 2, 3))", "mean|var|centre|subtract|zero"),
        ("(f_t - mu).pow(2).mean()", DIM + "|each"),
        ("(f_t - mu).pow(2).mean(dim=(0, 2, 3)).sqrt()", SQUARE),
        ("(f_t - mu).pow(2).sum(dim=(0, 2, 3))", MEAN),
        ("f_t.var(dim=(0, 2, 3))", "mu|no part|not used"),
    ],
    "rkd.distances": [
        ("d = torch.cdist(e, e)\nreturn d / d.mean()", "diagonal|N|pairs|itself|mean"),
        ("d = torch.cdist(e, e)\nreturn d", "mean|divi|norm"),
        ("d = torch.cdist(e, e) ** 2\nreturn d / d[d > 0].mean()", SQUARE),
        ("d = torch.cdist(e, e, p=1)\nreturn d / d[d > 0].mean()", "absolut|Euclid|norm|squar|distance"),
        ("d = torch.cdist(e, e)\nreturn d / d.max()", "max|mean"),
        ("x = F.normalize(e)\nd = torch.cdist(x, x)\nreturn d / d[d > 0].mean()", "length|norm|unit"),
    ],
    "rkd.angles": [
        ("x = F.normalize(e)\nreturn torch.einsum('id,kd->ik', x, x)", "shape|three|N, N, N|(N|came|expect"),
        ("d = e[:, None] - e[None]\nreturn torch.einsum('ijd,kjd->ijk', d, d)", "length|norm|unit|divi"),
        (
            "d = F.normalize(e[:, None] - e[None], dim=2)\nreturn torch.einsum('ijd,kjd->ikj', d, d)",
            "axis|order|dim|exchang|last|middle|transpos|place|index",
        ),
        ("d = F.normalize(e[:, None] - e[None], dim=1)\nreturn torch.einsum('ijd,kjd->ijk', d, d)", DIM),
        (
            "d = F.normalize(e[:, None] - e[None], dim=2)\nreturn torch.arccos(torch.einsum('ijd,kjd->ijk', d, d).clamp(-1, 1))",
            "cos|angle|arc",
        ),
    ],
    "pkt.probabilities": [
        ("x = F.normalize(e)\nk = (x @ x.T + 1) / 2\nreturn k / k.sum(1, keepdim=True)", "diagonal|itself|self"),
        (
            "x = F.normalize(e)\nk = (x @ x.T + 1) / 2\nk = k * (1 - torch.eye(len(e)))\nreturn k / k.sum(0, keepdim=True)",
            DIM,
        ),
        (
            "x = F.normalize(e)\nk = (x @ x.T + 1) / 2\nk = k * (1 - torch.eye(len(e)))\nreturn k / k.sum()",
            DIM + "|each",
        ),
        (
            "x = F.normalize(e)\nk = x @ x.T\nk = k * (1 - torch.eye(len(e)))\nreturn k / k.sum(1, keepdim=True)",
            "kernel|1|half|2|cosine|plus|add",
        ),
        (
            "x = F.normalize(e)\nk = (x @ x.T + 1) / 2 - torch.eye(len(e)) * 1e9\nreturn F.softmax(k, dim=1)",
            "softmax|exp|divid",
        ),
    ],
    "pkt.loss": [
        (
            "def p(e):\n    x = F.normalize(e)\n    k = (x @ x.T + 1) / 2 * (1 - torch.eye(len(e)))\n    return k / k.sum(1, keepdim=True)\na, b = p(e_s), p(e_t.detach())\nreturn F.kl_div(torch.log(b + 1e-12), a, reduction='batchmean')",
            SIDE,
        ),
        (
            "def p(e):\n    x = F.normalize(e)\n    k = (x @ x.T + 1) / 2 * (1 - torch.eye(len(e)))\n    return k / k.sum(1, keepdim=True)\na, b = p(e_s), p(e_t.detach())\nreturn F.kl_div(torch.log(a + 1e-12), b, reduction='sum')",
            MEAN,
        ),
        (
            "def p(e):\n    x = F.normalize(e)\n    k = (x @ x.T + 1) / 2\n    return k / k.sum(1, keepdim=True)\na, b = p(e_s), p(e_t.detach())\nreturn (b * (b / a).log()).sum(1).mean()",
            "itself|diagonal|self",
        ),
    ],
    "ab.hinge": [
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s))", SQUARE),
        ("torch.where(t > 0, F.relu(mu + s), F.relu(mu - s)) ** 2", "sign|exchang|case|fires|branch|other|turned|swap"),
        ("torch.where(s > 0, F.relu(mu - s), F.relu(mu + s)) ** 2", "teacher|t|exchang|student"),
        ("torch.where(t > mu, F.relu(mu - s), F.relu(mu + s)) ** 2", "mu|0|fires|compar|threshold|bound"),
        ("F.relu(mu - s * t) ** 2", "sign|side|fires|size"),
        ("torch.where(t > 0, F.relu(1 - s), F.relu(1 + s)) ** 2", r"mu|constant"),
        ("torch.where(t > 0, mu - s, mu + s) ** 2", "relu|hinge|0|clamp|negative"),
    ],
    "ab.loss": [
        ("(torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)) ** 2).mean()", MEAN),
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)).sum() / len(s)", SQUARE),
        ("(torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)) ** 2).sum(dim=(2, 3)).mean()", MEAN + "|" + DIM),
    ],
    "ab.agreement": [
        ("((s > 0) == (t > 0)).float().sum()", MEAN),
        ("(s * t > 0).float().mean()", "both|neither|0|rectif|sign|negative"),
        ("((s > 0) & (t > 0)).float().mean()", "both|neither|and"),
        ("((s > 0) != (t > 0)).float().mean()", "one minus|1 minus|1 -|opposite|differ|neg|compar"),
        ("100 * ((s > 0) == (t > 0)).float().mean()", "100|percent"),
    ],
    "ab.stage_weights": [
        ("[2 ** i for i in range(stages)]", "1|last|half|power|factor|scale|times"),
        ("[0.5 ** i for i in range(stages)]", "order|revers|first|last|turned"),
        (
            "w = [1.0]\nfor i in range(stages):\n    w.insert(0, w[0] / 2)\nreturn w",
            "length|many|number|one more|entries|\\d",
        ),
    ],
    "ft.unit": [
        ("F.normalize(f, dim=1)", DIM + "|vector"),
        ("f / f.norm()", DIM + "|each|sample"),
        ("F.normalize(f.flatten(1))", "shape"),
        ("f / f.flatten(1).sum(1)[:, None, None, None]", "sum|length|norm"),
        ("f / f.flatten(1).norm(dim=1)[:, None, None, None] ** 2", SQUARE),
    ],
    "ft.loss": [
        (
            "a = F.normalize(F_s.flatten(1))\nb = F.normalize(F_t.detach().flatten(1))\nreturn (a - b).pow(2).mean()",
            SQUARE,
        ),
        (
            "a = F.normalize(F_s.flatten(1))\nb = F.normalize(F_t.detach().flatten(1))\nreturn (a - b).abs().sum(1).mean()",
            MEAN,
        ),
        ("(F_s - F_t.detach()).abs().mean()", "length|norm|scal|unit"),
        ("F.l1_loss(F.normalize(F_s, dim=1), F.normalize(F_t.detach(), dim=1))", DIM + "|vector"),
        (
            "a = F.normalize(F_s.flatten(1))\nb = F.normalize(F_t.flatten(1))\nreturn (a.detach() - b).abs().mean()",
            DETACH,
        ),
    ],
    "fsp.flow": [
        ("torch.einsum('nihw,njhw->nij', f1, f2)", MEAN),
        ("torch.einsum('nihw,njhw->nji', f1, f2) / (f1.shape[2] * f1.shape[3])", "shape|transpos|exchang|order|swap"),
        ("torch.einsum('nihw,njhw->nij', f1, f2) / f1.shape[2]", MEAN + "|height|width|places"),
        (
            "a, b = F.normalize(f1.flatten(2), dim=2), F.normalize(f2.flatten(2), dim=2)\nreturn a @ b.mT",
            "norm|length|cosine|mean",
        ),
        ("f1.mean((2, 3))[:, :, None] * f2.mean((2, 3))[:, None, :]", "mean|product|before|order|after"),
    ],
    "fsp.loss": [
        (
            "def g(a, b):\n    return a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel()\nreturn (g(f1_s, f2_s) - g(f1_t.detach(), f2_t.detach())).pow(2).mean()",
            MEAN,
        ),
        (
            "def g(a, b):\n    return a.flatten(2) @ b.flatten(2).mT\nreturn (g(f1_s, f2_s) - g(f1_t.detach(), f2_t.detach())).pow(2).sum((1, 2)).mean()",
            MEAN + "|place",
        ),
        (
            "def g(a, b):\n    return a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel()\nreturn (g(f1_s, f2_s) - g(f1_t.detach(), f2_t)).pow(2).sum((1, 2)).mean()",
            DETACH,
        ),
        (
            "def g(a, b):\n    return a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel()\nreturn (g(f1_s, f2_s) - g(f1_t.detach(), f2_t.detach())).flatten(1).norm(dim=1).mean()",
            SQUARE,
        ),
    ],
    "nst.patterns": [
        ("F.normalize(f.flatten(2), dim=1)", DIM),
        ("F.normalize(f.flatten(1), dim=1).reshape(*f.shape[:2], -1)", "channel|each|image|whole|dim"),
        ("f.flatten(2) / f.flatten(2).abs().sum(2, keepdim=True)", SQUARE + "|length|norm|Euclid|sum"),
        (
            "x = f.flatten(2)\nreturn (x - x.mean(2, keepdim=True)) / x.std(2, keepdim=True)",
            "mean|length|norm|std|centre|subtract",
        ),
    ],
    "nst.loss": [
        (
            "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nk = lambda a, b: a @ b.mT\nreturn k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()",
            SQUARE + "|linear|kernel",
        ),
        (
            "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nk = lambda a, b: (a @ b.mT) ** 2\nreturn k(x, x).mean() + k(y, y).mean() - k(x, y).mean()",
            "2|factor|twice|cross",
        ),
        (
            "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nk = lambda a, b: (a @ b.mT) ** 2\nreturn k(x, x).mean() - 2 * k(x, y).mean()",
            "teacher|term|y|missing|left out",
        ),
        (
            "x, y = f_s.flatten(2), f_t.detach().flatten(2)\nk = lambda a, b: (a @ b.mT) ** 2\nreturn k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()",
            "length|norm|unit|scal",
        ),
        (
            "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nk = lambda a, b: (a @ b.mT) ** 2\nreturn k(x, x).mean() + k(y, y).mean() + 2 * k(x, y).mean()",
            "sign|minus|plus|subtract",
        ),
    ],
    "crd.critic": [
        ("torch.sigmoid(score / tau)", r"k|n|no part|not used|prior|noise"),
        ("e = torch.exp(score / tau)\nreturn e / (e + n / k)", "k|n|turned|invers|exchang|divi"),
        ("e = torch.exp(score * tau)\nreturn e / (e + k / n)", "tau|divi|multipl"),
        ("e = torch.exp(score)\nreturn e / (e + k / n)", "tau"),
        ("e = torch.exp(score / tau)\nreturn e / (1 + k / n)", "exp|denominator|sum|1|divi|score"),
        ("e = torch.exp(score / tau)\nreturn e / (e + k)", r"\bn\b|no part|not used"),
    ],
    "crd.side": [
        (
            "k = negative.shape[1]\ndef h(x):\n    return torch.sigmoid(x / tau - math.log(k / n))\nreturn -(h(positive).log() + (1 - h(negative)).log().mean(1)).mean()",
            MEAN,
        ),
        (
            "k = negative.shape[1]\ndef h(x):\n    return torch.sigmoid(x / tau - math.log(k / n))\nreturn (h(positive).log() + (1 - h(negative)).log().sum(1)).mean()",
            "sign|minus|negat|opposite",
        ),
        (
            "k = negative.shape[1]\ndef h(x):\n    return torch.sigmoid(x / tau - math.log(k / n))\nreturn -(h(positive).log() + h(negative).log().sum(1)).mean()",
            "1 -|negative|stranger|one minus|h|not",
        ),
        (
            "def h(x):\n    return torch.sigmoid(x / tau)\nreturn -(h(positive).log() + (1 - h(negative)).log().sum(1)).mean()",
            r"k|\bn\b|no part|not used",
        ),
        (
            "return -F.log_softmax(torch.cat([positive[:, None], negative], 1) / tau, 1)[:, 0].mean()",
            r"\bn\b|softmax|no part|InfoNCE|not used",
        ),
    ],
    "crd.renew": [
        (
            "rows[index] = F.normalize(momentum * rows[index] + (1 - momentum) * new, dim=1)\nreturn rows",
            "argument|copy|clone|chang|place",
        ),
        (
            "rows = rows.clone()\nrows[index] = momentum * rows[index] + (1 - momentum) * new\nreturn rows",
            "length|norm",
        ),
        (
            "rows = rows.clone()\nrows[index] = F.normalize((1 - momentum) * rows[index] + momentum * new, dim=1)\nreturn rows",
            "momentum|exchang|swap|weights|old|new",
        ),
        (
            "rows = rows.clone()\nrows[:len(index)] = F.normalize(momentum * rows[index] + (1 - momentum) * new, dim=1)\nreturn rows",
            "index|rows|which|first",
        ),
        ("rows = rows.clone()\nrows[index] = F.normalize(new, dim=1)\nreturn rows", "momentum|old|no part"),
    ],
    "ofd.partial_distance": [
        ("(s - target.detach()) ** 2", "0|mask|counts|where|case|branch|factor"),
        ("t = target.detach()\nreturn torch.where((s <= t) & (t <= 0), 0.0, (s - t).abs())", SQUARE),
        (
            "t = target.detach()\nreturn torch.where((s >= t) & (t <= 0), 0.0, (s - t) ** 2)",
            "case|<|>|compar|where|turned|condition",
        ),
        (
            "t = target.detach()\nreturn torch.where((s <= t) | (t <= 0), 0.0, (s - t) ** 2)",
            "and|or|both|case|condition|compar|part",
        ),
        (
            "t = target.detach()\nreturn torch.where((s <= 0) & (t <= 0), 0.0, (s - t) ** 2)",
            "case|0|target|compar|condition|s ",
        ),
        (
            "t = target.detach()\nreturn torch.where(s <= t, 0.0, (s - t) ** 2)",
            "case|0|target|compar|condition|part|left",
        ),
    ],
    "ofd.margin": [
        (
            "x = bias / weight.abs()\nd = torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi)\nreturn bias - weight.abs() * d",
            "share|divid|divis|probab|erfc|below|condition|left out",
        ),
        (
            "x = bias / weight\nd = torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi)\nreturn bias - weight * d / (torch.erfc(x / math.sqrt(2)) / 2)",
            "abs|negative|sign|weight",
        ),
        (
            "x = bias / weight.abs()\nd = torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi)\nreturn bias + weight.abs() * d / (torch.erfc(x / math.sqrt(2)) / 2)",
            "sign|minus|plus|subtract|add",
        ),
        (
            "x = bias / weight.abs()\nd = torch.exp(-x**2) / math.sqrt(2 * math.pi)\nreturn bias - weight.abs() * d / (torch.erfc(x / math.sqrt(2)) / 2)",
            "half|2|divi|exp|density",
        ),
        ("bias - weight.abs()", "density|share|divi|term|factor|left out|exp|erfc|multipl|operand"),
    ],
    "ofd.loss": [
        (
            "t = torch.maximum(t, m[:, None, None]).detach()\nreturn ((s - t) ** 2).sum() / len(s)",
            "0|mask|case|where|counts|partial|factor",
        ),
        ("t = t.detach()\nreturn (((s > t) | (t > 0)) * (s - t) ** 2).sum() / len(s)", r"margin|\bm\b"),
        ("t = torch.maximum(t, m[:, None, None]).detach()\nreturn (((s > t) | (t > 0)) * (s - t) ** 2).mean()", MEAN),
        (
            "t = torch.minimum(t, m[:, None, None]).detach()\nreturn (((s > t) | (t > 0)) * (s - t) ** 2).sum() / len(s)",
            "min|max|small|large",
        ),
        (
            "t = (t + m[:, None, None]).detach()\nreturn (((s > t) | (t > 0)) * (s - t) ** 2).sum() / len(s)",
            "max|add|sum|plus|lift|margin",
        ),
    ],
    "ofd.margin_of_batch": [
        ("t.clamp(max=0).mean(dim=(0, 2, 3))", "all|negative|count|divi|mean|number|size"),
        ("(t < 0).float().mean(dim=(0, 2, 3))", "value|count|share|sum|size|t |sign"),
        ("neg = t * (t < 0)\nreturn neg.sum((0, 2, 3)) / (t < 0).sum((0, 2, 3))", "NaN|nan|without any|0|channel"),
        ("neg = t.clamp(max=0)\nreturn neg.sum() / (t < 0).sum().clamp(min=1)", DIM + "|shape"),
    ],
    "compare.paired_t": [
        ("d = a - b\nreturn d.mean() / d.std()", "root|sqrt|standard error|n"),
        ("d = a - b\nreturn d.mean() / (d.std() / len(d))", "root|sqrt|n"),
        (
            "d = a - b\nreturn d.mean() / (d.std(unbiased=False) / math.sqrt(len(d)))",
            "N - 1|n - 1|unbiased|freedom|spread|standard|bessel|corrected",
        ),
        ("d = a - b\nreturn d.mean() / (d.var() / len(d))", "root|sqrt|var|squar|standard"),
        ("d = a - b\nreturn d.mean() / (d.std() / math.sqrt(len(d) - 1))", "n|1|root"),
        ("return (a.mean() - b.mean()) / torch.sqrt(a.var() / len(a) + b.var() / len(b))", "pair|differen|each"),
        ("d = b - a\nreturn d.mean() / (d.std() / math.sqrt(len(d)))", "sign|a|exchang|minus|negat"),
    ],
    "compare.holm": [
        ("(p * len(p)).clamp(max=1)", "m|bonferroni|all|same|next|cummax"),
        (
            "m = len(p)\nq, order = p.sort()\nout = (q * torch.arange(m, 0, -1)).cummax(0).values.clamp(max=1)\nreturn out",
            "order|sort",
        ),
        (
            "m = len(p)\nq, order = p.sort()\nout = torch.empty_like(p)\nout[order] = (q * torch.arange(m, 0, -1)).clamp(max=1)\nreturn out",
            "below|before|cummax|smaller|monoton|running|largest",
        ),
        (
            "m = len(p)\nq, order = p.sort()\nout = torch.empty_like(p)\nout[order] = (q * torch.arange(m, 0, -1)).cummax(0).values\nreturn out",
            "1|clamp|above|most",
        ),
        (
            "m = len(p)\nq, order = p.sort(descending=True)\nout = torch.empty_like(p)\nout[order] = (q * torch.arange(m, 0, -1)).cummax(0).values.clamp(max=1)\nreturn out",
            "order|descend|largest|smallest|sort",
        ),
        (
            "m = len(p)\nq, order = p.sort()\nout = (q * torch.arange(m, 0, -1)).cummax(0).values.clamp(max=1)\nreturn out[order]",
            "order|back|invers|sort|argsort",
        ),
    ],
    "own.centred": [
        ("(z_s - z_t.detach()).pow(2).mean()", "centre|mean|subtract"),
        ("a = z_s - z_s.mean()\nb = z_t.detach() - z_t.detach().mean()\nreturn (a - b).pow(2).mean()", DIM + "|each"),
        ("a = z_s - z_s.mean(0)\nb = z_t.detach() - z_t.detach().mean(0)\nreturn (a - b).pow(2).mean()", DIM),
        (
            "a = z_s - z_s.mean(1, keepdim=True)\nb = z_t.detach() - z_t.detach().mean(1, keepdim=True)\nreturn (a - b).pow(2).sum(1).mean()",
            MEAN,
        ),
        (
            "a = z_s - z_s.mean(1, keepdim=True)\nreturn (a - z_t.detach()).pow(2).mean()",
            "z_t|teacher|both|centre|mean",
        ),
    ],
}

RIGHT = {
    "start.share": [
        "torch.tensor([sum(p.numel() for p in n.parameters()) for n in (student, teacher)]).double().log().diff().neg().exp()[0]",
        "a = nn.utils.parameters_to_vector(student.parameters()).numel()\nb = nn.utils.parameters_to_vector(teacher.parameters()).numel()\nreturn np.float32(a / b)",
    ],
    "kd.soften": [
        "torch.stack([F.softmax(row / T, dim=-1) for row in z])",
        "nn.Softmax(dim=1)(z / T)",
        "p = F.softmax(z, dim=1) ** (1 / T)\nreturn p / p.sum(1, keepdim=True)",
        "out = torch.empty_like(z)\nfor i in range(z.shape[0]):\n    out[i] = torch.exp(z[i] / T - torch.logsumexp(z[i] / T, 0))\nreturn out",
    ],
    "kd.loss": [
        "with torch.no_grad():\n    p_t = F.softmax(z_t / T, 1)\nreturn nn.KLDivLoss(reduction='batchmean')(F.log_softmax(z_s / T, 1), p_t) * (T * T)",
        "p, q = (z_t.data / T).softmax(1), (z_s / T).softmax(1)\nreturn T**2 * (p * (p / q).log()).sum() / z_s.size(0)",
        "teacher = torch.distributions.Categorical(logits=z_t.detach() / T)\nstudent = torch.distributions.Categorical(logits=z_s / T)\nreturn T**2 * torch.distributions.kl_divergence(teacher, student).mean()",
        "loss = 0\nfor i in range(len(z_s)):\n    p = F.softmax(z_t[i].detach() / T, 0)\n    loss += F.kl_div(F.log_softmax(z_s[i] / T, 0), p, reduction='sum')\nreturn loss * T**2 / len(z_s)",
    ],
    "kd.total": [
        "log_s = F.log_softmax(z_s / T, 1)\np_t = F.softmax(z_t.detach() / T, 1)\nsoft = (p_t * p_t.log() - p_t * log_s).sum(1).mean()\nhard = -F.log_softmax(z_s, 1).gather(1, y[:, None]).mean()\nreturn hard * gamma + soft * alpha * T * T",
    ],
    "fitnet.guess": [
        "N, C, H, W = v_s.shape\nx = v_s.permute(0, 2, 3, 1).reshape(-1, C)\nreturn F.linear(x, weight, bias).clamp(min=0).reshape(N, H, W, -1).permute(0, 3, 1, 2)",
        "torch.maximum(F.conv2d(v_s, weight.unsqueeze(-1).unsqueeze(-1), bias), torch.zeros(()))",
    ],
    "fitnet.loss": [
        "sum(0.5 * torch.dist(g, u) ** 2 for g, u in zip(guess, u_t.detach())) / len(guess)",
        "nn.MSELoss(reduction='none')(guess, u_t.detach()).flatten(1).sum(1).mean().div(2)",
    ],
    "fitnet.floor": [
        "float((F.relu(u_t) - u_t).square().mean())",
        "F.mse_loss(u_t.relu(), u_t).item()",
        "np.mean(np.minimum(u_t.detach().numpy(), 0) ** 2)",
    ],
    "at.map": [
        "q = (f.abs() ** p).sum(1)\nn = (q**2).sum((1, 2), keepdim=True).sqrt()\nreturn (q / n).reshape(len(f), -1)",
    ],
    "at.loss": [
        "a = f_s.square().mean(1).reshape(len(f_s), -1)\nb = f_t.detach().square().mean(1).reshape(len(f_t), -1)\na, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)\nreturn torch.sqrt(2 - 2 * (a * b).sum(1)).mean()",
        "a, b = (F.normalize((f**2).sum(1).flatten(1)) for f in (f_s, f_t.detach()))\nreturn F.pairwise_distance(a, b, eps=0).mean()",
    ],
    "sp.similarity": [
        "q = f.view(f.size(0), -1)\nreturn F.normalize(torch.mm(q, q.t()), p=2, dim=1)",
        "g = torch.einsum('ichw,jchw->ij', f, f)\nreturn g / g.norm(dim=1)[:, None]",
    ],
    "sp.contrast": [
        "n = len(y)\ninside, outside = [], []\nfor i in range(n):\n    for j in range(n):\n        if i != j:\n            (inside if y[i] == y[j] else outside).append(g[i, j].item())\nreturn sum(inside) / len(inside) - sum(outside) / len(outside)",
        "g = g.detach().numpy()\ny = y.numpy()\nsame = y[:, None] == y\nnp_eye = np.eye(len(y), dtype=bool)\nreturn g[same & ~np_eye].mean() - g[~same].mean()",
    ],
    "cc.correlation": [
        "c = F.cosine_similarity(e[:, None], e[None], dim=2)\nterm, total = torch.ones_like(c), torch.ones_like(c)\nfor p in range(1, order + 1):\n    term = term * 2 * gamma * c / p\n    total = total + term\nreturn total * np.exp(-2 * gamma)",
    ],
    "cc.neighbours": [
        "d = torch.abs(e_s - e_t)\nreturn sum(torch.dot(d[i], d[i + 1]) for i in range(len(d) - 1)) / (len(d) - 1)",
    ],
    "cc.repeat_classes": [
        "out = []\nfor k in classes:\n    found = 0\n    for i, label in enumerate(y.tolist()):\n        if label == k and found < each:\n            out.append(i)\n            found += 1\nreturn torch.tensor(out)",
        "[i for k in classes for i in np.flatnonzero(y.numpy() == k)[:each]]",
    ],
    "vid.variance": [
        "torch.logaddexp(alpha, torch.zeros_like(alpha)) + floor",
        "nn.Softplus()(alpha).add(floor)",
    ],
    "vid.loss": [
        "v = variance.view(1, -1, 1, 1).expand_as(mu)\nreturn F.gaussian_nll_loss(mu, f_t.detach(), v, eps=1e-12)",
    ],
    "vid.best_variance": [
        "torch.stack([F.mse_loss(mu[:, c], f_t[:, c]) for c in range(mu.shape[1])])",
        "((f_t - mu) ** 2).mean(0).mean(1).mean(1)",
    ],
    "rkd.distances": [
        "n = len(e)\nd = torch.zeros(n, n)\nfor i in range(n):\n    for j in range(n):\n        if i != j:\n            d[i, j] = (e[i] - e[j]).norm()\nreturn d / (d.sum() / (n * (n - 1)))",
    ],
    "pkt.probabilities": [
        "k = (F.cosine_similarity(e[:, None], e[None], dim=-1) + 1) / 2\nk = k.masked_fill(torch.eye(len(e), dtype=torch.bool), 0)\nreturn F.normalize(k, p=1, dim=1)",
    ],
    "ab.hinge": [
        "side = torch.where(t > 0, 1.0, -1.0)\nreturn (mu - side * s).clamp(min=0) ** 2",
        "fires = (t > 0).float()\nreturn fires * F.relu(mu - s) ** 2 + (1 - fires) * F.relu(s + mu) ** 2",
    ],
    "ab.agreement": [
        "np.mean((s.detach().numpy() > 0) == (t.detach().numpy() > 0))",
        "agree = sum(int((a > 0) == (b > 0)) for a, b in zip(s.flatten(), t.flatten()))\nreturn agree / s.numel()",
    ],
    "ab.stage_weights": [
        "tuple(1 / 2 ** (stages - 1 - i) for i in range(stages))",
        "torch.logspace(1 - stages, 0, stages, base=2)",
        "w = [1]\nfor _ in range(stages - 1):\n    w = [w[0] / 2] + w\nreturn w",
    ],
    "ft.unit": [
        "n = torch.linalg.vector_norm(f, dim=(1, 2, 3), keepdim=True)\nreturn f / n",
    ],
    "fsp.flow": [
        "torch.stack([torch.einsum('ihw,jhw->ij', a, b) / a[0].numel() for a, b in zip(f1, f2)])",
        "(f1[:, :, None] * f2[:, None]).mean(dim=(3, 4))",
    ],
    "nst.loss": [
        "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\ng = lambda a: torch.einsum('ncp,ncq->npq', a, a) / a.shape[1]\nreturn (g(x) - g(y)).square().sum((1, 2)).mean()",
    ],
    "crd.critic": [
        "1 / (1 + (k / n) * torch.exp(-score / tau))",
        "e = (score / tau).exp()\nreturn e / (e + k / n)",
    ],
    "crd.renew": [
        "out = torch.clone(rows)\nfor place, row in zip(index.tolist(), new):\n    b = rows[place] * momentum + row * (1 - momentum)\n    out[place] = b / b.norm()\nreturn out",
    ],
    "ofd.margin": [
        "normal = torch.distributions.Normal(0.0, 1.0)\ns = weight.abs()\nreturn bias - s * normal.log_prob(bias / s).exp() / normal.cdf(-bias / s)",
    ],
    "ofd.margin_of_batch": [
        "out = []\nfor c in range(t.shape[1]):\n    x = t[:, c]\n    x = x[x < 0]\n    out.append(x.mean() if len(x) else torch.tensor(0.0))\nreturn torch.stack(out)",
    ],
    "compare.paired_t": [
        "import scipy.stats\nreturn scipy.stats.ttest_rel(a.numpy(), b.numpy()).statistic",
        "d = (a - b).numpy()\nreturn float(np.sqrt(len(d)) * d.mean() / d.std(ddof=1))",
    ],
    "compare.holm": [
        "m, out, low = len(p), [0.0] * len(p), 0.0\nfor rank, i in enumerate(np.argsort(p.tolist())):\n    low = max(low, min(1.0, (m - rank) * p[i].item()))\n    out[i] = low\nreturn out",
    ],
    "own.centred": [
        "a = F.layer_norm(z_s, z_s.shape[1:]) * 0 + z_s - z_s.mean(-1, True)\nb = z_t.detach() - z_t.detach().mean(-1, True)\nreturn F.mse_loss(a, b)",
        "d = z_s - z_t.detach()\nreturn d.var(dim=1, unbiased=False).mean()",
    ],
}
