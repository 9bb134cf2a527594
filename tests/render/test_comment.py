"""Several texts in one comment, whatever their lengths."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from gitops.plan.release_diff import EnvironmentDiff, ModelDiff, ReleaseDiff
from gitops.plan.release_fields import FieldDiff
from gitops.render.comment import joined
from gitops.render.plan_markdown import LIMIT, SHARED, render
from gitops.render.release_diff import counts, markdown
from tests.render.test_plan_markdown import many


def diff(number: int) -> ReleaseDiff:
    """Models whose every entry ends with a fenced block."""
    fields = tuple(FieldDiff(path=f"env.{each}", before=None, after="```") for each in range(9))
    changed = EnvironmentDiff(environment="production", kind="changed", fields=fields)
    return ReleaseDiff(
        base="a" * 40,
        head="b" * 40,
        managed=number,
        models=tuple(
            ModelDiff(
                model=f"model-{each:05}",
                release_file=f"releases/{each}.yaml",
                kind="changed",
                environments=(changed,),
            )
            for each in range(number)
        ),
    )


@pytest.mark.parametrize("number", [1, 24, 30, 36, 50, 100, 2000])
def test_the_diff_below_a_large_plan_says_at_least_what_it_counts(number: int) -> None:
    found = diff(number)
    text = joined(render(many(number), SHARED), markdown(found), head="c" * 40, merge="b" * 40)
    assert len(text) < LIMIT
    assert "For commit cccccccccccc of this branch" in text
    assert f"**{counts(found)}**" in text
    assert (markdown(found).partition("\n")[2].strip() in text) != ("long for a comment" in text)
    kinds = [each.type for each in MarkdownIt("commonmark", {"html": True}).parse(text)]
    assert kinds[-1] in {"html_block", "paragraph_close"}
    assert text.count("<details>") == text.count("</details>")


def test_as_many_entries_are_shown_as_fit() -> None:
    found = diff(100)
    text = joined(f"<!-- gitops plan -->\n\n{'x' * (LIMIT - 9_000)}", markdown(found))
    assert len(text) < LIMIT
    assert "- model-00000/production changes in 9 fields." in text
    assert "- model-00099/production" not in text
    assert "The rest is too long for a comment" in text
    assert f"**{counts(found)}**" in text
