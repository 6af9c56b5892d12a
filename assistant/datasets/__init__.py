"""Instruction datasets: read and convert every common format, clean, version, split and share them.

A row is a plain JSON object in the project's own form (:mod:`assistant.datasets.rows`). Row formats
and file containers are tables of ``name -> "module:attribute"``; a new one is a file and a line.
Everything streams: a file is never held whole.
"""

FORMATS = {
    "joyul": "assistant.datasets.formats.joyul:FORMAT",
    "alpaca": "assistant.datasets.formats.alpaca:FORMAT",
    "sharegpt": "assistant.datasets.formats.sharegpt:FORMAT",
    "openai": "assistant.datasets.formats.openai_chat:FORMAT",
    "prompt-completion": "assistant.datasets.formats.prompt_completion:FORMAT",
    "preference": "assistant.datasets.formats.preference:FORMAT",
    "unpaired": "assistant.datasets.formats.unpaired:FORMAT",
    "faq": "assistant.datasets.formats.faq:FORMAT",
    "chatgpt": "assistant.datasets.formats.chatgpt:FORMAT",
}

READERS = {
    "jsonl": "assistant.datasets.readers.json_rows:read_lines",
    "json": "assistant.datasets.readers.json_rows:read_array",
    "csv": "assistant.datasets.readers.tables:read_csv",
    "tsv": "assistant.datasets.readers.tables:read_tsv",
    "xlsx": "assistant.datasets.readers.spreadsheet:read_xlsx",
    "parquet": "assistant.datasets.readers.parquet:read_parquet",
    "markdown": "assistant.datasets.readers.faq_pages:read_markdown",
    "html": "assistant.datasets.readers.faq_pages:read_html",
}

WRITERS = {
    "jsonl": "assistant.datasets.writers:write_jsonl",
    "json": "assistant.datasets.writers:write_json",
    "csv": "assistant.datasets.writers:write_csv",
    "tsv": "assistant.datasets.writers:write_tsv",
    "xlsx": "assistant.datasets.writers:write_xlsx",
    "parquet": "assistant.datasets.writers:write_parquet",
}
