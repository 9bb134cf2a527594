"""The page at `/`: the workspace as a person sees it, current, readable, and only to look at.

    values.py    what it shows, as plain values
    rates.py     requests and their failures, of the last minutes
    workspace.py the world read into those values
    events.py    the audit log and the status changes, as sentences
    history.py   the status changes and ends of promotions that the world does not keep
    pages.py     HTTP: who may see it, its headers, its files; values into HTML

jinja2 writes the HTML because it escapes whatever it is given: names, labels and messages come
from anybody who can push. It is imported with the first page that somebody opens.
"""
