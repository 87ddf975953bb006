"""The PostgreSQL that is published to: the configured one, else the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager

from learning_pipeline.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Give a libpq URL of the configured or the embedded server, which is up while inside.

    The URL can hold a password: it belongs into no log, message or command line.

    Raises:
        UsageError: the configured URL is not one.
        TransientError: the configured server cannot be reached.
        PipelineError: the embedded server cannot be created or started.
    """
    if settings.postgres_url is not None:
        from learning_pipeline.publish.connect import connect

        url = settings.postgres_url.get_secret_value()
        connect(url).close()
        yield url
    else:
        from learning_pipeline.publish.embedded import Embedded

        embedded = Embedded(settings.postgres_dir)
        with embedded.used():
            yield embedded.url()


def stop(settings: Settings) -> bool:
    """Stop the embedded server, also one that killed processes left behind; return whether one was running."""
    from learning_pipeline.publish.embedded import Embedded

    return Embedded(settings.postgres_dir).stop()


def running(settings: Settings) -> bool:
    """Say whether the server that would be published to is up. Starts nothing."""
    if settings.postgres_url is not None:
        from learning_pipeline.errors import TransientError
        from learning_pipeline.publish.connect import connect

        try:
            connect(settings.postgres_url.get_secret_value()).close()
        except TransientError:
            return False
        return True
    from learning_pipeline.publish.embedded import Embedded

    return Embedded(settings.postgres_dir).running()
