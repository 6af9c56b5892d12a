"""One port: the page, an OpenAI-compatible API over the variants, and the door for other commands."""
