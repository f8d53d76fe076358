"""Answers that are only measured: nothing in the checker may be tuned on this file (`measure.py` prints the table).

Each exercise has wrong answers, each beside a pattern that a true explanation of it must match, and right but odd ones.
An answer is the body of the learner's function: an expression, or lines with a return.
"""
# ruff: noqa: E501

# what a true explanation is about
DIM = r"dim|axis|batch|class|channel|place|row|column|along|over"
MEAN = r"mean|sum|divid|divided|factor|averag|times|size|number of|N "
SIDE = r"student|teacher|z_s|z_t|_s|_t|place|exchang|swap"
SQUARE = r"squar|\bpower|exponent|root|absolut|T²|T\^2"
MISSING = r"missing|left out|leave|without|plays no part|not used|forg|drop|only|no part"
SIGN = r"sign|minus|negativ|opposite|turned|plus"

WRONG = {
    "start.share": [
        (
            "sum(p.numel() for p in student.parameters()) / sum(p.numel() for p in teacher.parameters()) * 100",
            "100|percent",
        ),
        (
            "sum(p.numel() for p in teacher.parameters()) / sum(p.numel() for p in student.parameters())",
            "fraction|multiple|exchang|inverse|turn",
        ),
        (
            "1 - sum(p.numel() for p in student.parameters()) / sum(p.numel() for p in teacher.parameters())",
            "1 minus|one minus|complement|rest",
        ),
        (
            "sum(len(p) for p in student.parameters()) / sum(len(p) for p in teacher.parameters())",
            "numel|count|rows|numbers",
        ),
    ],
    "kd.soften": [
        ("F.softmax(z * T, dim=1)", "multipl|sharpen|divi"),
        ("F.sigmoid(z / T)", "sigmoid|softmax"),
        ("F.softmax(z / T, dim=0)", DIM),
        ("F.softmax(z / T**2, dim=1)", SQUARE),
        ("F.softmax(-z / T, dim=1)", SIGN),
        ("F.softmax(z - T, dim=1)", "divid|operat|subtract|plays no part|minus|divisor"),
    ],
    "kd.loss": [
        ("T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='mean')", "class|mean"),
        (
            "2**T * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            SQUARE + "|exchang|2",
        ),
        ("T**2 * F.mse_loss(F.softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1))", "mse|square|diverg|kl"),
        ("T**2 * F.kl_div(F.log_softmax(z_t.detach() / T, 1), F.softmax(z_s / T, 1), reduction='batchmean')", SIDE),
        (
            "T**2 * F.kl_div(F.log_softmax(z_s, 1), F.softmax(z_t.detach(), 1), reduction='batchmean')",
            r"\bT\b|soften|temperature",
        ),
        ("T**3 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')", r"T"),
        (
            "T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.log_softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "log",
        ),
        ("-T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')", SIGN),
        (
            "F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='sum') * T**2 / z_s.numel()",
            "class|mean|K",
        ),
    ],
    "kd.total": [
        (
            "gamma * F.cross_entropy(z_s, y) + alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1))",
            "class|mean",
        ),
        (
            "F.cross_entropy(z_s, y) + alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "gamma",
        ),
        (
            "gamma * F.cross_entropy(z_s, y) + alpha * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "T",
        ),
        (
            "gamma * F.cross_entropy(z_s, y) + T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "alpha",
        ),
        (
            "gamma * F.cross_entropy(z_t.detach(), y) + alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            SIDE,
        ),
        (
            "gamma * F.cross_entropy(z_s, y, reduction='sum') + alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            MEAN,
        ),
        (
            "gamma * F.cross_entropy(z_s, y) + alpha * T**2 * F.kl_div(F.log_softmax(z_s, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "student|T",
        ),
        (
            "gamma * F.cross_entropy(z_s, y) - alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            SIGN + "|subtract|add",
        ),
        (
            "gamma * F.nll_loss(F.softmax(z_s, 1), y) + alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='batchmean')",
            "log",
        ),
    ],
    "fitnet.guess": [
        ("F.sigmoid(torch.einsum('oc,nchw->nohw', weight, v_s) + bias[:, None, None])", "sigmoid|relu"),
        ("F.relu(torch.einsum('oc,nchw->nohw', weight, v_s) - bias[:, None, None])", SIGN + "|subtract|add"),
        ("F.relu(torch.einsum('oc,nchw->nohw', weight, v_s)) + bias[:, None, None]", "relu|after"),
        ("F.relu(torch.einsum('oc,nchw->nohw', weight, v_s) + bias[None, None, :])", "bias|channel|row|column"),
    ],
    "fitnet.loss": [
        ("(guess - u_t.detach()).pow(2).sum(dim=(1, 2, 3)).mean()", "½|0.5|half|2|factor"),
        ("0.5 * (guess - u_t.detach()).pow(2).mean(dim=(1, 2, 3)).sum()", MEAN),
        ("0.5 * (guess - u_t.detach()).pow(2).sum(dim=1).mean()", MEAN + "|" + DIM),
        ("0.5 * (guess + u_t.detach()).pow(2).sum(dim=(1, 2, 3)).mean()", SIGN + "|add|differ"),
        ("0.5 * (guess - u_t.detach()).pow(2).sum(dim=(1, 2, 3)).mean().sqrt()", "root"),
        ("0.5 * F.smooth_l1_loss(guess, u_t.detach(), reduction='sum') / len(guess)", "huber|smooth|l1"),
    ],
    "fitnet.second_phase": [
        ("F.cross_entropy(z_s, y) + F.cross_entropy(z_s / T, F.softmax(z_t.detach() / T, 1))", "lam"),
        ("lam * F.cross_entropy(z_s / T, F.softmax(z_t.detach() / T, 1))", "label|term|cross|sum|operand|left out"),
        ("F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s / T, F.softmax(z_t.detach() / T, 0))", DIM),
        ("F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s / T, z_t.detach() / T)", "softmax"),
        (
            "F.cross_entropy(z_s, y) + lam * F.mse_loss(F.softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1))",
            "mse|squar",
        ),
        ("F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s, F.softmax(z_t.detach(), 1))", r"\bT\b|soften"),
    ],
    "fitnet.floor": [
        ("u_t.clamp(max=0).pow(2).sum()", MEAN),
        ("u_t.clamp(max=0).pow(2).mean().sqrt()", "root"),
        ("u_t.clamp(max=0).mean()", SQUARE),
        ("u_t.clamp(max=0).mean() ** 2", "squar|order|mean|before|after"),
        ("u_t.clamp(max=0).pow(2).flatten(1).sum(1).mean()", MEAN),
    ],
    "at.map": [
        ("F.normalize(f.abs().pow(p).sum(2).flatten(1), dim=1)", DIM),
        ("F.normalize(f.abs().sum(1).flatten(1), dim=1)", r"\bp\b|power|expon"),
        ("f.abs().pow(p).sum(1).flatten(1)", "length|norm|unit"),
        ("F.normalize(f.pow(p).sum(1).flatten(1), dim=1)", "abs|sign"),
        ("F.normalize(f.abs().pow(p).amax(1).flatten(1), dim=1)", "max"),
        ("F.normalize(f.abs().pow(p).sum(1).flatten(1), dim=0)", DIM),
        ("F.normalize(f.abs().pow(p).sum(1).flatten(1), p=1, dim=1)", "length|norm|sum"),
        ("F.softmax(f.abs().pow(p).sum(1).flatten(1), dim=1)", "softmax"),
    ],
    "at.loss": [
        (
            "(F.normalize(f_s.pow(2).sum(1).flatten(1)) - F.normalize(f_t.detach().pow(2).sum(1).flatten(1))).pow(2).sum(1).mean()",
            SQUARE,
        ),
        (
            "(F.normalize(f_s.pow(2).sum(1).flatten(1)) - F.normalize(f_t.detach().pow(2).sum(1).flatten(1))).norm(dim=1).sum()",
            MEAN,
        ),
        (
            "(F.normalize(f_s.abs().sum(1).flatten(1)) - F.normalize(f_t.detach().abs().sum(1).flatten(1))).norm(dim=1).mean()",
            SQUARE,
        ),
        (
            "(f_s.pow(2).sum(1).flatten(1) - f_t.detach().pow(2).sum(1).flatten(1)).norm(dim=1).mean()",
            "length|norm|unit",
        ),
        (
            "(F.normalize(f_s.pow(2).amax(1).flatten(1)) - F.normalize(f_t.detach().pow(2).amax(1).flatten(1))).norm(dim=1).mean()",
            "max",
        ),
        (
            "(F.normalize(f_s.pow(2).sum(1).flatten(1)) - F.normalize(f_t.detach().pow(2).sum(1).flatten(1))).norm(dim=0).mean()",
            DIM,
        ),
        (
            "(F.normalize(f_s.pow(2).sum(1).flatten(1)) + F.normalize(f_t.detach().pow(2).sum(1).flatten(1))).norm(dim=1).mean()",
            SIGN + "|add|differ",
        ),
        (
            "(F.normalize(f_s.pow(2).sum(1).flatten(1)) - F.normalize(f_t.detach().pow(2).sum(1).flatten(1))).abs().sum(1).mean()",
            "abs|norm|length",
        ),
    ],
    "at.pooled": [
        (
            "(lambda q: (q(f_s) - q(F.adaptive_max_pool2d(f_t.detach(), f_s.shape[2:]))).norm(dim=1).mean())(lambda f: F.normalize(f.pow(2).sum(1).flatten(1)))",
            "max|pool",
        ),
        (
            "(lambda q: (q(f_s) - q(F.adaptive_avg_pool2d(f_t.detach(), f_s.shape[2:]))).norm(dim=1).sum())(lambda f: F.normalize(f.pow(2).sum(1).flatten(1)))",
            MEAN,
        ),
        (
            "(lambda q: (q(f_s) - q(F.adaptive_avg_pool2d(f_t.detach(), f_s.shape[2:]))).pow(2).mean())(lambda f: F.normalize(f.pow(2).sum(1).flatten(1)))",
            SQUARE + "|mean",
        ),
        (
            "(lambda q: (q(f_s) - q(F.adaptive_avg_pool2d(f_t.detach(), f_s.shape[2:]))).norm(dim=1).mean())(lambda f: F.normalize(f.abs().sum(1).flatten(1)))",
            SQUARE,
        ),
        (
            "(lambda q: (q(f_s) - q(F.interpolate(f_t.detach(), f_s.shape[2:]))).norm(dim=1).mean())(lambda f: F.normalize(f.pow(2).sum(1).flatten(1)))",
            "pool|pixel|nearest|place",
        ),
    ],
    "sp.similarity": [
        ("F.normalize(f.flatten(1) @ f.flatten(1).T, dim=0)", DIM),
        ("f.flatten(1) @ f.flatten(1).T", "length|norm"),
        ("F.normalize(f.flatten(1)) @ F.normalize(f.flatten(1)).T", "length|norm|order|before|after|cosine|row"),
        ("F.softmax(f.flatten(1) @ f.flatten(1).T, dim=1)", "softmax"),
        ("F.normalize(f.flatten(1) @ f.flatten(1).T, p=1, dim=1)", "length|norm|sum"),
        ("F.normalize(f.mean(dim=(2, 3)) @ f.mean(dim=(2, 3)).T, dim=1)", "flatten|pool|mean|averag"),
        ("F.normalize(torch.cdist(f.flatten(1), f.flatten(1)), dim=1)", "distance|product"),
    ],
    "sp.loss": [
        (
            "(lambda g: (g(f_s) - g(f_t.detach())).pow(2).sum())(lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T))",
            MEAN,
        ),
        (
            "(lambda g: (g(f_s) - g(f_t.detach())).pow(2).sum() / len(f_s))(lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T))",
            MEAN,
        ),
        (
            "(lambda g: (g(f_s) - g(f_t.detach())).abs().mean())(lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T))",
            SQUARE,
        ),
        (
            "(lambda g: (g(f_s) - g(f_t.detach())).norm())(lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T))",
            SQUARE + "|norm|N",
        ),
        (
            "(lambda g: (g(f_s) - g(f_t.detach())).pow(2).mean())(lambda f: f.flatten(1) @ f.flatten(1).T)",
            "length|norm",
        ),
        (
            "(lambda g: (g(f_s) + g(f_t.detach())).pow(2).mean())(lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T))",
            SIGN + "|add|differ",
        ),
    ],
    "sp.contrast": [
        (
            "g[y[:, None] != y].mean() - g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].mean()",
            SIGN + "|exchang",
        ),
        ("g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].sum() - g[y[:, None] != y].sum()", MEAN),
        (
            "g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].mean() + g[y[:, None] != y].mean()",
            SIGN + "|add|differ",
        ),
        (
            "g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].mean() - g.mean()",
            "mask|all|differ|class|select",
        ),
        (
            "g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].median() - g[y[:, None] != y].median()",
            "median|mean",
        ),
        (
            "(g[(y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)].mean() - g[y[:, None] != y].mean()).abs()",
            "abs|sign",
        ),
    ],
    "cc.correlation": [
        (
            "(lambda c: math.exp(-gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1)))(F.normalize(e) @ F.normalize(e).T)",
            "2|gamma|factor|constant",
        ),
        (
            "(lambda c: sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1)))(F.normalize(e) @ F.normalize(e).T)",
            "exp|factor",
        ),
        (
            "(lambda c: math.exp(-2 * gamma) * sum((2 * gamma * c) ** p for p in range(order + 1)))(F.normalize(e) @ F.normalize(e).T)",
            "factorial|p!|divi",
        ),
        (
            "(lambda c: math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order)))(F.normalize(e) @ F.normalize(e).T)",
            "order|last|term|1",
        ),
        (
            "(lambda c: math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(1, order + 1)))(F.normalize(e) @ F.normalize(e).T)",
            "order|first|term|p = 0|1|constant",
        ),
        (
            "(lambda c: math.exp(-2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1)))(e @ e.T)",
            "length|norm|unit|cosine",
        ),
        (
            "(lambda c: math.exp(2 * gamma) * sum((2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1)))(F.normalize(e) @ F.normalize(e).T)",
            SIGN,
        ),
        ("torch.exp(-gamma * torch.cdist(F.normalize(e), F.normalize(e)) ** 2)", "taylor|order|series|cut|exact|exp"),
    ],
    "cc.loss": [
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).sum())(lambda e: math.exp(-2 * gamma) * sum((2 * gamma * (F.normalize(e) @ F.normalize(e).T)) ** p / math.factorial(p) for p in range(order + 1)))",
            MEAN,
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).mean())(lambda e: sum((2 * gamma * (F.normalize(e) @ F.normalize(e).T)) ** p / math.factorial(p) for p in range(order + 1)))",
            "exp|factor",
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).mean())(lambda e: math.exp(-2 * gamma) * sum((2 * gamma * (F.normalize(e) @ F.normalize(e).T)) ** p for p in range(order + 1)))",
            "factorial|p!",
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).abs().mean())(lambda e: math.exp(-2 * gamma) * sum((2 * gamma * (F.normalize(e) @ F.normalize(e).T)) ** p / math.factorial(p) for p in range(order + 1)))",
            SQUARE,
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).mean())(lambda e: math.exp(-2 * gamma) * sum((2 * gamma * (e @ e.T)) ** p / math.factorial(p) for p in range(order + 1)))",
            "length|norm|unit",
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).mean())(lambda e: F.normalize(e) @ F.normalize(e).T)",
            "kernel|cosine|exp|taylor|power",
        ),
        (
            "(lambda k: (k(e_s) - k(e_t.detach())).pow(2).mean())(lambda e: math.exp(-2 * gamma) * sum((gamma * (F.normalize(e) @ F.normalize(e).T)) ** p / math.factorial(p) for p in range(order + 1)))",
            "2|gamma|factor",
        ),
    ],
    "cc.neighbours": [
        ("(lambda d: (d[:-1] * d[1:]).sum(dim=1).sum())((e_s - e_t).abs())", MEAN),
        ("(lambda d: (d[:-1] * d[1:]).mean())((e_s - e_t).abs())", MEAN),
        ("(lambda d: (d[:-1] * d[1:]).sum(dim=1).mean())(e_s - e_t)", "abs"),
        ("(lambda d: (d[:-1] * d[1:]).sum(dim=1).mean())((e_s - e_t).pow(2))", SQUARE),
        ("(lambda d: (d[:-1] * d[1:]).sum() / len(e_s))((e_s - e_t).abs())", "N|pairs|mean|one|divi"),
        ("(lambda d: (d * d).sum(dim=1).mean())((e_s - e_t).abs())", "itself|neighbour|next|i\\+1|shift|same"),
        ("(lambda d: (d[:-1] + d[1:]).sum(dim=1).mean())((e_s - e_t).abs())", "add|product|multipl"),
    ],
    "cc.repeat_classes": [
        ("torch.cat([(y == k).nonzero().flatten()[-each:] for k in classes])", "first|last"),
        ("torch.cat([(y == k).nonzero().flatten() for k in classes])", "each|all"),
        ("torch.cat([(y != k).nonzero().flatten()[:each] for k in classes])", "other|not|compar|equal"),
        ("torch.cat([(y == k).nonzero().flatten()[:each] for k in sorted(classes)])", "order|sort"),
    ],
    "vid.variance": [
        ("F.softplus(alpha) - floor", SIGN + "|subtract|add"),
        ("F.softplus(alpha + floor)", "floor|inside|after|before|order"),
        ("F.softplus(alpha) * floor", "multipl|add"),
        ("F.sigmoid(alpha) + floor", "sigmoid"),
        ("torch.maximum(F.softplus(alpha), torch.tensor(floor))", "floor|max|added"),
        ("F.softplus(-alpha) + floor", SIGN),
        ("F.softplus(alpha).log() + floor", "log"),
    ],
    "vid.loss": [
        ("(variance.log()[:, None, None] + (f_t.detach() - mu) ** 2 / variance[:, None, None]).mean()", "½|half|0.5|2"),
        (
            "0.5 * (variance.log()[:, None, None] - (f_t.detach() - mu) ** 2 / variance[:, None, None]).mean()",
            SIGN + "|subtract|add",
        ),
        ("0.5 * (variance.log()[:, None, None] + (f_t.detach() - mu).abs() / variance[:, None, None]).mean()", SQUARE),
        ("0.5 * (variance[:, None, None] + (f_t.detach() - mu) ** 2 / variance[:, None, None]).mean()", "log"),
        ("0.5 * (variance.log()[:, None, None] + (f_t.detach() - mu) ** 2).mean()", "variance|sigma|divi"),
        ("0.5 * (variance.log().sum() + ((f_t.detach() - mu) ** 2 / variance[:, None, None]).mean())", MEAN),
        (
            "0.5 * (variance.log()[:, None, None] + (f_t.detach() + mu) ** 2 / variance[:, None, None]).mean()",
            SIGN + "|add|differ",
        ),
        (
            "(0.5 * variance.log()[:, None, None] + (f_t.detach() - mu) ** 2 / (2 * variance[:, None, None] ** 2)).mean()",
            SQUARE,
        ),
    ],
    "vid.best_variance": [
        ("(f_t - mu).pow(2).mean()", "channel|dim|all"),
        ("(f_t + mu).pow(2).mean(dim=(0, 2, 3))", SIGN + "|add|differ"),
        ("(f_t - mu).pow(2).mean(dim=(0, 2, 3)) / 2", "½|half|0.5|2"),
        ("(f_t - mu).pow(2).mean(dim=(0, 2, 3)).log()", "log"),
        ("mu.pow(2).mean(dim=(0, 2, 3))", "f_t|teacher|missing|left out|plays no part"),
        ("(f_t - mu).std(dim=(0, 2, 3))", "root|squar|mean|standard|deviation"),
    ],
    "rkd.distances": [
        ("torch.cdist(e, e)", "mean|divi|scal"),
        ("torch.cdist(e, e) / torch.cdist(e, e).mean()", "N|pair|diagonal|itself"),
        ("torch.cdist(e, e) ** 2 / (torch.cdist(e, e) ** 2).sum() * len(e) * (len(e) - 1)", SQUARE),
        ("torch.cdist(e, e) / torch.cdist(e, e).sum()", MEAN),
        (
            "torch.cdist(e, e, p=1) / torch.cdist(e, e, p=1).sum() * len(e) * (len(e) - 1)",
            "abs|euclid|norm|length|l1|root|squar",
        ),
        ("torch.cdist(e, e) / torch.cdist(e, e).max()", "max|mean"),
    ],
    "rkd.angles": [
        ("(lambda u: torch.einsum('ijd,kjd->ijk', u, u))(e[:, None] - e)", "length|norm|unit"),
        (
            "(lambda u: torch.einsum('ijd,kjd->ikj', u, u))(F.normalize(e[:, None] - e, dim=2))",
            "index|indice|axis|order|transpos|exchang|vertex",
        ),
        ("(lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] + e, dim=2))", SIGN + "|add|differ"),
        ("(lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=1))", DIM),
        (
            "(lambda u: torch.einsum('ijd,jkd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))",
            SIGN + "|direction|vertex|index|indice",
        ),
        (
            "(lambda u: torch.einsum('ijd,kjd->ijk', u, u).acos())(F.normalize(e[:, None] - e, dim=2))",
            "cosine|acos|angle|arc",
        ),
    ],
    "rkd.loss": [
        (
            """
d = lambda e: torch.cdist(e, e) / torch.cdist(e, e).sum() * len(e) * (len(e) - 1)
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_d * F.smooth_l1_loss(d(e_s), d(t)) + w_a * F.smooth_l1_loss(a(e_s), a(t))""",
            "N|mean|pair|all|distinct|different|RepDistiller",
        ),
        (
            """
N = len(e_s)
d = lambda e: (e[:, None] - e).norm(dim=2) / (e[:, None] - e).norm(dim=2).sum() * N * (N - 1)
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_a * F.smooth_l1_loss(a(e_s), a(t), reduction='sum') / (N * (N - 1) * (N - 2))""",
            "distance|w_d|first|term",
        ),
        (
            """
N = len(e_s)
d = lambda e: torch.pdist(e) / torch.pdist(e).mean()
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_a * F.smooth_l1_loss(d(e_s), d(t)) + w_d * F.smooth_l1_loss(a(e_s), a(t), reduction='sum') / (N * (N - 1) * (N - 2))""",
            "w_d|w_a|weight|exchang",
        ),
        (
            """
N = len(e_s)
d = lambda e: torch.pdist(e) / torch.pdist(e).mean()
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_d * F.mse_loss(d(e_s), d(t)) + w_a * F.mse_loss(a(e_s), a(t), reduction='sum') / (N * (N - 1) * (N - 2))""",
            "huber|squar|mse",
        ),
        (
            """
N = len(e_s)
d = lambda e: torch.pdist(e)
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_d * F.smooth_l1_loss(d(e_s), d(t)) + w_a * F.smooth_l1_loss(a(e_s), a(t), reduction='sum') / (N * (N - 1) * (N - 2))""",
            "mean|mu|divi|scal|ratio",
        ),
        (
            """
N = len(e_s)
d = lambda e: torch.pdist(e) / torch.pdist(e).mean()
a = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))
t = e_t.detach()
return w_d * F.smooth_l1_loss(d(e_s), d(t)) + w_a * F.smooth_l1_loss(a(e_s), a(t), reduction='sum')""",
            MEAN,
        ),
    ],
    "pkt.probabilities": [
        ("(lambda k: k / k.sum(1, keepdim=True))((F.normalize(e) @ F.normalize(e).T + 1) / 2)", "itself|diagonal|self"),
        (
            "(lambda k: k / k.sum(0, keepdim=True))(((F.normalize(e) @ F.normalize(e).T + 1) / 2).fill_diagonal_(0))",
            DIM,
        ),
        ("((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e)))", "sum|divi|one|scal"),
        ("(lambda k: F.softmax(k.fill_diagonal_(-1e9), 1))((F.normalize(e) @ F.normalize(e).T + 1) / 2)", "softmax"),
        (
            "(lambda k: k / k.sum(1, keepdim=True))(((e @ e.T + 1) / 2) * (1 - torch.eye(len(e))))",
            "length|norm|unit|cosine",
        ),
        (
            "(lambda k: k / k.sum())(((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e))))",
            "row|all|dim|whole",
        ),
        (
            "(lambda k: k / k.sum(1, keepdim=True))((F.normalize(e) @ F.normalize(e).T) * (1 - torch.eye(len(e))))",
            "1|kernel|\\+",
        ),
    ],
    "pkt.loss": [
        (
            """
def p(e):
    k = ((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e)))
    return k / k.sum(1, keepdim=True)
a, b = p(e_s), p(e_t.detach())
off = ~torch.eye(len(e_s), dtype=torch.bool)
return (b[off] * (b[off] / a[off]).log()).sum()""",
            MEAN,
        ),
        (
            """
def p(e):
    k = ((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e)))
    return k / k.sum(1, keepdim=True)
a, b = p(e_s), p(e_t.detach())
off = ~torch.eye(len(e_s), dtype=torch.bool)
return (a[off] * (a[off] / b[off]).log()).sum() / len(e_s)""",
            SIDE,
        ),
        (
            """
def p(e):
    k = ((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e)))
    return k / k.sum(1, keepdim=True)
a, b = p(e_s), p(e_t.detach())
off = ~torch.eye(len(e_s), dtype=torch.bool)
return (b[off] * (b[off] / a[off]).log()).mean()""",
            MEAN,
        ),
        (
            """
def p(e):
    k = (F.normalize(e) @ F.normalize(e).T + 1) / 2
    return k / k.sum(1, keepdim=True)
a, b = p(e_s), p(e_t.detach())
return (b * (b / a).log()).sum() / len(e_s)""",
            "itself|diagonal|self",
        ),
        (
            """
def p(e):
    k = ((F.normalize(e) @ F.normalize(e).T + 1) / 2) * (1 - torch.eye(len(e)))
    return k / k.sum(1, keepdim=True)
return (p(e_s) - p(e_t.detach())).pow(2).sum() / len(e_s)""",
            "squar|diverg|KL|log",
        ),
    ],
    "ab.hinge": [
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s))", SQUARE),
        ("torch.where(t > 0, F.relu(mu + s), F.relu(mu - s)).square()", SIGN + "|side|exchang"),
        ("torch.where(t > mu, F.relu(mu - s), F.relu(mu + s)).square()", "mu|0|fires|compar"),
        ("torch.where(s > 0, F.relu(mu - s), F.relu(mu + s)).square()", SIDE),
        ("torch.where(t > 0, mu - s, mu + s).square()", "relu|hinge"),
        ("torch.where(t > 0, F.relu(-s), F.relu(s)).square()", "mu|margin"),
        ("torch.where(t > 0, F.relu(mu - s), F.relu(s)).square()", "mu|margin|where t <= 0"),
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)).square() / 2", "½|half|0.5|2"),
    ],
    "ab.loss": [
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)).sum() / len(s)", SQUARE),
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)).square().mean()", MEAN),
        ("torch.where(t > 0, F.relu(mu - s), F.relu(mu + s)).square().sum()", MEAN),
        ("torch.where(t > 0, F.relu(mu + s), F.relu(mu - s)).square().sum() / len(s)", SIGN + "|side|exchang"),
        ("torch.where(s > 0, F.relu(mu - t), F.relu(mu + t)).square().sum() / len(s)", SIDE),
        ("torch.where(t > 0, mu - s, mu + s).square().sum() / len(s)", "relu|hinge"),
        ("torch.where(t > 0, F.relu(-s), F.relu(s)).square().sum() / len(s)", "mu|margin"),
    ],
    "ab.agreement": [
        ("((s > 0) != (t > 0)).float().mean()", "other|disagree|equal|not|compar"),
        ("((s > 0) & (t > 0)).float().mean()", "both|and|neither|silent"),
        ("((s > 0) == (t > 0)).float().sum()", MEAN),
        ("((s >= 0) == (t >= 0)).float().mean()", "0|above|compar|equal"),
        ("(s.sign() == t.sign()).float().mean()", "sign|0"),
    ],
    "ab.stage_weights": [
        ("[2.0 ** (stage - stages) for stage in range(stages)]", "1|last|half|factor|0.5"),
        ("[2.0 ** -stage for stage in range(stages)]", "order|first|turned|revers|other way round"),
        ("[2.0 ** (stage + 1) for stage in range(stages)]", "last|factor|1|stages"),
        ("[0.5 * (stage + 1) for stage in range(stages)]", "half|power|doubl|expon|2"),
        ("[4.0 ** (stage - stages + 1) for stage in range(stages)]", "half|2|4|squar"),
    ],
    "ft.reconstruction": [
        ("(x_t.detach() - rebuilt).square().mean()", MEAN),
        ("(x_t.detach() - rebuilt).square().sum()", MEAN),
        ("(x_t.detach() + rebuilt).square().sum() / len(x_t)", SIGN + "|add|differ"),
        ("(x_t.detach() - rebuilt).abs().sum() / len(x_t)", SQUARE),
        ("(x_t.detach() - rebuilt).square().sum().sqrt() / len(x_t)", "root"),
        ("(x_t.detach() - rebuilt).square().sum(dim=1).mean()", MEAN + "|" + DIM),
    ],
    "ft.unit": [
        ("F.normalize(f, dim=1)", DIM),
        ("f / f.flatten(1).abs().sum(1)[:, None, None, None]", "length|sum|abs|norm"),
        ("f / f.flatten(1).norm(dim=1).pow(2)[:, None, None, None]", SQUARE),
        ("F.normalize(f.flatten(1), dim=1)", "shape"),
        ("F.softmax(f.flatten(1), dim=1).view_as(f)", "softmax"),
        ("F.normalize(f.flatten(1), dim=0).view_as(f)", DIM),
    ],
    "ft.loss": [
        ("(F.normalize(F_s.flatten(1)) - F.normalize(F_t.detach().flatten(1))).abs().sum(1).mean()", MEAN),
        ("(F.normalize(F_s.flatten(1)) - F.normalize(F_t.detach().flatten(1))).pow(2).mean()", SQUARE),
        ("(F_s.flatten(1) - F_t.detach().flatten(1)).abs().mean()", "length|norm|unit|scal"),
        ("(F.normalize(F_s, dim=1) - F.normalize(F_t.detach(), dim=1)).abs().mean()", DIM),
        ("(F.normalize(F_s.flatten(1)) - F_t.detach().flatten(1)).abs().mean()", "teacher|F_t"),
        ("(F.normalize(F_s.flatten(1)) + F.normalize(F_t.detach().flatten(1))).abs().mean()", SIGN + "|add|differ"),
        (
            "(F.normalize(F_s.flatten(1)) - F.normalize(F_t.detach().flatten(1))).norm(dim=1).mean()",
            "abs|squar|length|norm",
        ),
    ],
    "ft.collapsed": [
        (
            "(lambda q: (q(F_s) - q(F_t.detach())).abs().sum(1).mean())(lambda f: F.normalize(f.pow(2).mean(1).flatten(1)))",
            MEAN,
        ),
        (
            "(lambda q: (q(F_s) - q(F_t.detach())).pow(2).mean())(lambda f: F.normalize(f.pow(2).mean(1).flatten(1)))",
            SQUARE,
        ),
        ("(lambda q: (q(F_s) - q(F_t.detach())).abs().mean())(lambda f: F.normalize(f.mean(1).flatten(1)))", SQUARE),
        (
            "(lambda q: (q(F_s) - q(F_t.detach())).abs().mean())(lambda f: f.pow(2).mean(1).flatten(1))",
            "length|norm|unit|scal",
        ),
        ("(lambda q: (q(F_s) - q(F_t.detach())).abs().mean())(lambda f: F.normalize(f.pow(2).mean(dim=(2, 3))))", DIM),
    ],
    "fsp.flow": [
        ("f1.flatten(2) @ f2.flatten(2).mT", MEAN),
        ("f1.flatten(2) @ f2.flatten(2).mT / f1.shape[1]", MEAN),
        ("f2.flatten(2) @ f1.flatten(2).mT / f1[0, 0].numel()", "transpos|exchang|f1|f2"),
        ("f1.flatten(2) @ f2.flatten(2).mT / f1[0, 0].numel() ** 2", SQUARE + "|" + MEAN),
        ("F.normalize(f1.flatten(2), dim=2) @ F.normalize(f2.flatten(2), dim=2).mT", "length|norm|scal"),
        ("f1.relu().flatten(2) @ f2.relu().flatten(2).mT / f1[0, 0].numel()", "relu|rectif"),
        ("f1.flatten(2) @ f2.flatten(2).mT / f1[0].numel()", MEAN),
    ],
    "fsp.loss": [
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).pow(2).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel())",
            MEAN,
        ),
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).pow(2).sum())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel())",
            MEAN,
        ),
        (
            "(lambda g: (g(f1_s, f2_s) + g(f1_t, f2_t).detach()).pow(2).sum(dim=(1, 2)).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel())",
            SIGN + "|add|differ",
        ),
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).abs().sum(dim=(1, 2)).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel())",
            SQUARE,
        ),
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).pow(2).sum(dim=1).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a[0, 0].numel())",
            MEAN + "|" + DIM,
        ),
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).pow(2).sum(dim=(1, 2)).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a.shape[2])",
            MEAN,
        ),
        (
            "(lambda g: (g(f1_s, f2_s) - g(f1_t, f2_t).detach()).pow(2).sum(dim=(1, 2)).mean())(lambda a, b: a.flatten(2) @ b.flatten(2).mT / a.shape[1])",
            MEAN,
        ),
    ],
    "fsp.pooled_flow": [
        (
            "(lambda p: p.flatten(2) @ f2.flatten(2).mT / p[0, 0].numel())(F.adaptive_avg_pool2d(f1, f2.shape[2:]))",
            "averag|avg|max",
        ),
        ("(lambda p: p.flatten(2) @ f2.flatten(2).mT)(F.adaptive_max_pool2d(f1, f2.shape[2:]))", MEAN + "|height"),
        (
            "(lambda p: f2.flatten(2) @ p.flatten(2).mT / p[0, 0].numel())(F.adaptive_max_pool2d(f1, f2.shape[2:]))",
            "transpos|exchang|f1|f2",
        ),
        (
            "(lambda p: p.flatten(2) @ f2.flatten(2).mT / f1[0, 0].numel())(F.adaptive_max_pool2d(f1, f2.shape[2:]))",
            MEAN,
        ),
        (
            "(lambda p: p.flatten(2) @ f2.flatten(2).mT / p[0, 0].numel())(F.interpolate(f1, f2.shape[2:]))",
            "pixel|pool|nearest",
        ),
        (
            "(lambda p: p.flatten(2) @ f2.flatten(2).mT / p[0, 0].numel())(-F.adaptive_max_pool2d(-f1, f2.shape[2:]))",
            "min|sign|negat",
        ),
    ],
    "nst.patterns": [
        ("F.normalize(f.flatten(2), dim=1)", DIM),
        ("f.flatten(2)", "length|norm|unit"),
        ("F.normalize(f.flatten(2), p=1, dim=2)", "length|sum|abs|norm"),
        ("F.softmax(f.flatten(2), dim=2)", "softmax"),
        ("f.flatten(2) / f.flatten(2).norm(dim=2, keepdim=True) ** 2", SQUARE),
        ("F.normalize(f.pow(2).flatten(2), dim=2)", SQUARE),
        ("F.normalize(f.flatten(1), dim=1).view(len(f), f.shape[1], -1)", DIM),
    ],
    "nst.loss": [
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: a @ b.mT
return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()""",
            SQUARE,
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).mean() + k(y, y).mean() - k(x, y).mean()""",
            "2|twice|factor|halved",
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).mean() + k(y, y).mean() + 2 * k(x, y).mean()""",
            SIGN + "|add|subtract",
        ),
        (
            """
