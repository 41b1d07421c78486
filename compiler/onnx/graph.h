// A graph of ONNX while it is written: inputs, constants, nodes in the order in which they are computed, outputs.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/onnx/message.h"

namespace mlp::onnx {

using Name = std::string;                            // of a value
using Shape = std::vector<std::int64_t>;

enum class Element { float32 = 1, int64 = 7, boolean = 9, float64 = 11, bfloat16 = 16 };  // TensorProto.DataType

struct Attribute {
  std::string name;
  std::variant<std::int64_t, Shape, std::string> value;
};

struct Axis {
  std::int64_t size = 0;
  std::string name;                                  // of one whose size a call says
};

class Graph {
 public:
  void input(const Name& name, Element element, const std::vector<Axis>& shape);
  void output(const Name& name, const Name& value, Element element, const std::vector<Axis>& shape);
  void metadata(std::string key, std::string value) { metadata_.emplace_back(std::move(key), std::move(value)); }

  // A constant under a name of its own; no copy is kept.
  void constant(const Name& name, const Shape& shape, const float* values);
  // Constants, each written once.
  Name floats(const Shape& shape, const std::vector<float>& values);
  Name doubles(const Shape& shape, const std::vector<double>& values);
  Name integers(const Shape& shape, const std::vector<std::int64_t>& values);
  Name list(const Shape& values) { return integers({static_cast<std::int64_t>(values.size())}, values); }
  Name number(float value) { return floats({}, {value}); }

  // The value of a node of one output; the same node is written once.
  Name node(std::string_view operation, const std::vector<Name>& inputs, const std::vector<Attribute>& attributes = {});
  Name cast(const Name& value, Element to) { return node("Cast", {value}, {{"to", static_cast<std::int64_t>(to)}}); }
  // The sizes of the first axis of a value, as a list of one.
  Name rows_of(const Name& value) { return node("Shape", {value}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}}); }

  std::string file(const std::string& name) const;   // the model

 private:
  Name shared(Element element, const Shape& shape, std::string_view bytes);
  static Message node_of(std::string_view operation, const std::vector<Name>& inputs, const std::vector<Attribute>& attributes);  // without its name
  void write_node(Message node, const Name& output);
  Message inputs_, outputs_, constants_, nodes_;     // fields of GraphProto
  std::map<std::string, Name> written_;              // constants and nodes by their content
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::int64_t count_ = 0;
};

}  // namespace mlp::onnx
