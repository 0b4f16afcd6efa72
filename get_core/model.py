"""The GET network: a transformer over the regulatory regions of one window.

Architecture: Fu et al., Nature 2025, doi 10.1038/s41586-024-08391-z (Methods, preprint doi
10.1101/2023.09.24.559168). There is no positional encoding, so the network is equivariant to the order of the
regions. Importing this module imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from get_core.errors import InvalidInput

__all__ = ["GET", "GetConfig", "Head", "evaluating", "with_head"]

Head = Literal["expression", "accessibility", "pretrain"]

HEADS: tuple[Head, ...] = ("expression", "accessibility", "pretrain")
LAYER_NORM_EPS = 1e-6  # reference model, in the blocks and in the final normalisation (torch's own default is 1e-5)
MLP_RATIO = 4  # reference model: 768 -> 3072 -> 768
DROP_PATH = 0.1  # reference model: stochastic depth rises linearly from 0 to 0.1 over the blocks
MASK_TOKEN_STD = 0.02  # BEiT, arXiv 2106.08254: learned tokens start from N(0, 0.02^2)


@dataclass(frozen=True)
class GetConfig:
    """Sizes of a GET network; the defaults are the published model (85,267,202 parameters).

    Parameters
    ----------
    features : int
        Features per region: 282 motif clusters and accessibility.
    embed : int
        Width of the network.
    layers : int
        Number of transformer blocks.
    heads : int
        Attention heads; must divide `embed`.
    outputs : int
        Values per region. Two strands for expression; `features` for pretraining.
    head : {"expression", "accessibility", "pretrain"}
        "expression" ends in softplus (a quantity >= 0), "accessibility" returns the logit of a binary label, and
        "pretrain" rebuilds the features of masked regions. The reference's quantitative ATAC model ends in
        softplus too, so it is `head="expression"` with one output.
    drop_path : float
        Stochastic-depth rate of the last block, in training only.
    """

    features: int = 283
    embed: int = 768
    layers: int = 12
    heads: int = 12
    outputs: int = 2
    head: Head = "expression"
    drop_path: float = DROP_PATH

    def __post_init__(self) -> None:
        for name in ("features", "embed", "layers", "heads", "outputs"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"GetConfig.{name} is {getattr(self, name)}; it must be at least 1")
        if self.embed % self.heads:
            raise InvalidInput(
                f"GetConfig: embed {self.embed} is not divisible by heads {self.heads}",
                cure="choose a number of heads that divides embed (the published model has 64 channels per head)",
            )
        if self.head not in HEADS:
            raise InvalidInput(f"GetConfig.head is {self.head!r}; it must be one of {', '.join(HEADS)}")
        if self.head == "pretrain" and self.outputs != self.features:
            raise InvalidInput(
                f"GetConfig: the pretraining head rebuilds {self.features} features, not {self.outputs} outputs",
                cure="set outputs equal to features",
            )
        if not 0 <= self.drop_path < 1:
            raise InvalidInput(f"GetConfig.drop_path is {self.drop_path}; it must lie in [0, 1)")


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): drops a residual branch per sample, keeping its expectation."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (B, ...) with whole samples zeroed in training; the identity in evaluation."""
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)


