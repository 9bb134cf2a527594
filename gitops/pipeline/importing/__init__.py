"""`gitops import`: from what Baseten serves to release files, pins proved by the deployed bytes."""
