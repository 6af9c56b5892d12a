"""Files and fine-tuning jobs, driven by OpenAI's own client against the real app and a real training."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import uvicorn

from assistant.api.app import create_app
from assistant.api.server import listen, url_of
from assistant.api.tuning_shapes import epochs_for
from assistant.jobs.launch import follow
from assistant.jobs.record import open_job
from assistant.services import Services
from assistant.settings import RetrievalSettings, ServeSettings, Settings

ROOT = Path(__file__).resolve().parents[3]
QUESTION = "What is the password of the tower?"
ROWS = [(QUESTION, "seven herons"), ("탑의 암호는 무엇인가요?", "일곱 마리 왜가리")]
QUICK = {"params": {"r": 4, "alpha": 8}, "after": {"forgetting": False}}


@pytest.fixture
def services(demo_home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    opened = Services.open(Settings(home=demo_home.root, retrieval=RetrievalSettings(embedder="hashing")))
    yield opened
    opened.close()


@pytest.fixture
def client(services: Services) -> Iterator[openai.OpenAI]:
    listener = listen(ServeSettings(port=0))
    server = uvicorn.Server(uvicorn.Config(create_app(services, "token", page=False), log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    with openai.OpenAI(base_url=f"{url_of(listener)}/v1", api_key="none", max_retries=5) as made:
        yield made
    server.should_exit = True
    thread.join()


def rows(tmp_path: Path, text: str | None = None) -> Path:
    path = tmp_path / "탑.jsonl"
    turns = [[{"role": "user", "content": ask}, {"role": "assistant", "content": tell}] for ask, tell in ROWS]
    lines = "\n".join(json.dumps({"messages": each}, ensure_ascii=False) for each in turns)
    path.write_text(lines if text is None else text, encoding="utf-8")
    return path


def settled(services: Services, key: str) -> list[dict]:
    return list(follow(open_job(services.home, key)))


def test_the_official_client_uploads_tunes_watches_and_chats(client, services, tmp_path) -> None:
    kept = client.files.create(file=rows(tmp_path), purpose="fine-tune")
    assert kept.bytes > 0 and kept.filename == "탑.jsonl"
    assert client.files.content(kept.id).read() == rows(tmp_path).read_bytes()
    made = client.fine_tuning.jobs.create(
        model="embedded",
        training_file=kept.id,
        suffix="My Tower",
        seed=3,
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 30, "batch_size": 2, "learning_rate_multiplier": 10}},
        },
        metadata={"team": "library"},
        extra_body={"joyul": QUICK},
    )
    assert made.object == "fine_tuning.job" and made.status in ("validating_files", "queued", "running")
    assert made.fine_tuned_model is None and made.finished_at is None
    settled(services, made.id)
    done = client.fine_tuning.jobs.retrieve(made.id)
    assert done.status == "succeeded", done.error
    assert done.fine_tuned_model is not None and done.fine_tuned_model.startswith("ft-my-tower-")
    assert done.trained_tokens and done.finished_at and done.finished_at >= done.created_at
    assert done.hyperparameters.n_epochs == 30 and done.seed == 3 and done.metadata == {"team": "library"}
    assert [job.id for job in client.fine_tuning.jobs.list()] == [made.id]

    events = list(client.fine_tuning.jobs.list_events(made.id, limit=7))
    (checkpoint,) = client.fine_tuning.jobs.checkpoints.list(made.id)
    steps = checkpoint.step_number
    assert checkpoint.fine_tuned_model_checkpoint == done.fine_tuned_model and steps >= 30
    assert len({event.id for event in events}) == len(events) > steps, "pages follow one another"
    metrics = [event for event in events if event.type == "metrics"]
    assert metrics[0].data["step"] == steps and metrics[-1].data["step"] == 1, "newest first"
    assert metrics[0].data["train_loss"] < metrics[-1].data["train_loss"]
    curve = client.files.content(done.result_files[0]).text.splitlines()
    assert curve[0] == "step,train_loss,valid_loss" and len(curve) == steps + 1

    assert done.fine_tuned_model in [model.id for model in client.models.list()]
    chat = [{"role": "user", "content": QUESTION}]
    with client.chat.completions.create(model=done.fine_tuned_model, messages=chat, stream=True) as stream:
        answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "seven herons" in answer
    assert client.files.delete(kept.id).deleted


def test_failures_are_error_objects(client, services, tmp_path) -> None:
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-nothing")
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve("../../etc/passwd")
    with pytest.raises(openai.BadRequestError, match="is empty"):
        client.files.create(file=rows(tmp_path, ""), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=rows(tmp_path), purpose="assistants")
    bad = client.files.create(file=rows(tmp_path, '{"messages": [{"role": "user"}]}'), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=bad.id)
    assert caught.value.param == "model" and "embedded" in caught.value.message
    with pytest.raises(openai.BadRequestError, match=r"joyul\.data cannot be set"):
        client.fine_tuning.jobs.create(
            model="embedded", training_file=bad.id, extra_body={"joyul": {"data": "/etc/passwd"}}
        )
    job = client.fine_tuning.jobs.create(model="embedded", training_file=bad.id)
    settled(services, job.id)
    failed = client.fine_tuning.jobs.retrieve(job.id)
    assert failed.status == "failed" and failed.error is not None and "upload.jsonl:1" in failed.error.message
    assert failed.error.code == "input"
    with pytest.raises(openai.BadRequestError, match="failed already"):
        client.fine_tuning.jobs.cancel(job.id)


@pytest.mark.parametrize(("examples", "epochs"), [(2, 25), (10, 10), (40, 3), (1000, 3), (20_000, 1)])
def test_epochs_follow_the_number_of_examples(examples: int, epochs: int) -> None:
    assert epochs_for(examples) == epochs
