"""GitHub and GitLab, as far as a pull request, a job and an issue of theirs need us."""
