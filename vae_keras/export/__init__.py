"""Models for those who have TensorFlow alone: written as SavedModels, and loaded again."""


def load_exported(path):
    """The exported model in the folder `path`, or of that name.

    Raises UserError if there is none, or it cannot be read.
    """
    from vae_keras.export.exported_model import ExportedModel  # TensorFlow: when there is one
    from vae_keras.export.places import find_exported

    return ExportedModel(find_exported(str(path)))
