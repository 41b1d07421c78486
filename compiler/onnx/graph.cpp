#include "compiler/onnx/graph.h"

#include "base/version.h"

namespace mlp::onnx {
namespace {

// Field numbers of onnx.proto (github.com/onnx/onnx).
namespace model_proto { constexpr std::uint32_t ir_version = 1, producer_name = 2, producer_version = 3, graph = 7, opset_import = 8, metadata_props = 14; }
namespace graph_proto { constexpr std::uint32_t node = 1, name = 2, initializer = 5, input = 11, output = 12; }
namespace node_proto { constexpr std::uint32_t input = 1, output = 2, name = 3, op_type = 4, attribute = 5; }
namespace attribute_proto { constexpr std::uint32_t name = 1, i = 3, s = 4, ints = 8, type = 20; }
namespace tensor_proto { constexpr std::uint32_t dims = 1, data_type = 2, name = 8, raw_data = 9; }
constexpr std::int64_t attribute_int = 2, attribute_string = 3, attribute_ints = 7;
constexpr std::int64_t ir_version = 8, opset = 17;

Message value_info(const Name& name, Element element, const std::vector<Axis>& shape) {
  Message dimensions, tensor, type, info;
  for (const Axis& axis : shape) {
    Message dimension;
    if (axis.name.empty()) dimension.integer(1, axis.size);
    else dimension.text(2, axis.name);
    dimensions.message(1, dimension);
  }
  tensor.integer(1, static_cast<std::int64_t>(element));
  tensor.message(2, dimensions);
  type.message(1, tensor);
  info.text(1, name);
  info.message(2, type);
  return info;
}

Message tensor_of(const Name& name, Element element, const Shape& shape, std::string_view bytes) {
  Message tensor;
  for (const std::int64_t size : shape) tensor.integer(tensor_proto::dims, size);
  tensor.integer(tensor_proto::data_type, static_cast<std::int64_t>(element));
  tensor.text(tensor_proto::name, name);
  tensor.text(tensor_proto::raw_data, bytes);
  return tensor;
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

void Graph::input(const Name& name, Element element, const std::vector<Axis>& shape) { inputs_.message(graph_proto::input, value_info(name, element, shape)); }

void Graph::output(const Name& name, const Name& value, Element element, const std::vector<Axis>& shape) {
  write_node(node_of("Identity", {value}, {}), name);
  outputs_.message(graph_proto::output, value_info(name, element, shape));
}

void Graph::constant(const Name& name, const Shape& shape, const float* values) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  constants_.message(graph_proto::initializer, tensor_of(name, Element::float32, shape, {reinterpret_cast<const char*>(values), count * sizeof(float)}));
}

Name Graph::shared(Element element, const Shape& shape, std::string_view bytes) {
  Name& name = written_[tensor_of({}, element, shape, bytes).bytes()];
  if (name.empty()) {
    name = "/constant_" + std::to_string(++count_);
    constants_.message(graph_proto::initializer, tensor_of(name, element, shape, bytes));
  }
  return name;
}
Name Graph::floats(const Shape& shape, const std::vector<float>& values) { return shared(Element::float32, shape, bytes_of(values)); }
Name Graph::doubles(const Shape& shape, const std::vector<double>& values) { return shared(Element::float64, shape, bytes_of(values)); }
Name Graph::integers(const Shape& shape, const std::vector<std::int64_t>& values) { return shared(Element::int64, shape, bytes_of(values)); }

Message Graph::node_of(std::string_view operation, const std::vector<Name>& inputs, const std::vector<Attribute>& attributes) {
  Message node;
  for (const Name& input : inputs) node.text(node_proto::input, input);
  node.text(node_proto::op_type, operation);
  for (const Attribute& a : attributes) {
    Message attribute;
    attribute.text(attribute_proto::name, a.name);
    if (const auto* number = std::get_if<std::int64_t>(&a.value)) {
      attribute.integer(attribute_proto::i, *number);
      attribute.integer(attribute_proto::type, attribute_int);
    } else if (const auto* text = std::get_if<std::string>(&a.value)) {
      attribute.text(attribute_proto::s, *text);
      attribute.integer(attribute_proto::type, attribute_string);
    } else {
      for (const std::int64_t number : std::get<Shape>(a.value)) attribute.integer(attribute_proto::ints, number);
      attribute.integer(attribute_proto::type, attribute_ints);
    }
    node.message(node_proto::attribute, attribute);
  }
  return node;
}

void Graph::write_node(Message node, const Name& output) {
  node.text(node_proto::output, output);
  node.text(node_proto::name, output);
  nodes_.message(graph_proto::node, node);
}

Name Graph::node(std::string_view operation, const std::vector<Name>& inputs, const std::vector<Attribute>& attributes) {
  const Message node = node_of(operation, inputs, attributes);
  Name& name = written_[node.bytes()];
  if (name.empty()) write_node(node, name = "/" + std::string(operation) + "_" + std::to_string(++count_));
  return name;
}

std::string Graph::file(const std::string& name) const {
  // Messages of fields join by standing one after the other.
  Message graph;
  graph.text(graph_proto::name, name);
  Message opset_id, model;
  opset_id.text(1, "");
  opset_id.integer(2, opset);
  model.integer(model_proto::ir_version, ir_version);
  model.text(model_proto::producer_name, "millrace");
  model.text(model_proto::producer_version, version);
  model.text(model_proto::graph, nodes_.bytes() + graph.bytes() + constants_.bytes() + inputs_.bytes() + outputs_.bytes());
  model.message(model_proto::opset_import, opset_id);
  for (const auto& [key, value] : metadata_) {
    Message entry;
    entry.text(1, key);
    entry.text(2, value);
    model.message(model_proto::metadata_props, entry);
  }
  return model.bytes();
}

}  // namespace mlp::onnx
