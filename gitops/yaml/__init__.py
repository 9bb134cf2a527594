"""YAML in, with positions: text to plain values, every problem located, hostile files refused.

``document`` reads release files as YAML 1.2 (core schema, JSON's types only); ``truss_config``
reads a truss's config.yaml as the truss library does (YAML 1.1). Nothing here opens a file.
"""