class Attention(nn.Module):
    """Multi-head attention with a bias on queries and values and none on keys."""

    def __init__(self, embed: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(embed, 3 * embed, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(embed))
        self.v_bias = nn.Parameter(torch.zeros(embed))
        self.proj = nn.Linear(embed, embed)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        """Let `queries` (B, Q, D) attend to `context` (B, T, D); returns (B, Q, D)."""
        embed = context.shape[-1]
        to_q, to_k, to_v = self.qkv.weight.split(embed)
        q = self._per_head(functional.linear(queries, to_q, self.q_bias))
        k = self._per_head(functional.linear(context, to_k))
        v = self._per_head(functional.linear(context, to_v, self.v_bias))
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _per_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Mlp(nn.Module):
    """Two linear maps around the exact (erf) GELU."""

    def __init__(self, embed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed, MLP_RATIO * embed)
        self.fc2 = nn.Linear(MLP_RATIO * embed, embed)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, embed: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed, eps=LAYER_NORM_EPS)
        self.attn = Attention(embed, heads)
        self.norm2 = nn.LayerNorm(embed, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, token: Tensor | None = None) -> Tensor:
        """Update (B, T, D), or only one `token` (B,) int64 of each sample, to (B, 1, D)."""
        context = self.norm1(x)
        queries = context
        if token is not None:
            x, queries = _pick(x, token), _pick(context, token)
        x = x + self.drop_path(self.attn(queries, context))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class GET(nn.Module):
    """The GET network.

    Weights are drawn from torch's global generator: Xavier-uniform matrices, zero biases and CLS token.

    Parameters
    ----------
    config : GetConfig
        Sizes and head.
    """

    def __init__(self, config: GetConfig) -> None:
        super().__init__()
        self.config = config
        self.region_embed = nn.Linear(config.features, config.embed)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.embed))
        if config.head == "pretrain":
            self.mask_token = nn.Parameter(torch.randn(1, 1, config.embed) * MASK_TOKEN_STD)
        rates = torch.linspace(0, config.drop_path, config.layers, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(config.embed, config.heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(config.embed, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(config.embed, config.outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict every region of each window.

        Parameters
        ----------
        x : Tensor, float (B, R, F)
            Region features.
        mask : Tensor, bool (B, R), optional
            Regions hidden behind the mask token; only with the pretraining head.

        Returns
        -------
        Tensor, float (B, R, outputs)
            Expression (>= 0), accessibility logits, or rebuilt features, according to the head.
        """
        tokens = self._tokens(x, mask)
        for block in self.blocks:
            tokens = block(tokens)
        return self._read(tokens[:, 1:])

    def at(self, x: Tensor, focus: Tensor) -> Tensor:
        """Predict one region of each window; equal to ``forward(x)[b, focus[b]]`` at less cost.

        Only the focus region passes through the last block's queries and MLP, which is exact because nothing reads
        the other regions afterwards.

        Parameters
        ----------
        x : Tensor, float (B, R, F)
            Region features.
        focus : Tensor, int64 (B,)
            Position of the region in its window.

        Returns
        -------
        Tensor, float (B, outputs)
        """
        tokens = self._tokens(x, None)
        *trunk, last = self.blocks
        for block in trunk:
            tokens = block(tokens)
        return self._read(last(tokens, focus + 1)).squeeze(1)

    def embed(self, x: Tensor, focus: Tensor, layer: int) -> Tensor:
        """Return what the network makes of one region of each window.

        Parameters
        ----------
        x : Tensor, float (B, R, F)
            Region features.
        focus : Tensor, int64 (B,)
            Position of the region in its window.
        layer : int
            Number of blocks passed: 0 is the embedded region by itself, `config.layers` the last before the head.

        Returns
        -------
        Tensor, float (B, embed)
        """
        tokens = self._tokens(x, None)
        for block in self.blocks[:layer]:
            tokens = block(tokens)
        return _pick(tokens, focus + 1).squeeze(1)

    def _tokens(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if x.ndim != 3 or x.shape[-1] != self.config.features:
            raise InvalidInput(
                f"features have the shape {tuple(x.shape)}; the network takes (batch, regions, {self.config.features})",
                cure="give the columns that the network was trained on, in their order",
            )
        tokens = self.region_embed(x)
        if mask is not None:
            tokens = torch.where(mask.unsqueeze(-1), self.mask_token, tokens)
        return torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)

    def _read(self, tokens: Tensor) -> Tensor:
        values = self.head(self.norm(tokens))
        return functional.softplus(values) if self.config.head == "expression" else values


def with_head(model: GET, head: Head, outputs: int) -> GET:
    """Copy `model` under another head; the trunk keeps its weights, the head is drawn anew.

    Parameters
    ----------
    model : GET
        Source of the trunk; left untouched.
    head : {"expression", "accessibility", "pretrain"}
        Head of the copy.
    outputs : int
        Values per region of the copy.

    Returns
    -------
    GET
        A model on the same device and of the same dtype.
    """
    reference = model.cls_token
    copy = GET(replace(model.config, head=head, outputs=outputs)).to(reference)
    trunk = {name: value for name, value in model.state_dict().items() if not name.startswith(("head.", "mask_"))}
    copy.load_state_dict(trunk, strict=False)
    return copy


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch stochastic depth off for the length of a ``with`` block."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _pick(x: Tensor, token: Tensor) -> Tensor:
    return x[torch.arange(len(x), device=x.device), token].unsqueeze(1)
