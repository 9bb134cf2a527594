"""The language of release files: models with descriptions, rules between keys, defaults, schema.

language      a release file and gitops.yaml, whole; environment, checks, settings, scalars below it
defaults      how gitops.yaml and a release file become one
findings      what pydantic found, in our words
rules         what no value can say alone
support       valid keys that cannot be carried out yet
schema        the JSON Schemas that editors read
"""
