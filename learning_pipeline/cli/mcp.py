"""`mcp`: tools for agents, over standard input and output."""

from pathlib import Path

import click

from learning_pipeline.cli.options import home_option


@click.command()
@home_option
def mcp(home: Path | None) -> None:
    """Answer agents over the Model Context Protocol, on standard input and output. Read-only.

    \b
    In the configuration of an agent:
    {"mcpServers": {"learning-pipeline": {"command": "learning-pipeline", "args": ["mcp", "--home", "DIR"]}}}
    """
    from learning_pipeline.mcp.server import server
    from learning_pipeline.settings import load_settings

    server(load_settings(home)).run("stdio")
