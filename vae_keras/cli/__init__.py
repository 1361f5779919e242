"""The command line. Commands import what they need when they are called, so help comes at once.

Run it as `python train.py`, `python -m vae_keras COMMAND` or `vae-keras COMMAND`.
"""

import errno
import sys

import click

from vae_keras.cli import (
    evaluate,
    explore,
    export,
    generate,
    images,
    latent,
    streams,
    studies,
    train,
    uses,
)
from vae_keras.errors import UserError
from vae_keras.training.stopping import Stopped

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_SIGNAL = 128  # and the number of the signal
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands():
    """Train, evaluate and use variational autoencoders."""


for room in (train, evaluate, generate, export, images, uses, latent, studies, explore):
    for command in room.COMMANDS:
        commands.add_command(command)


def main(arguments=None):
    """Run a command. Bad input gives one line on standard error and exit status 2."""
    streams.prepare()
    try:
        sys.exit(commands.main(arguments, prog_name="vae-keras", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        _fail(error.format_message())
    except UserError as error:
        _fail(str(error))
    except OSError as error:  # such as a full disk, or a folder without write permission
        message = f"{error.filename or 'file system'}: {error.strerror or error}"
        if error.errno in FULL:
            message += "; make room for it (a training run goes on with --resume)"
        _fail(message)
    except (KeyboardInterrupt, click.Abort) as stop:  # click makes the first the second
        if isinstance(stop.__cause__, Stopped):
            sys.exit(EXIT_SIGNAL + stop.__cause__.signal)
        print("\nstopped (a training run goes on with --resume)", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _fail(message: str):
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)
