"""Load GET weights under any official naming, and save ours.

Four namings exist: the reference's final one, its v1 finetune and v1 pretrain files, and Lightning files whose keys
start with ``model.``. Every parameter has one meaning in all of them, so one list of anchored renames reads them all.
Low-rank corrections (LoRA), which the reference's finetuning keeps beside each matrix, are added into the matrices.
No pickle is executed (`get_core.weights_file`).
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from get_core.errors import InvalidInput
from get_core.weights_file import read_weights
from get_core.whole_file import whole_file

if TYPE_CHECKING:
    from torch import Tensor

    from get_core.model import GET, GetConfig, Head

__all__ = ["LoadReport", "load_get", "save_get"]

# Keys of torch's parametrized weights: the frozen matrix, and the factors of each correction that was put on it.
CORRECTED = re.compile(
    r"(?P<weight>.+)\.parametrizations\.weight\.(?:original|(?P<number>\d+)\.lora_(?P<part>A|B|\w+))$"
)
# Reference code: minLoRA with alpha 1; the correction is B A · alpha / rank, and alpha is not in the file.
LORA_ALPHA = 1.0
CHANNELS_PER_HEAD = 64  # published model: 768 channels, 12 heads; the number of heads is not in the weights
METADATA_KEY = "get_config"
"""The only entry: safetensors writes several in an order that changes, and the bytes of a file are its name."""
NAMES_KEY = "feature_names"
RENAMES = (
    (r"(?:encoder\.)?region_embed\.(?:embed|proj)\.", "region_embed."),
    (r"encoder\.cls_token$", "cls_token"),
    (r"encoder\.blocks\.", "blocks."),
    (r"(?:encoder\.norm|fc_norm)\.", "norm."),
    (r"(?:head_exp\.head|head_mask|encoder\.head)\.", "head."),
)


@dataclass(frozen=True)
class LoadReport:
    """What a checkpoint held, in the names of `get_core.model.GET`.

    Parameters
    ----------
    loaded : tuple of str
        Parameters taken from the file.
    missing : tuple of str
        Parameters of the model that the file lacks; they keep their random start.
    unexpected : tuple of str
        Keys of the file that the model has no place for.
    config : GetConfig
        Sizes and head, read from the shapes or from the file's own description.
    merged : tuple of str
        Parameters to which the file's low-rank corrections (LoRA) were added.
    features : tuple of str or None
        Names of the features in the order of the network's input, where the file says; only ours does.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    config: "GetConfig"
    merged: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None


