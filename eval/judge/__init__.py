"""A judge model behind any OpenAI-compatible server: what it is asked, how replies are read, and its audit.

Nothing a judge says or fails to say turns into a score that is not one: a reply that cannot be read
is unscored with its cause, and every figure stands beside how far the judge can be trusted.
"""
