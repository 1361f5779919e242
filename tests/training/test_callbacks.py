"""What a run watches while it trains."""

from vae_keras import VAE
from vae_keras.data.images.archives import digits
from vae_keras.training.callbacks import CollapseWarning

SHAPE = (8, 8, 1)


def warning(model, capsys, epochs=1):
    callback = CollapseWarning(digits().validation)
    callback.set_model(model)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    return capsys.readouterr().out.strip().splitlines()


def with_dead_dimensions(dead, latent_dim=3):
    """A model whose posterior is the prior in its first `dead` dimensions."""
    model = VAE(SHAPE, latent_dim=latent_dim)
    for head, value in (("z_mean", 0.0), ("z_log_var", 0.0)):
        layer = model.encoder.get_layer(head)
        kernel, bias = (weight.numpy() for weight in layer.weights)
        kernel[:, :dead] = value
        bias[:] = 1.0
        bias[:dead] = value
        layer.set_weights([kernel, bias])
    return model


def test_unused_dimensions_are_told_once_in_one_line(capsys):
    lines = warning(with_dead_dimensions(2), capsys, epochs=3)
    assert len(lines) == 1
    assert lines[0].startswith("epoch 1: 2 of 3 code dimensions are unused")
    assert "--free-bits" in lines[0]


def test_whole_collapse_is_called_one(capsys):
    (line,) = warning(with_dead_dimensions(3), capsys)
    assert "the code has collapsed" in line


def test_a_code_in_use_gives_no_warning(capsys):
    assert warning(with_dead_dimensions(0), capsys) == []


def test_dimensions_that_come_into_use_give_no_advice(capsys):
    callback = CollapseWarning(digits().validation)
    callback.set_model(with_dead_dimensions(2))
    callback.on_epoch_end(0)
    callback.set_model(with_dead_dimensions(0))
    callback.on_epoch_end(1)
    callback.on_train_end()
    *_, line = capsys.readouterr().out.strip().splitlines()
    assert line == "epoch 2: all 3 code dimensions are used now"
