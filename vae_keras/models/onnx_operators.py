"""What tf2onnx lacks to convert the networks of this package."""

import functools

import numpy as np

from vae_keras.errors import UserError


@functools.cache
def register():
    """Teach tf2onnx the complement of the error function, of which GELU is made: 1 − erf(x).

    ONNX has the operator Erf alone, and a file with Erfc does not load. Raises UserError if tf2onnx
    is not installed.
    """
    try:
        from tf2onnx.handler import tf_op
        from tf2onnx.utils import map_onnx_to_numpy_type
    except ImportError as error:
        raise UserError(
            f'ONNX needs the extra onnx ({error}): pip install "vae_keras[onnx]"'
        ) from error

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **kwargs):  # from opset 9 on there is Erf
            (x,), outputs = node.input, node.output
            dtype = ctx.get_dtype(x)
            kind = dict(dtypes=[dtype], shapes=[ctx.get_shape(outputs[0])])
            one = ctx.make_const(f"{node.name}_one", np.ones((), map_onnx_to_numpy_type(dtype)))
            ctx.remove_node(node.name)
            erf = ctx.make_node("Erf", [x], **kind)
            ctx.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, **kind)
