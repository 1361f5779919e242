"""What tf2onnx lacks to convert the networks and likelihoods of this package."""

import functools

import numpy as np

from vae_keras.errors import UserError
from vae_keras.startup import log_level_restored


@functools.cache
def register():
    """Teach tf2onnx two operators that ONNX does not have, so that such a file would not load.

    GELU is made of Erfc, the complement of the error function; the mean of the continuous Bernoulli
    of Expm1, exp(x) − 1. Raises UserError if tf2onnx is not installed.
    """
    try:
        with log_level_restored():  # tf2onnx sets it
            from tf2onnx.handler import tf_op
            from tf2onnx.utils import map_onnx_to_numpy_type
    except ImportError as error:
        raise UserError(
            f"format onnx needs tf2onnx ({error}): pip install tf2onnx onnx onnxruntime"
        ) from error

    def graph_in_place_of(ctx, node):
        """The input of `node`, which is removed, a maker of nodes, and one of numbers."""
        (x,), outputs, name = node.input, node.output, node.name
        dtype, shape = ctx.get_dtype(x), ctx.get_shape(outputs[0])
        ctx.remove_node(name)

        def make(kind, *inputs, is_last=False):
            last = {"outputs": outputs} if is_last else {}
            made = ctx.make_node(kind, list(inputs), dtypes=[dtype], shapes=[shape], **last)
            return made.output[0]

        def number(value):
            array = np.array(value, map_onnx_to_numpy_type(dtype))
            return ctx.make_const(f"{name}_{value}", array).output[0]

        return x, make, number

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **kwargs):  # from opset 9 on there is Erf
            x, make, number = graph_in_place_of(ctx, node)
            make("Sub", number(1.0), make("Erf", x), is_last=True)

    @tf_op("Expm1")
    class Expm1:
        @classmethod
        def version_7(cls, ctx, node, **kwargs):
            # tanh(x/2) · (exp(x) + 1), which is exact near 0, too
            x, make, number = graph_in_place_of(ctx, node)
            half = make("Tanh", make("Mul", x, number(0.5)))
            make("Mul", half, make("Add", make("Exp", x), number(1.0)), is_last=True)