def load_get(
    path: str | os.PathLike[str], *, strict: bool = True, heads: int | None = None, lora_alpha: float = LORA_ALPHA
) -> tuple["GET", LoadReport]:
    """Load a GET network in evaluation mode, on the CPU.

    Parameters
    ----------
    path : path
        A safetensors file (ours, or any official naming), or a torch file: a plain state dict, a v1 finetune or
        pretrain checkpoint, or a Lightning checkpoint.
    strict : bool
        Refuse a file that does not cover the model exactly. Otherwise the report lists what is missing or left over.
    heads : int, optional
        Number of attention heads. By default taken from the file, else from a ``*config.json`` beside it with the same
        sizes, else one per 64 channels as in the published model.
    lora_alpha : float
        Numerator of the scale of low-rank corrections, ``lora_alpha / rank``; 1 in the reference.

    Returns
    -------
    model : GET
        Parameters in float32.
    report : LoadReport
        Coverage.

    Raises
    ------
    InvalidInput
        No such file, not a checkpoint, code in the file, shapes that fit no GET network, weights that are not finite,
        or (strict) wrong coverage.

    Notes
    -----
    An official one-output ATAC model ends in softplus and is read as ``head="expression"`` with one output; it expects
    the accessibility feature to be 1 everywhere.
    """
    import torch

    from get_core.model import GET

    path = Path(path)
    if not path.is_file():
        raise InvalidInput(
            f"{path}: no such checkpoint", cure="give the path of a .safetensors, .pt, .pth or .ckpt file"
        )
    weights, metadata = read_weights(path)
    stored = metadata.get(METADATA_KEY)
    weights, corrected = _merge_corrections(weights, lora_alpha, path)
    weights = _rename(weights, path)
    config = _config(weights, stored, heads, path)
    if config.layers > len(weights):  # before memory is taken for them
        raise InvalidInput(
            f"{path}: a network of {config.layers} layers, but {len(weights)} tensors", cure="fetch or save it again"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GET(config).eval()
    own = model.state_dict()
    report = LoadReport(
        loaded=tuple(name for name in own if name in weights),
        missing=tuple(name for name in own if name not in weights),
        unexpected=tuple(name for name in weights if name not in own),
        config=config,
        merged=tuple(_our_name(key) for key in corrected),
        features=_stored_names(stored, config, path),
    )
    if strict and (report.missing or report.unexpected):
        raise InvalidInput(
            f"{path}: the file does not cover a GET network of {config.layers} layers and the {config.head} head: "
            f"{len(report.loaded)} of {len(own)} tensors found; missing: {_listing(report.missing)}; "
            f"unexpected: {_listing(report.unexpected)}",
            cure="check that this is a region model without positional encoding; "
            "load_get(path, strict=False) loads what fits and reports the rest",
        )
    for name in report.loaded:
        if weights[name].shape != own[name].shape:
            raise InvalidInput(
                f"{path}: {name} has shape {tuple(weights[name].shape)}, expected {tuple(own[name].shape)} from the "
                "other tensors",
                cure="the file mixes two models or is damaged; fetch it again",
            )
        if not bool(weights[name].isfinite().all()):
            raise InvalidInput(
                f"{path}: {name} holds values that are not finite", cure="take an earlier checkpoint: training diverged"
            )
    model.load_state_dict({name: weights[name].float() for name in report.loaded}, strict=False)
    return model, report


def save_get(model: "GET", path: str | Path, *, features: Sequence[str] = ()) -> None:
    """Write a model as safetensors with its configuration in the header; the file appears whole or not at all.

    Parameters
    ----------
    model : GET
        Model to save.
    path : path
        Target, usually ``*.safetensors``; replaced if it exists.
    features : sequence of str
        Names of the features in the order of the network's input, so that other motifs are found out on loading.
    """
    from safetensors.torch import save

    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    said = asdict(model.config) | ({NAMES_KEY: [*features]} if features else {})
    content = save(weights, metadata={METADATA_KEY: json.dumps(said, sort_keys=True)})
    with whole_file(path) as part:
        part.write_bytes(content)


def _merge_corrections(
    weights: Mapping[str, "Tensor"], alpha: float, path: Path
) -> tuple[dict[str, "Tensor"], tuple[str, ...]]:
    """Add low-rank corrections into their matrices; the reference may put several on one matrix, which add up."""
    merged: dict[str, Tensor] = {}
    factors: dict[str, dict[str, dict[str, Tensor]]] = {}
    for key, value in weights.items():
        match = CORRECTED.match(key)
        if match is None:
            merged[key] = value
        elif match["number"] is None:
            merged[f"{match['weight']}.weight"] = value.float()
        else:
            factors.setdefault(f"{match['weight']}.weight", {}).setdefault(match["number"], {})[match["part"]] = value
    for name, corrections in factors.items():
        for number, parts in corrections.items():
            a, b = parts.get("A"), parts.get("B")
            weight = merged.get(name)
            if a is None or b is None or weight is None or b.shape[1:] != a.shape[:1]:
                raise InvalidInput(
                    f"{path}: correction {number} of {name} is incomplete: it needs the matrix, lora_A and lora_B",
                    cure="load the whole checkpoint, not the corrections alone",
                )
            if len(b) != len(weight) or len(b) * a.shape[1] != weight.numel():
                raise InvalidInput(f"{path}: correction {number} of {name} does not fit {tuple(weight.shape)}")
            merged[name] = weight + (b.float() @ a.float()).reshape(weight.shape) * (alpha / a.shape[0])
    return merged, tuple(factors)


def _rename(weights: Mapping[str, "Tensor"], path: Path) -> dict[str, "Tensor"]:
    renamed: dict[str, Tensor] = {}
    for key, value in weights.items():
        name = _our_name(key)
        if name in renamed:
            raise InvalidInput(f"{path}: {key} and another key both mean {name}", cure="the file mixes two models")
        # Older v1 files embed regions with a convolution of width 1.
        renamed[name] = value.squeeze(-1) if name == "region_embed.weight" and value.ndim == 3 else value
    return renamed


def _our_name(key: str) -> str:
    name = re.sub(r"^(?:module\.|model\.)+", "", key)
    for pattern, replacement in RENAMES:
        match = re.match(pattern, name)
        if match:
            return replacement + name[match.end() :]
    return name


def _config(weights: Mapping[str, "Tensor"], stored: str | None, heads: int | None, path: Path) -> "GetConfig":
    from get_core.model import GetConfig

    if stored is not None:
        config = _stored_config(stored, path)
        return config if heads is None else replace(config, heads=heads)
    embedding = weights.get("region_embed.weight")
    blocks = {int(match[1]) for name in weights if (match := re.match(r"blocks\.(\d+)\.", name))}
    if embedding is None or embedding.ndim != 2 or not blocks:
        raise InvalidInput(
            f"{path}: not a GET region model; it has neither a region embedding nor blocks under a known name. Keys: "
            f"{_listing(tuple(weights))}",
            cure="the known names are region_embed.embed|proj.*, [encoder.]blocks.N.*, encoder.norm|fc_norm.*, head*.*",
        )
    embed, features = embedding.shape
    layers = max(blocks) + 1
    last = weights.get("head.weight")
    outputs = last.shape[0] if last is not None and last.ndim else GetConfig.outputs
    head: Head = "pretrain" if "mask_token" in weights and outputs == features else "expression"
    heads = heads or _heads_beside(path, embed, layers, features)
    if heads is None and embed % CHANNELS_PER_HEAD:
        raise InvalidInput(
            f"{path}: the number of attention heads is not in the weights, and {embed} channels are no multiple of "
            f"{CHANNELS_PER_HEAD}",
            cure="call load_get(path, heads=...), or put a config.json with "
            f'{{"embed_dim": {embed}, "num_layers": {layers}, "num_heads": ...}} beside the file',
        )
    return GetConfig(features, embed, layers, heads or embed // CHANNELS_PER_HEAD, outputs, head)


def _stored_config(stored: str, path: Path) -> "GetConfig":
    from get_core.model import GetConfig

    try:
        values = json.loads(stored)
        return GetConfig(
            features=int(values["features"]),
            embed=int(values["embed"]),
            layers=int(values["layers"]),
            heads=int(values["heads"]),
            outputs=int(values["outputs"]),
            head=values["head"],
            drop_path=float(values["drop_path"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: unreadable configuration in the header: {error}") from error


def _stored_names(stored: str | None, config: "GetConfig", path: Path) -> tuple[str, ...] | None:
    names = None if stored is None else json.loads(stored).get(NAMES_KEY)
    if names is not None and len(names) != config.features:
        raise InvalidInput(f"{path}: names {len(names)} features in the header, but has {config.features}")
    return None if names is None else tuple(map(str, names))


def _heads_beside(path: Path, embed: int, layers: int, features: int) -> int | None:
    found: set[int] = set()
    for sidecar in sorted(path.parent.glob("*config.json")):
        try:
            sizes = json.loads(sidecar.read_text())
        except (OSError, ValueError):
            continue
        if not isinstance(sizes, dict) or not isinstance(sizes.get("num_heads"), int):
            continue
        expected = {"embed_dim": embed, "num_layers": layers, "num_motif": features}
        if all(sizes.get(name, value) == value for name, value in expected.items()):
            found.add(sizes["num_heads"])
    if len(found) > 1:
        raise InvalidInput(
            f"{path}: configurations beside it name {' and '.join(map(str, sorted(found)))} heads",
            cure="call load_get(path, heads=...)",
        )
    return found.pop() if found else None


def _listing(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:6])
    return (f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown) or "none"
