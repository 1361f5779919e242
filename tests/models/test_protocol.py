from vae_keras import Autoencoder, load_exported
from vae_keras.models.protocol import LatentModel, VariationalModel


def test_live_and_exported_models_are_what_the_latent_tools_need(digits_run):
    exported = load_exported(digits_run.folder.exported)
    for model in (digits_run.model, exported):
        assert isinstance(model, VariationalModel)
    plain = Autoencoder((4, 4, 1))
    assert isinstance(plain, LatentModel) and not isinstance(plain, VariationalModel)
    assert not isinstance(object(), LatentModel)
