"""The files that `gitops init` writes, as they are but for what stands between two @."""
