"""Models for users who have only TensorFlow: written as SavedModels, and loaded again."""


def load_exported(path):
    """Load the exported model in the folder `path`, or the one of that name.

    Raises UserError if there is none, or if it cannot be read.
    """
    from vae_keras.export.exported_model import ExportedModel  # imports TensorFlow
    from vae_keras.export.places import find_exported

    return ExportedModel(find_exported(str(path)))
