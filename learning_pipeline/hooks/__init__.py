"""Git hooks that write down what git did, and their installer."""

from learning_pipeline.hooks.install import HookStatus, install, spool_dir, status, uninstall

__all__ = ["HookStatus", "install", "spool_dir", "status", "uninstall"]
