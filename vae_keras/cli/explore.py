"""explore: a page to look around in the latent space of an exported model."""

import click


@click.command(name="explore")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="default: a free one")
@click.option("--data-dir", help="folder with the model's data set, for examples")
@click.option("--browser/--no-browser", default=True, help="open it; else only print the address")
def explore_command(model, **options):
    """Look around in the latent space of MODEL, an export or its name, in the browser."""
    from vae_keras.explore import serve  # NiceGUI is an extra, and slow to import

    serve(model, **options)


COMMANDS = (explore_command,)
