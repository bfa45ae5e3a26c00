"""How answers of a language are brought into the form in which they are compared."""

from qatk.languages.english import normalise_answer, normalise_answers
from qatk.languages.normalisation import DEFAULT, ENGLISH, Normalisation, Normalise

__all__ = ["DEFAULT", "ENGLISH", "Normalisation", "Normalise", "normalise_answer", "normalise_answers"]
