"""What there is to ask: questions to begin with and to go on with, made of the headings of documents."""

from knowledge.suggesting.following import following_questions
from knowledge.suggesting.starting import starting_questions
from knowledge.suggesting.types import CitedPlace, Suggestion

__all__ = ["CitedPlace", "Suggestion", "following_questions", "starting_questions"]
