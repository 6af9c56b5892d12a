"""Fine-tuning jobs in OpenAI's words: the request becomes a recipe, a job's folder becomes their objects."""

import json
import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from assistant.errors import UsageError
from assistant.jobs.launch import last_progress
from assistant.jobs.record import SETTLED, JobFolder
from assistant.paths import data_root

if TYPE_CHECKING:
    from assistant.settings import Settings
    from assistant.uploads import Upload
    from tuning.schema import TuneRecipe

API = "api.json"
LEARNING_RATE, BATCH_SIZE = 1e-3, 8
# Epochs where the request leaves them open: three, more for few examples, fewer for very many.
EPOCHS, MOST_EPOCHS, FEWEST_SEEN, MOST_SEEN = 3, 25, 100, 25_000
NAME_LENGTH = 40
REPLAY_RATIO = 0.3
# What a request may set of the recipe beyond OpenAI's own fields; nothing that names a file.
OPEN_KEYS = (
    *("description", "method", "params", "recipe", "system", "epochs", "learning_rate", "batch_size", "max_length"),
    *("save_steps", "save_seconds", "after", "grid"),
)

Auto = Literal["auto"]


class Hyperparameters(BaseModel):
    """What a person may set of a run; ``auto`` leaves it to us."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=50)] = "auto"
    batch_size: Auto | Annotated[int, Field(ge=1, le=256)] = "auto"
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=1000)] = "auto"
    beta: Auto | Annotated[float, Field(gt=0, le=10)] = "auto"


class HyperparametersOf(BaseModel):
    """The part of a request that belongs to one method."""

    hyperparameters: Hyperparameters = Hyperparameters()


class MethodChoice(BaseModel):
    """How to train."""

    type: Literal["supervised", "dpo"] = "supervised"
    supervised: HyperparametersOf = HyperparametersOf()
    dpo: HyperparametersOf = HyperparametersOf()

    def hyperparameters(self) -> Hyperparameters:
        """Return those of the chosen method."""
        return (self.dpo if self.type == "dpo" else self.supervised).hyperparameters


class CreateJob(BaseModel):
    """The request; what is not known is ignored, as OpenAI's clients expect.

    ``joyul`` holds keys of a training recipe (``extra_body={"joyul": {"params": {"r": 4}}}``).
    """

    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = Field(None, min_length=1, max_length=64)
    seed: int | None = Field(None, ge=0, lt=2**31)
    hyperparameters: Hyperparameters | None = None
    method: MethodChoice | None = None
    joyul: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]] | None = Field(
        None, max_length=16
    )

    def chosen(self) -> Hyperparameters:
        """Return the hyperparameters, from the place where the request has them."""
        if self.method is not None:
            return self.method.hyperparameters()
        return self.hyperparameters or Hyperparameters()


def recipe_of(
    request: CreateJob, training: "Upload", validation: "Upload | None", settings: "Settings"
) -> "TuneRecipe":
    """Return the training recipe that a request asks for.

    Raises:
        UsageError: the model is none that is configured here, or the method is not there.
    """
    from tuning.methods import METHODS, load_method
    from tuning.schema import TuneRecipe

    names = {"default": "default", settings.model.name: "default", **{name: name for name in settings.models}}
    if request.model not in names:
        hint = f"a base model is tuned, one of: {', '.join(names)}"
        raise UsageError(f"no base model {request.model[:80]!r}", hint, param="model")
    kind = request.method.type if request.method else "supervised"
    method = "dpo" if kind == "dpo" else "lora"
    if method not in METHODS:
        raise UsageError(f"method {kind!r} is not available here", "use supervised", param="method.type")
    chosen = request.chosen()
    factor = 1.0 if chosen.learning_rate_multiplier == "auto" else chosen.learning_rate_multiplier
    with training.path.open("rb") as file:
        examples = sum(1 for line in file if line.strip())
    values: dict[str, Any] = {
        "name": _adapter_name(request.suffix or ""),
        "model": names[request.model],
        "method": method,
        "params": {} if chosen.beta == "auto" or method != "dpo" else {"beta": chosen.beta},
        "data": training.path.name,
        "validation": str(validation.path) if validation else "",
        "epochs": epochs_for(examples) if chosen.n_epochs == "auto" else chosen.n_epochs,
        "batch_size": BATCH_SIZE if chosen.batch_size == "auto" else chosen.batch_size,
        "learning_rate": LEARNING_RATE * factor,
        "seed": request.seed or 0,
        # The small base forgets reading and refusing within minutes where nothing reminds it.
        "replay": _reminder() if settings.model_named(names[request.model]).name == "embedded" else None,
    }
    strange = sorted(set(request.joyul) - set(OPEN_KEYS))
    if strange:
        raise UsageError(
            f"joyul.{strange[0][:40]} cannot be set here", f"these can: {', '.join(OPEN_KEYS)}", param="joyul"
        )
    try:
        recipe = TuneRecipe(file=training.path, **(values | request.joyul))
        return recipe.model_copy(update={"params": load_method(recipe.method).params(**recipe.params).model_dump()})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {first['msg']}", "see the keys of a training recipe", param=where) from None


def _reminder() -> dict[str, Any]:
    return {"path": str(data_root() / "replay" / "replay.jsonl"), "ratio": REPLAY_RATIO}


def epochs_for(examples: int) -> int:
    """Return the passes over the data where nobody says: enough for few examples, no more than needed for many."""
    wanted = max(EPOCHS, -(-FEWEST_SEEN // max(examples, 1)))
    return max(1, min(wanted, MOST_EPOCHS, max(1, MOST_SEEN // max(examples, 1))))


def _adapter_name(suffix: str) -> str:
    plain = re.sub(r"[^a-z0-9._-]+", "-", suffix.lower()).strip("-._")[:NAME_LENGTH]
    return f"ft-{plain}-{uuid.uuid4().hex[:8]}" if plain else f"ft-{uuid.uuid4().hex[:8]}"


def job_object(job: JobFolder) -> dict[str, Any]:
    """Return a job as OpenAI's clients know it; jobs started elsewhere have no file ids."""
    record, progress = job.read(), last_progress(job)
    asked = job.load(API) if (job.path / API).is_file() else {}
    recipe = job.load("recipe.json") if (job.path / "recipe.json").is_file() else {}
    done = record.state == "succeeded"
    left = progress.get("seconds_left") if record.state == "running" else None
    hyperparameters = {
        "n_epochs": recipe.get("epochs", "auto"),
        "batch_size": recipe.get("batch_size", "auto"),
        "learning_rate_multiplier": recipe["learning_rate"] / LEARNING_RATE if recipe else "auto",
    }
    kind = ((asked.get("method") or {}).get("type")) or ("dpo" if recipe.get("method") == "dpo" else "supervised")
    failed = {
        "code": record.error_kind or "internal",
        "message": f"{record.error}. {record.hint}".strip(". "),
        "param": None,
    }
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": int(record.created),
        "finished_at": int(record.ended) if record.state in SETTLED and record.ended else None,
        "estimated_finish": int(progress["time"] + left) if left is not None else None,
        "model": asked.get("model") or recipe.get("model", "default"),
        "fine_tuned_model": record.result.get("adapter", record.name) if done else None,
        "hyperparameters": hyperparameters,
        "method": {"type": kind, kind: {"hyperparameters": hyperparameters}},
        "organization_id": "joyul",
        "result_files": [f"results-{job.id}"] if done else [],
        "seed": recipe.get("seed", asked.get("seed") or 0),
        "status": record.state,
        "trained_tokens": record.result.get("trained_tokens") if done else None,
        "training_file": asked.get("training_file") or "",
        "validation_file": asked.get("validation_file"),
        "integrations": [],
        "metadata": asked.get("metadata"),
        "error": failed if record.state == "failed" else None,
        "user_provided_suffix": asked.get("suffix"),
    }


