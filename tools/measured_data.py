"""How commands of pages name the data that their figures were measured on: ``mini`` is a Bash array of options."""

from __future__ import annotations

_FILES = "$QATK_SHARED/squad2-mini"
SET_MINI = (
    f'mini=(--set "data.train={{use: squad, path: {_FILES}/train.json.gz}}" '
    f'--set "data.dev={{use: squad, path: {_FILES}/dev.json.gz}}")'
)
MINI = '"${mini[@]}"'
