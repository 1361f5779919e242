"""The command explore: a page on the latent space of an exported model."""

import click


@click.command(name="explore")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="port; default: a free one")
@click.option("--data-dir", help="folder with the model's data set, for example images")
@click.option(
    "--browser/--no-browser", default=True, help="open the page, or only print its address"
)
def explore_command(model, **options):
    """Explore the latent space of MODEL, an export or its name, in the browser."""
    from vae_keras.explore import serve  # NiceGUI is an extra, and slow to import

    serve(model, **options)


COMMANDS = (explore_command,)
