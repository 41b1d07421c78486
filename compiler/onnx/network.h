// A network as nodes of ONNX: from what it reads of rows to its scores.
#pragma once
#include "compiler/ir/common/types.h"
#include "compiler/onnx/graph.h"

namespace mlp::onnx {

// What training found of a weight, or a state followed.
struct Learned {
  Shape shape;
  const float* values = nullptr;
};

// Adds the inputs of the network and the nodes of its score, as scoring computes it: no chance, means as they were followed. Inputs, N rows:
//   numbers          float [N, k]  the features that are numbers, in the order of Tensor::features; where there are any
//   code.NAME        int64 [N]     of a category: its code, -1 for one that is missing or unseen
//   bag.NAME.terms   int64 [M]     of a bag: the terms of all rows one after the other,
//   bag.NAME.values  float [M]     what each counts, and
//   bag.NAME.offsets int64 [N]     where each row begins among them
// Gives the score, float [N, outputs]; outputs is 1 for a score without an axis. With bf16 what is multiplied is cast to BFLOAT16 and back.
Name write_network(Graph& graph, const ir::Network& network, const std::vector<ir::Feature>& features, const std::vector<Learned>& weights, const std::vector<Learned>& states,
                   Precision precision = Precision::float32);

// A builtin function of floats and bools, element by element (elements.cpp). Arguments that are bools are BOOL in logic, else FLOAT.
Name write_element(Graph& graph, const std::string& callee, const std::vector<Name>& args);

}  // namespace mlp::onnx