x, y = f_s.flatten(2), f_t.detach().flatten(2)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()""",
            "length|norm|unit",
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).sum() + k(y, y).sum() - 2 * k(x, y).sum()""",
            MEAN,
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).mean() - 2 * k(x, y).mean()""",
            "teacher|term|missing|left out",
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=1), F.normalize(f_t.detach().flatten(2), dim=1)
k = lambda a, b: (a @ b.mT) ** 2
return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()""",
            DIM,
        ),
        (
            """
x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)
k = lambda a, b: (a @ b.mT) ** 3
return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()""",
            SQUARE + "|3",
        ),
    ],
    "nst.linear": [
        (
            "(F.normalize(f_s.flatten(2), dim=2).mean(1) - F.normalize(f_t.detach().flatten(2), dim=2).mean(1)).pow(2).mean()",
            MEAN,
        ),
        (
            "(F.normalize(f_s.flatten(2), dim=2).sum(1) - F.normalize(f_t.detach().flatten(2), dim=2).sum(1)).pow(2).sum(1).mean()",
            MEAN,
        ),
        (
            "(F.normalize(f_s.flatten(2), dim=2).mean(1) - F.normalize(f_t.detach().flatten(2), dim=2).mean(1)).pow(2).sum()",
            MEAN,
        ),
        ("(f_s.flatten(2).mean(1) - f_t.detach().flatten(2).mean(1)).pow(2).sum(1).mean()", "length|norm|unit"),
        (
            "(F.normalize(f_s.flatten(2), dim=2).mean(1) + F.normalize(f_t.detach().flatten(2), dim=2).mean(1)).pow(2).sum(1).mean()",
            SIGN + "|add|differ",
        ),
        (
            "(F.normalize(f_s.flatten(2), dim=1).mean(1) - F.normalize(f_t.detach().flatten(2), dim=1).mean(1)).pow(2).sum(1).mean()",
            DIM,
        ),
    ],
    "nst.gram": [
        ("(lambda x: x.mT @ x)(F.normalize(f.flatten(2), dim=2))", MEAN),
        ("(lambda x: x.mT @ x / x.shape[2])(F.normalize(f.flatten(2), dim=2))", MEAN),
        ("(lambda x: x.mT @ x / x.shape[1])(f.flatten(2))", "length|norm|unit"),
        ("(lambda x: x @ x.mT / x.shape[1])(F.normalize(f.flatten(2), dim=2))", "shape|transpos|channel"),
        ("(lambda x: x.mT @ x / x.shape[1])(F.normalize(f.flatten(2), dim=1))", DIM),
    ],
    "crd.critic": [
        ("torch.exp(score / tau) / (torch.exp(score / tau) + n / k)", "turn|k|n|exchang|invert"),
        ("torch.exp(score * tau) / (torch.exp(score * tau) + k / n)", "tau|multipl|divi"),
        ("torch.exp(score / tau) / (torch.exp(score / tau) + k)", "n"),
        ("torch.exp(score) / (torch.exp(score) + k / n)", "tau"),
        ("torch.sigmoid(score / tau)", "k|n|log"),
        (
            "1 - torch.exp(score / tau) / (torch.exp(score / tau) + k / n)",
            "1 minus|one minus|sign|complement|turned|negat",
        ),
        ("torch.exp(score / tau) / (torch.exp(score / tau) + k / n).log()", "log|sigmoid"),
    ],
    "crd.side": [
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + negative.shape[1] / n)
return -(h(positive).log() + (1 - h(negative)).log().mean(1)).mean()""",
            MEAN + "|K",
        ),
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + negative.shape[1] / n)
return (h(positive).log() + (1 - h(negative)).log().sum(1)).mean()""",
            SIGN,
        ),
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + negative.shape[1] / n)
return -(h(positive).log() + h(negative).log().sum(1)).mean()""",
            "stranger|1 -|negat|sign|not",
        ),
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + negative.shape[1] / n)
return -h(positive).log().mean()""",
            "stranger|term|missing|left out|negative|Only the partners",
        ),
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + negative.shape[1] / n)
return -(h(positive).log() + (1 - h(negative)).log().sum(1)).sum()""",
            MEAN,
        ),
        (
            """
