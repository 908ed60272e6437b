"""The kind of job that measures a knowledge base with questions whose answers are known."""

from __future__ import annotations

from backend.jobs.events import Stage
from backend.jobs.kinds import Arguments, JobKind, JobParts, Outcome, Steps
from backend.jobs.types import Job


class EvaluationArguments(Arguments):
    """The hash under which the questions are kept, and the name of the file they came in."""

    questions: str
    file: str = ""


def _evaluate(parts: JobParts, job: Job, given: EvaluationArguments) -> Steps:
    from backend.evaluation.measurement import measure_base
    from backend.evaluation.questions import kept

    assert job.knowledge_base_id is not None, "an evaluation is always about a knowledge base"
    with parts.database.read() as connection:
        questions = kept(connection, job.scope, given.questions)
    for measured in measure_base(parts.database, parts.runner, job.scope, job.knowledge_base_id, questions):
        yield Stage(name="questions", done=measured.done, total=measured.total)
        if measured.report is not None:
            yield Outcome(result={**measured.report, "file": given.file})


EVALUATE = JobKind(name="evaluate", arguments=EvaluationArguments, run=_evaluate)
"""The report is the job's result."""
