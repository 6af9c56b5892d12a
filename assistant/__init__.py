"""Joyul's assistant: chat, models, retrieval, variants, storage, services, pages.

Importing the package switches every dependency's telemetry off before that
dependency can be imported (promise P8: nothing leaves the machine unless the
operator named the destination).
"""

from assistant.privacy import silence

__version__ = "0.1.0"

silence()