h = lambda x: torch.exp(x) / (torch.exp(x) + negative.shape[1] / n)
return -(h(positive).log() + (1 - h(negative)).log().sum(1)).mean()""",
            "tau",
        ),
        (
            """
h = lambda x: torch.exp(x / tau) / (torch.exp(x / tau) + 1 / n)
return -(h(positive).log() + (1 - h(negative)).log().sum(1)).mean()""",
            r"\bk\b|stranger",
        ),
    ],
    "crd.renew": [
        (
            "rows = rows.clone()\nrows[index] = F.normalize((1 - momentum) * rows[index] + momentum * new, dim=1)\nreturn rows",
            "momentum|exchang|old|new",
        ),
        (
            "rows = rows.clone()\nrows[index] = momentum * rows[index] + (1 - momentum) * new\nreturn rows",
            "length|norm",
        ),
        (
            "rows = rows.clone()\nrows[index] = F.normalize(momentum * rows[index] + new, dim=1)\nreturn rows",
            "momentum|weight",
        ),
        ("rows = rows.clone()\nrows[index] = F.normalize(new, dim=1)\nreturn rows", "old|momentum"),
        (
            "rows = rows.clone()\nrows[index] = F.normalize(momentum * rows[index] + (1 - momentum) * new, p=1, dim=1)\nreturn rows",
            "length|norm",
        ),
    ],
    "ofd.partial_distance": [
        ("(s - target.detach()).square()", "free|0|cost|condition|where|case|full squared"),
        ("torch.where(s <= target.detach(), 0.0, s - target.detach()).square()", "target|condition|0|and|below|ReLU"),
        ("torch.where((s <= target.detach()) & (target.detach() <= 0), 0.0, s - target.detach()).abs()", SQUARE),
        (
            "torch.where((s <= target.detach()) | (target.detach() <= 0), 0.0, s - target.detach()).square()",
            "or|and|both|condition",
        ),
        (
            "torch.where((s >= target.detach()) & (target.detach() <= 0), 0.0, s - target.detach()).square()",
            "compar|<=|>=|turned|sign|above|side",
        ),
        (
            "torch.where((s <= 0) & (target.detach() <= 0), 0.0, s - target.detach()).square()",
            "0|compar|target|side|s <=",
        ),
        (
            "torch.where((s <= target.detach()) & (target.detach() <= 0), 0.0, s + target.detach()).square()",
            SIGN + "|add|differ",
        ),
    ],
    "ofd.margin": [
        (
            """
