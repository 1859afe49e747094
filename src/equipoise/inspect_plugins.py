"""What Inspect finds through the entry point group `inspect_ai`: our providers, tasks and solvers.

Imported by Inspect only, and by nothing in the package, so that nothing else pays for it.
"""

from __future__ import annotations

from equipoise.evaluation import solvers
from equipoise.models import embedded, replay
from equipoise.tasks import task

PROVIDERS = (embedded.EmbeddedAPI, replay.ReplayAPI)

for _name in task.available():
    task.load(_name)
solvers.register_all()
