"""The command train, whose options are those of a run."""

import dataclasses

import click

from vae_keras.config import RUNGS, TrainConfig, rung_named
from vae_keras.config.options import flag, types_of


class TrainCommand(click.Command):
    """A command with the fields of TrainConfig as options, and those of the model of --model."""

    def parse_args(self, context, arguments):
        peek = click.Command("peek", params=[click.Option(["--model"])], add_help_option=False)
        peek.ignore_unknown_options = peek.allow_extra_args = True
        model = peek.make_context("peek", list(arguments), resilient_parsing=True).params["model"]
        self.params = [
            _as_option(field, cls)
            for cls in (TrainConfig, rung_named(model or TrainConfig.model).options)
            for field in dataclasses.fields(cls)
            if field.name != "options"
        ]
        try:
            return super().parse_args(context, arguments)
        except click.NoSuchOption as error:
            models = [name for name in RUNGS if error.option_name in _flags(RUNGS[name].options)]
            if not models:
                raise
            raise click.UsageError(
                f"{error.option_name} is an option of --model {' or '.join(models)}"
            ) from error


def _flags(cls: type) -> list[str]:
    return [flag(field.name) for field in dataclasses.fields(cls)]


def _as_option(field: dataclasses.Field, cls: type) -> click.Option:
    types = types_of(cls, field.name)
    if bool in types:
        return click.Option([flag(field.name)], is_flag=True, help=field.metadata["help"])
    # An option that takes a number or a word is a string here, which TrainConfig converts.
    return click.Option(
        [flag(field.name)],
        type=str if str in types else types[0],
        default=field.default,
        show_default=field.default is not None,
        help=field.metadata["help"],
    )


@click.command(cls=TrainCommand, name="train")
@click.pass_context
def train_command(context, **options):
    """Train a model, draw its figures, evaluate it and export it. No option is needed.

    Options without a default are chosen for the data set and the model, and shown at the start.
    Models differ in their options: --model NAME --help shows those of another model.
    """
    from vae_keras.training.run import train
    from vae_keras.training.run_folder import run_to_resume

    given = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    config = TrainConfig(**given)
    if config.resume:  # options that are not given keep their old values
        stored = run_to_resume(config).read_config().as_dict()
        places = {"data_dir": config.data_dir, "output_dir": config.output_dir}
        config = TrainConfig(**{**stored, **places, **given})
    train(config)


COMMANDS = (train_command,)
