"""The ladder: one class for each rung, one name in one registry."""

from vae_keras.errors import unknown
from vae_keras.models.autoencoder import Autoencoder
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.contractive import ContractiveAutoencoder
from vae_keras.models.denoising import DenoisingAutoencoder
from vae_keras.models.linear import LinearAutoencoder
from vae_keras.models.sequence import SequenceVAE
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.models.vae import VAE

MODELS = {
    "linear": LinearAutoencoder,
    "deep": Autoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "vae": VAE,
    "conditional": ConditionalVAE,
    "sequence": SequenceVAE,
}


def model_class(name: str) -> type[Autoencoder]:
    """The class of the rung called `name`. Raises UserError for an unknown one."""
    if not isinstance(name, str) or name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]
