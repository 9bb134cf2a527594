"""What is kept in Git: objects, archives, the deploy log; all through plain ``git`` commands."""
