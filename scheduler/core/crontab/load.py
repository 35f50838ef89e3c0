"""The interface of the crontab package, for all higher layers.

``parse`` reads a text, ``lint`` adds the warnings that need a calendar, ``worst_case`` sums up what the
jobs may cost.
"""

from __future__ import annotations

from scheduler.core.crontab.cost import WorstCase as WorstCase
from scheduler.core.crontab.cost import worst_case as worst_case
from scheduler.core.crontab.grammar import parse as parse
from scheduler.core.crontab.lint import all_problems as all_problems
from scheduler.core.crontab.lint import lint as lint
from scheduler.core.crontab.look import Look as Look
from scheduler.core.crontab.problem import ERRORS as ERRORS
from scheduler.core.crontab.problem import WARNINGS as WARNINGS
from scheduler.core.crontab.problem import Problem as Problem
from scheduler.core.crontab.table import InvalidJob as InvalidJob
from scheduler.core.crontab.table import Table as Table
