"""`Features` by forward hooks: for networks whose control flow no tracer can follow."""

import copy
import difflib
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Size, Tensor, nn

from kd_teach.models._views import Shown, blank
from kd_teach.models.features import Features


class Hooked(Shown):
    """What `tapped(..., by="hooks")` makes: the outputs of modules, kept as they pass by.

    Of a module that is called twice, the last output counts. The embedding is by default what the last `nn.Linear`
    sees, the logits what the network answers.
    """

    def __init__(
        self, model: nn.Module, stem: str, stages: Sequence[str], preacts: Sequence[str], embedding, logits
    ) -> None:
        super().__init__()
        self.extractor = model  # under the name that `Tapped` has for it: the weights of one fit the other
        self.names = stem, list(stages), list(preacts), embedding, logits
        self.wanted = list(dict.fromkeys(name for name in (stem, *stages, *preacts, embedding, logits) if name))
        modules = dict(model.named_modules())
        for name in self.wanted:
            if name not in modules:
                nearest = difflib.get_close_matches(str(name), modules, n=5, cutoff=0.3)
                raise ValueError(
                    f"The network has no module {name!r}. Nearest: {', '.join(nearest) or 'none'}. "
                    "dict(model.named_modules()) lists them all."
                )

    def _run(self, images: Tensor, seen: dict[str, Tensor]) -> object:
        """The network's answer; outputs of the modules go into `seen`, the input of the last linear layer under ""."""

        def keep(name: str) -> Callable:
            # A copy, for a layer that works in place may overwrite it; it costs less than a wrong map.
            return lambda module, args, output: seen.update(
                {name: output.clone() if isinstance(output, Tensor) else output}
            )

        def keep_input(module: nn.Module, args: tuple) -> None:
            seen.update({"": args[0]})

        linear = [m.register_forward_pre_hook(keep_input) for m in self.extractor.modules() if isinstance(m, nn.Linear)]
        handles = linear + [self.extractor.get_submodule(n).register_forward_hook(keep(n)) for n in self.wanted]
        try:
            answer = self.extractor(images)
        finally:
            for handle in handles:
                handle.remove()
        if missing := [name for name in self.wanted if name not in seen]:
            raise ValueError(f"The network does not call {missing[0]!r} in this forward pass; name another module.")
        return answer

    def raw(self, images: Tensor) -> tuple:
        stem, stages, preacts, embedding, logits = self.names
        seen: dict[str, Tensor] = {}
        answer = self._run(images, seen)
        if not embedding and "" not in seen:
            raise ValueError("There is no nn.Linear in front of the logits; name a module with embedding='...'.")
        return (
            seen[stem],
            [seen[name] for name in stages],
            [seen[name] for name in preacts],
            seen[embedding or ""],
            seen[logits] if logits else answer,
        )

    @torch.no_grad()
    def watch(self, size: int) -> list[Size] | None:
        stem, stages, preacts, _, _ = self.names
        seen: dict[str, Tensor] = {}
        with suppress(Exception):  # a head that wants another size is no reason not to know the maps before it
            self._run(blank(self.extractor, size), seen)
        maps = [seen.get(name) for name in (*stages, *preacts, stem)]
        shapes = [x.shape for x in maps if isinstance(x, Tensor)]
        return shapes if len(shapes) == len(maps) else None

    def lower(self, stage: int) -> list[nn.Module]:
        """The layers that `Features.stages[stage]` (from 0) is computed with: those that its gradient reaches."""
        if not 0 <= stage < len(self.names[1]):
            raise ValueError(f"There is no stage {stage}; you named 0 to {len(self.names[1]) - 1}.")
        return self._reached(lambda features: [features.stages[stage]])

    def below_preacts(self) -> list[nn.Module]:
        """The layers that `Features.preacts` are computed with: those that their gradients reach."""
        return self._reached(lambda features: features.preacts)

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """The modules that were named as preacts, if all of them are BNs."""
        norms = [self.extractor.get_submodule(name) for name in self.names[2]]
        for name, norm in zip(self.names[2], norms, strict=True):
            if not isinstance(norm, nn.BatchNorm2d):
                raise ValueError(
                    f"preacts {name!r} is a {type(norm).__name__}, no BatchNorm2d, so its statistics are unknown; name "
                    "such a module: tapped(..., preacts=[...])."
                )
        return tuple(norm for norm in norms if isinstance(norm, nn.BatchNorm2d))

    def _reached(self, pick: Callable[[Features], Sequence[Tensor]]) -> list[nn.Module]:
        if self.image_size is None:
            raise ValueError("No square image of a common size went through the network, so its layers are unknown.")
        twin = copy.deepcopy(self).eval().requires_grad_(True)
        weights = dict(twin.named_parameters())
        with torch.enable_grad():
            sums = [x.float().sum() for x in pick(twin(blank(twin, self.image_size)))]
            grads = torch.autograd.grad(sums, list(weights.values()), allow_unused=True)
        found: dict[str, nn.Module] = {}
        for name, grad in zip(weights, grads, strict=True):
            if grad is not None:
                path = name.rpartition(".")[0]
                layer = self.get_submodule(path)
                # A parameter beside whole layers, such as a class token: it comes in a list of its own.
                nested = next(layer.children(), None) is not None
                found[name if nested else path] = nn.ParameterList([self.get_parameter(name)]) if nested else layer
        return list(found.values())