def event_objects(job: JobFolder) -> list[dict[str, Any]]:
    """Return a job's events, newest first."""
    return [_event(job.id, number, event) for number, event in enumerate(job.events()[0])][::-1]


def _event(key: str, number: int, event: dict[str, Any]) -> dict[str, Any]:
    frame = {
        "id": f"ftevent-{key}-{number}",
        "object": "fine_tuning.job.event",
        "created_at": int(event["time"]),
        "level": "error" if event.get("state") == "failed" else "info",
        "type": "message",
        "data": {},
    }
    if "loss" in event:
        data = {"step": event["step"], "total_steps": event["steps"], "train_loss": event["loss"]}
        message = f"Step {event['step']}/{event['steps']}: training loss={event['loss']:.4f}"
        return frame | {"type": "metrics", "data": data, "message": message}
    if "validation_loss" in event and "step" in event:
        data = {"step": event["step"], "valid_loss": event["validation_loss"]}
        message = f"Step {event['step']}: validation loss={event['validation_loss']:.4f}"
        return frame | {"type": "metrics", "data": data, "message": message}
    if "samples" in event:
        told = "; ".join(f"{each['prompt']} -> {each['answer']}" for each in event["samples"])
        data = {"step": event["step"], "samples": event["samples"]}
        return frame | {"data": data, "message": f"Step {event['step']}: sample answers: {told}"}
    if "state" in event:
        return frame | {
            "message": f"The job is {event['state']}" + (f": {event['error']}" if event.get("error") else "")
        }
    plain = {name: value for name, value in event.items() if name != "time"}
    return frame | {"message": json.dumps(plain, ensure_ascii=False)}


def checkpoint_objects(job: JobFolder) -> list[dict[str, Any]]:
    """Return the finished adapter as the one checkpoint that answers; nothing before it has finished."""
    record = job.read()
    if record.state != "succeeded":
        return []
    steps = int(record.result["steps"])
    return [
        {
            "id": f"ftckpt-{job.id}-{steps}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": int(record.ended),
            "fine_tuned_model_checkpoint": record.result.get("adapter", record.name),
            "fine_tuning_job_id": job.id,
            "step_number": steps,
            "metrics": {
                "step": steps,
                "train_loss": record.result.get("final_loss"),
                "valid_loss": record.result.get("validation_loss"),
            },
        }
    ]
