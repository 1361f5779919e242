"""A rung that is added as CONTRIBUTING.md says needs no change elsewhere."""

import subprocess
import sys
import textwrap


def test_a_rung_is_one_class_one_dataclass_and_one_line(tmp_path):
    (tmp_path / "dropout.py").write_text(
        textwrap.dedent(
            """
            import sys
            from dataclasses import dataclass

            import vae_keras.models  # first: it quiets TensorFlow
            import keras
            from keras import layers

            from vae_keras.config.options import option
            from vae_keras.config.rungs import RUNGS, AutoencoderOptions, Rung
            from vae_keras.models.autoencoder import Autoencoder


            @dataclass(frozen=True, kw_only=True)
            class DropoutOptions(AutoencoderOptions):
                code_dropout: float = option(0.2, "share of the code", at_least=0, below=1)


            @keras.saving.register_keras_serializable("vae_keras")
            class DropoutAutoencoder(Autoencoder):
                Options = DropoutOptions

                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **kwargs)
                    self.dropout = layers.Dropout(self.options.code_dropout, seed=self.seed)

                def objective(self, batch, training):
                    code = self.dropout(self.code(batch), training=training)
                    return {"reconstruction_loss": self.reconstruction_loss(batch, code, training)}


            sys.modules["vae_keras.models.dropout"] = sys.modules[__name__]
            RUNGS["dropout"] = Rung(DropoutOptions, "dropout:DropoutAutoencoder")
            from vae_keras.cli import main

            main(["train", "--model", "dropout", "--code-dropout", "0.5", "--epochs", "1"])
            """
        )
    )
    command = [sys.executable, "dropout.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert "DropoutAutoencoder on digits" in run.stdout
    text = (tmp_path / "runs" / "digits_dropout" / "config.json").read_text()
    assert '"code_dropout": 0.5' in text
    assert (tmp_path / "saved_models" / "digits_dropout" / "saved_model.pb").is_file()
