"""Torch modules of the learned methods: beliefs, critics, mixers, controllers. Needs the extra `local`.

Every module imports torch at its top, so nothing that `import equipoise` loads may import this room.
"""
