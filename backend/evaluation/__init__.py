"""How well a knowledge base answers: questions with known answers, asked through the pipeline that answers users."""
