"""Change the number types inside an ONNX file."""

_FLOAT, _FLOAT16 = 1, 10  # onnx.TensorProto


def with_f32_io(content: bytes) -> bytes:
    """Return an fp16 network that takes and gives float32; what is between stays fp16.

    The plugins exchange 32-bit float frames with a network.
    """
    import onnx
    from onnx import helper

    model = onnx.load_from_string(content)
    graph = model.graph
    source, result = graph.input[0], graph.output[0]
    inner_in, inner_out = f"{source.name}_f16", f"{result.name}_f16"
    for node in graph.node:
        node.input[:] = [
            inner_in if name == source.name else inner_out if name == result.name else name for name in node.input
        ]
        node.output[:] = [inner_out if name == result.name else name for name in node.output]
    graph.node.insert(0, helper.make_node("Cast", [source.name], [inner_in], to=_FLOAT16))
    graph.node.append(helper.make_node("Cast", [inner_out], [result.name], to=_FLOAT))
    source.type.tensor_type.elem_type = _FLOAT
    result.type.tensor_type.elem_type = _FLOAT
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