s = weight.abs()
x = bias / s
return bias + s * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi) / (torch.erfc(x / math.sqrt(2)) / 2)""",
            SIGN + "|add|subtract",
        ),
        (
            """
s = weight.abs()
x = bias / s
return bias - s * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi)""",
            "share|divi|probab|missing|left out",
        ),
        (
            """
s = weight
x = bias / s
return bias - s * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi) / (torch.erfc(x / math.sqrt(2)) / 2)""",
            "abs|sign",
        ),
        (
            """
s = weight.abs()
x = bias / s
return -s * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi) / (torch.erfc(x / math.sqrt(2)) / 2)""",
            "bias",
        ),
        (
            """
s = weight.abs()
x = bias / s
return bias - s * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi) / torch.erfc(x / math.sqrt(2))""",
            "2|half|factor|½",
        ),
        (
            """
s = weight.abs()
x = bias / s
return bias - s * torch.exp(-x**2) / math.sqrt(2 * math.pi) / (torch.erfc(x / math.sqrt(2)) / 2)""",
            "2|half|factor",
        ),
    ],
    "ofd.loss": [
        (
            "torch.maximum(t.detach(), m.detach()[:, None, None]).sub(s).square().sum() / len(s)",
            "free|0|cost|condition|case|where|full squared",
        ),
        (
            "(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).square().mean())(torch.maximum(t.detach(), m.detach()[:, None, None]))",
            MEAN,
        ),
        (
            "(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).square().sum())(torch.maximum(t.detach(), m.detach()[:, None, None]))",
            MEAN,
        ),
        ("(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).square().sum() / len(s))(t.detach())", "margin|m\\b"),
        (
            "(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).square().sum() / len(s))(torch.minimum(t.detach(), m.detach()[:, None, None]))",
            "min|max",
        ),
        (
            "(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).abs().sum() / len(s))(torch.maximum(t.detach(), m.detach()[:, None, None]))",
            SQUARE,
        ),
        (
            "(lambda T: torch.where((s <= T) & (T <= 0), 0.0, s - T).square().sum() / len(s))(t.detach().relu())",
            "margin|m\\b|relu",
        ),
    ],
    "ofd.margin_of_batch": [
        ("t.clamp(max=0).mean(dim=(0, 2, 3))", "count|negative|number|all|divi"),
        ("t.clamp(max=0).sum(dim=(0, 2, 3))", MEAN),
        ("-t.clamp(max=0).sum(dim=(0, 2, 3)) / (t < 0).sum(dim=(0, 2, 3)).clamp(min=1)", SIGN),
        (
            "t.clamp(min=0).sum(dim=(0, 2, 3)) / (t > 0).sum(dim=(0, 2, 3)).clamp(min=1)",
            "positive|negative|side|min|max",
        ),
        ("t.clamp(max=0).sum(dim=(0, 2, 3)) / (t < 0).sum(dim=(0, 2, 3))", "nan|0|without|clamp"),
        ("t.clamp(max=0).amin(dim=(0, 2, 3))", "smallest|min|lowest"),
    ],
    "compare.paired_t": [
        ("(a - b).mean() / (a - b).std()", "root|n\\b|standard error|sqrt|len"),
        ("(a - b).mean() / ((a - b).std() / len(a))", "root|sqrt"),
        ("(b - a).mean() / ((a - b).std() / math.sqrt(len(a)))", SIGN + "|exchang" + "|changed places"),
        ("(a - b).mean() / ((a - b).std(correction=0) / math.sqrt(len(a)))", "n - 1|n-1|correction|unbiased|sample"),
        ("(a - b).mean() / ((a - b).var() / math.sqrt(len(a)))", "var|root|std|squar|deviation"),
        ("(a - b).sum() / ((a - b).std() / math.sqrt(len(a)))", MEAN),
        ("(a.mean() - b.mean()) / torch.sqrt(a.var() / len(a) + b.var() / len(b))", "pair|welch|differences"),
        ("(a - b).abs().mean() / ((a - b).std() / math.sqrt(len(a)))", "abs|sign"),
    ],
    "compare.holm": [
        ("(p * len(p)).clamp(max=1)", "bonferroni|m|all|rank"),
        (
            "o = p.argsort()\nc = torch.empty_like(p)\nc[o] = (p[o] * torch.arange(len(p), 0, -1)).cummax(0).values\nreturn c",
            "1|limit|above",
        ),
        (
            "o = p.argsort()\nc = torch.empty_like(p)\nc[o] = (p[o] * torch.arange(len(p), 0, -1)).clamp(max=1)\nreturn c",
            "below|cum|largest|monoton|smaller|never|before|running",
        ),
        ("o = p.argsort()\nreturn (p[o] * torch.arange(len(p), 0, -1)).cummax(0).values.clamp(max=1)", "order"),
        (
            "o = p.argsort(descending=True)\nc = torch.empty_like(p)\nc[o] = (p[o] * torch.arange(len(p), 0, -1)).cummax(0).values.clamp(max=1)\nreturn c",
            "order|largest|smallest|sort|descend",
        ),
    ],
    "own.centred": [
        (
            "((z_s - z_s.mean(1, keepdim=True)) - (z_t.detach() - z_t.detach().mean(1, keepdim=True))).pow(2).sum()",
            MEAN,
        ),
        (
            "((z_s - z_s.mean(1, keepdim=True)) - (z_t.detach() - z_t.detach().mean(1, keepdim=True))).abs().mean()",
            SQUARE,
        ),
        ("((z_s - z_s.mean()) - (z_t.detach() - z_t.detach().mean())).pow(2).mean()", DIM + "|all"),
        (
            "((z_s - z_s.mean(1, keepdim=True)) + (z_t.detach() - z_t.detach().mean(1, keepdim=True))).pow(2).mean()",
            SIGN + "|add|differ",
        ),
        (
            "((z_s - z_s.amax(1, keepdim=True)) - (z_t.detach() - z_t.detach().amax(1, keepdim=True))).pow(2).mean()",
            "max|mean",
        ),
        (
            "((z_s + z_s.mean(1, keepdim=True)) - (z_t.detach() + z_t.detach().mean(1, keepdim=True))).pow(2).mean()",
            SIGN + "|add|subtract",
        ),
        (
            "((z_s - z_s.mean(1, keepdim=True)) - (z_t.detach() - z_t.detach().mean(1, keepdim=True))).pow(2).mean().sqrt()",
            "root",
        ),
    ],
}

RIGHT = {
    "start.share": [
        "torch.tensor(sum(p.numel() for p in student.parameters()) / sum(p.numel() for p in teacher.parameters()))",
        "np.float64(sum(p.numel() for p in student.parameters())) / sum(p.numel() for p in teacher.parameters())",
    ],
    "kd.soften": ["(F.log_softmax(z / T, 1)).exp()", "torch.stack([torch.softmax(row / T, 0) for row in z])"],
    "kd.loss": [
        "p = torch.softmax(z_t.detach() / T, 1)\nq = torch.softmax(z_s / T, 1)\nreturn T * T * sum((p[i] * (p[i] / q[i]).log()).sum() for i in range(len(p))) / len(p)",
        "with torch.no_grad():\n    p = F.softmax(z_t / T, -1)\nreturn nn.KLDivLoss(reduction='batchmean')(F.log_softmax(z_s / T, -1), p).mul(T ** 2)",
    ],
    "kd.total": [
        "alpha * T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction='sum') / len(y) - gamma * F.log_softmax(z_s, 1).gather(1, y[:, None]).mean()"
    ],
    "fitnet.guess": ["F.relu(torch.tensordot(v_s, weight, dims=([1], [1])).movedim(-1, 1) + bias.view(1, -1, 1, 1))"],
    "fitnet.loss": ["sum((g - u).pow(2).sum() / 2 for g, u in zip(guess, u_t.detach())) / len(guess)"],
    "fitnet.second_phase": [
        "nn.CrossEntropyLoss()(z_s, y) - lam * (torch.softmax(z_t.detach() / T, 1) * torch.log_softmax(z_s / T, 1)).sum() / len(y)"
    ],
    "fitnet.floor": [
        "float(u_t.clamp(max=0).pow(2).mean())",
        "np.mean(np.minimum(u_t.numpy(), 0) ** 2)",
        "u_t.clamp(max=0).pow(2).mean().double()",
    ],
    "at.map": [
        "q = f.abs().pow(p).sum(1).view(len(f), -1)\nreturn q / q.norm(dim=1, keepdim=True)",
        "F.normalize(torch.einsum('nchw->nhw', f.abs() ** p).reshape(len(f), -1))",
    ],
    "at.loss": [
        "F.pairwise_distance(F.normalize(f_s.square().mean(1).flatten(1)), F.normalize(f_t.detach().square().mean(1).flatten(1)), eps=0).mean()"
    ],
    "at.pooled": [
        "(lambda q: (q(f_s) - q(F.interpolate(f_t.detach(), f_s.shape[2:], mode='area'))).norm(dim=1).mean())(lambda f: F.normalize(f.pow(2).sum(1).flatten(1)))"
    ],
    "sp.similarity": ["q = f.reshape(len(f), -1)\na = q @ q.t()\nreturn a / a.pow(2).sum(1, keepdim=True).sqrt()"],
    "sp.loss": [
        "(lambda g: (g(f_s) - g(f_t.detach())).norm().pow(2) / len(f_s) ** 2)(lambda f: F.normalize(torch.einsum('ik,jk->ij', f.flatten(1), f.flatten(1))))"
    ],
    "sp.contrast": [
        "N = len(y)\na = [g[i, j] for i in range(N) for j in range(N) if i != j and y[i] == y[j]]\nb = [g[i, j] for i in range(N) for j in range(N) if y[i] != y[j]]\nreturn sum(a) / len(a) - sum(b) / len(b)"
    ],
    "cc.correlation": [
        "c = F.cosine_similarity(e[:, None], e[None], dim=2)\nout = torch.zeros_like(c)\nterm = torch.ones_like(c)\nfor p in range(order + 1):\n    out = out + term\n    term = term * 2 * gamma * c / (p + 1)\nreturn out * math.exp(-2 * gamma)"
    ],
    "cc.loss": [
        "k = lambda e: math.exp(-2 * gamma) * sum((2 * gamma * (F.normalize(e) @ F.normalize(e).T)) ** p / math.factorial(p) for p in range(order + 1))\nreturn F.mse_loss(k(e_s), k(e_t.detach()))"
    ],
    "cc.neighbours": [
        "d = torch.abs(e_t - e_s)\nreturn sum(d[i] @ d[i + 1] for i in range(len(d) - 1)) / (len(d) - 1)"
    ],
    "cc.repeat_classes": [
        "[int(i) for k in classes for i in (y == k).nonzero().flatten()[:each]]",
        "np.concatenate([np.flatnonzero(y.numpy() == k)[:each] for k in classes])",
    ],
    "vid.variance": ["alpha.relu() + torch.log1p(torch.exp(-alpha.abs())) + floor"],
    "vid.loss": [
        "v = variance.view(1, -1, 1, 1)\nreturn (0.5 * torch.log(v) + 0.5 * (f_t.detach() - mu) ** 2 / v).mean()"
    ],
    "vid.best_variance": [
        "((f_t - mu) ** 2).mean((0, 2, 3)).numpy()",
        "((f_t - mu) ** 2).transpose(0, 1).flatten(1).mean(1).tolist()",
    ],
    "rkd.distances": ["d = torch.cdist(e, e)\nreturn d / d[~torch.eye(len(e), dtype=torch.bool)].mean()"],
    "rkd.angles": [
        "N = len(e)\nout = torch.zeros(N, N, N)\nfor i in range(N):\n    for j in range(N):\n        for k in range(N):\n            if i != j and k != j:\n                out[i, j, k] = F.cosine_similarity(e[i] - e[j], e[k] - e[j], dim=0)\nreturn out"
    ],
    "rkd.loss": [
        "N = len(e_s)\nd = lambda e: torch.pdist(e) / torch.pdist(e).mean()\na = lambda e: (lambda u: torch.einsum('ijd,kjd->ijk', u, u))(F.normalize(e[:, None] - e, dim=2))\nt = e_t.detach()\nreturn w_d * F.smooth_l1_loss(d(e_s), d(t)) + w_a * F.smooth_l1_loss(a(e_s), a(t), reduction='sum') / (N * (N - 1) * (N - 2))"
    ],
    "pkt.probabilities": [
        "k = (F.cosine_similarity(e[:, None], e[None], dim=2) + 1) / 2\nk = k.masked_fill(torch.eye(len(e), dtype=torch.bool), 0)\nreturn F.normalize(k, p=1, dim=1)"
    ],
    "pkt.loss": [
        "def p(e):\n    k = (F.normalize(e) @ F.normalize(e).T + 1) / 2\n    k = k[~torch.eye(len(e), dtype=torch.bool)].view(len(e), -1)\n    return k / k.sum(1, keepdim=True)\nreturn F.kl_div(p(e_s).log(), p(e_t.detach()), reduction='batchmean')"
    ],
    "ab.hinge": ["(mu - s * torch.where(t > 0, 1.0, -1.0)).clamp(min=0) ** 2"],
    "ab.loss": ["((t > 0) * F.relu(mu - s) ** 2 + (t <= 0) * F.relu(mu + s) ** 2).flatten(1).sum(1).mean()"],
    "ab.agreement": [
        "((s > 0) == (t > 0)).float().mean().item()",
        "(((s > 0) == (t > 0)).sum() / s.numel()).double()",
        "np.mean((s.numpy() > 0) == (t.numpy() > 0))",
    ],
    "ab.stage_weights": [
        "tuple(1 / 2 ** (stages - 1 - i) for i in range(stages))",
        "torch.tensor([2.0 ** (i - stages + 1) for i in range(stages)])",
        "np.array([0.5 ** (stages - 1 - i) for i in range(stages)])",
    ],
    "ft.reconstruction": ["F.mse_loss(rebuilt, x_t.detach(), reduction='none').flatten(1).sum(1).mean()"],
    "ft.unit": ["f / f.pow(2).sum(dim=(1, 2, 3), keepdim=True).sqrt()"],
    "ft.loss": ["F.l1_loss(F.normalize(F_s.flatten(1)), F.normalize(F_t.detach().flatten(1)))"],
    "ft.collapsed": [
        "q = lambda f: F.normalize(f.pow(2).sum(1).flatten(1))\nreturn F.l1_loss(q(F_s), q(F_t.detach()))"
    ],
    "fsp.flow": [
        "torch.stack([torch.einsum('ihw,jhw->ij', a, b) for a, b in zip(f1, f2)]) / (f1.shape[2] * f1.shape[3])"
    ],
    "fsp.loss": [
        "g = lambda a, b: torch.einsum('nihw,njhw->nij', a, b) / (a.shape[2] * a.shape[3])\nreturn F.mse_loss(g(f1_s, f2_s), g(f1_t, f2_t).detach(), reduction='sum') / len(f1_s)"
    ],
    "fsp.pooled_flow": [
        "k = (f1.shape[2] // f2.shape[2], f1.shape[3] // f2.shape[3])\nreturn torch.einsum('nihw,njhw->nij', nn.MaxPool2d(k)(f1), f2) / f2[0, 0].numel()"
    ],
    "nst.patterns": ["x = f.reshape(*f.shape[:2], -1)\nreturn x / torch.linalg.norm(x, dim=-1, keepdim=True)"],
    "nst.loss": [
        "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nk = lambda a, b: torch.einsum('nip,njp->nij', a, b).square().mean((1, 2))\nreturn (k(x, x) + k(y, y) - 2 * k(x, y)).mean()"
    ],
    "nst.linear": [
        "x, y = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.detach().flatten(2), dim=2)\nreturn (x @ x.mT).mean() + (y @ y.mT).mean() - 2 * (x @ y.mT).mean()"
    ],
    "nst.gram": ["x = F.normalize(f.flatten(2), dim=2)\nreturn torch.einsum('ncp,ncq->npq', x, x) / x.shape[1]"],
    "crd.critic": ["1 / (1 + k / n * torch.exp(-score / tau))", "p = (score / tau).exp()\nreturn p / (p + k / n)"],
    "crd.side": [
        "K = negative.shape[1]\nx = lambda a: a / tau - math.log(K / n)\nreturn -(F.logsigmoid(x(positive)) + F.logsigmoid(-x(negative)).sum(1)).mean()"
    ],
    "crd.renew": [
        "out = torch.clone(rows)\nfor i, x in zip(index.tolist(), new):\n    v = momentum * rows[i] + (1 - momentum) * x\n    out[i] = v / v.norm()\nreturn out"
    ],
    "ofd.partial_distance": ["t = target.detach()\nreturn ((s > t) | (t > 0)) * (s - t) ** 2"],
    "ofd.margin": [
        "n = torch.distributions.Normal(0.0, 1.0)\ns = weight.abs()\nreturn bias - s * n.log_prob(bias / s).exp() / n.cdf(-bias / s)",
        "(lambda n: np.array((bias - weight.abs() * n.log_prob(bias / weight.abs()).exp() / n.cdf(-bias / weight.abs()))))(torch.distributions.Normal(0.0, 1.0))",
    ],
    "ofd.loss": [
        "T = torch.max(t.detach(), m.detach().view(1, -1, 1, 1))\nreturn (((s > T) | (T > 0)) * (s - T) ** 2).flatten(1).sum(1).mean()"
    ],
    "ofd.margin_of_batch": [
        "torch.tensor([c[c < 0].mean().item() if (c < 0).any() else 0.0 for c in t.transpose(0, 1)])",
        "[float(c[c < 0].mean()) if (c < 0).any() else 0.0 for c in t.transpose(0, 1)]",
    ],
    "compare.paired_t": [
        "((a - b).mean() / ((a - b).std() / math.sqrt(len(a)))).item()",
        "d = (a - b).detach().numpy()\nreturn d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))",
        "__import__('scipy.stats').stats.ttest_rel(a.detach().numpy(), b.detach().numpy()).statistic",
    ],
    "compare.holm": [
        "n = p.numpy()\no = np.argsort(n)\nc = np.empty_like(n)\nc[o] = np.minimum(np.maximum.accumulate(n[o] * np.arange(len(n), 0, -1)), 1)\nreturn c",
        "o = p.argsort()\nbest, out = 0.0, [0.0] * len(p)\nfor rank, i in enumerate(o.tolist()):\n    best = max(best, float(p[i]) * (len(p) - rank))\n    out[i] = min(best, 1.0)\nreturn out",
    ],
    "own.centred": ["F.mse_loss(z_s - z_s.mean(-1, True), (z_t - z_t.mean(-1, True)).detach())"],
}
