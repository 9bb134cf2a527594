"""Identity of an artifact: what would be uploaded for a truss, named by Git's own object ids.

walk        the files below the truss: ignored ones out, links followed to their content
externals   external_package_dirs put in their place
inputs      what the files cannot pin, and which secrets they ask for
digest      the canonical form and its hash
build       all of it, from tree entries to an ``Artifact``
"""
