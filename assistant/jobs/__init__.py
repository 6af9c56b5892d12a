"""Long work that outlives the page and the server: one folder and one detached process a job.

``record`` is what a job is and how it stands, read from disk by anyone; ``worker`` is the process
that carries it out, one at a time on a device; ``launch`` starts such a process.
"""
