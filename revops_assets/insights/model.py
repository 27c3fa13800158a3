"""Asking a language model behind an OpenAI-compatible endpoint for a rep's insight, and checking what it says."""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from revops_assets.insights.insight import Insight
from revops_assets.settings import Settings

INSTRUCTIONS = (
    "You coach a sales rep. Answer with one JSON object of this JSON schema and nothing else: {schema}\n"
    "Cite only figures that stand in the rep's data, written as they stand there. At most three entries per list.\n"
    "The rep's data: {inputs}"
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
ATTEMPTS = 2


@dataclass(frozen=True)
class Answer:
    """What came of asking: an insight, or why there is none."""

    prompt: str
    insight: Insight | None
    fallback_reason: str | None

    @property
    def prompt_sha256(self) -> str:
        """Hash of the prompt."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()


def ask_about(settings: Settings, reps: list[dict[str, Any]]) -> list[Answer]:
    """One answer for each rep's inputs, in order; several are asked for at once. Never raises for a model's failure."""
    with (
        httpx.Client(timeout=settings.model_timeout_seconds) as client,
        ThreadPoolExecutor(max_workers=settings.model_concurrency) as pool,
    ):
        return list(pool.map(lambda inputs: _ask(settings, client, inputs), reps))


def _ask(settings: Settings, client: httpx.Client, inputs: dict[str, Any]) -> Answer:
    data = json.dumps(inputs, ensure_ascii=False, sort_keys=True)
    prompt = INSTRUCTIONS.format(schema=json.dumps(Insight.model_json_schema()), inputs=data)
    messages = [{"role": "user", "content": prompt}]
    reason = ""
    for _ in range(ATTEMPTS):
        text = ""
        try:
            text = _complete(settings, client, messages)
            insight = Insight.model_validate_json(_json_part(text))
            made_up = foreign_figures(insight, data)
            if not made_up:
                return Answer(prompt, insight, None)
            reason = f"cites figures that the rep's rows do not hold: {', '.join(made_up[:5])}"
        except httpx.TimeoutException:
            reason = f"no answer within {settings.model_timeout_seconds:g} s"
        except httpx.HTTPStatusError as error:
            reason = f"the endpoint answered {error.response.status_code}"
        except httpx.HTTPError as error:
            reason = f"the endpoint could not be reached: {type(error).__name__}"
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"does not fit the contract: {'.'.join(map(str, first['loc'])) or 'answer'}: {first['msg']}"
        except (KeyError, IndexError, TypeError, ValueError) as error:
            reason = f"not an answer of the agreed form: {type(error).__name__}"
        if text:
            messages = [
                *messages[:1],
                {"role": "assistant", "content": text},
                {"role": "user", "content": f"That {reason}."},
            ]
    return Answer(prompt, None, reason)


def _complete(settings: Settings, client: httpx.Client, messages: list[dict[str, str]]) -> str:
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
    response = client.post(
        f"{str(settings.model_base_url).rstrip('/')}/chat/completions",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        json={
            "model": settings.model_name,
            "messages": messages,
            "temperature": 0,
            "response_format": {"type": "json_object"},
        },
    )
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"])


def _json_part(text: str) -> str:
    """The object in an answer that wraps it into a code block or words."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def foreign_figures(insight: Insight, data: str) -> list[str]:
    """Figures of the text that the rep's data, as JSON, does not hold."""
    allowed = {_plain(found) for found in NUMBER.findall(data)}
    cited = NUMBER.findall(" ".join(_strings(insight.model_dump(mode="json"))))
    return [found for found in dict.fromkeys(cited) if _plain(found) not in allowed]


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, float):
        return [f"{value:.2f}"]
    if value is None:
        return []
    parts = value.values() if isinstance(value, dict) else value
    return [text for part in parts for text in _strings(part)]


def _plain(number: str) -> str:
    """A number without thousands' separators and trailing zeros."""
    plain = number.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
