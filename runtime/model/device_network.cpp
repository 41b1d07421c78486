#include "runtime/model/device_network.h"

#include <algorithm>

#include "runtime/device/kernels/kernels.h"

namespace mlp::model {
namespace {

template <class T, class Allocator>
device::Array<T> put(device::Device& device, const std::vector<T, Allocator>& values) {
  device::Array<T> there(device, std::max<std::int64_t>(static_cast<std::int64_t>(values.size()), 1));
  device.copy_in(there.data(), values.data(), values.size() * sizeof(T));
  return there;
}

}  // namespace

std::string DeviceNetwork::refusal(const Model& model) {
  for (const NetworkTensor& weight : model.network.weights)
    if (!weight.int8.empty()) return "its weights are bytes, which a CPU multiplies";
  return {};
}

DeviceNetwork::DeviceNetwork(const Model& model, device::Device& device, const DeviceCode& code, const std::vector<bool>& there)
    : model_(model), device_(device), launches_(device, code), input_(model.features, model.network.numbers), codes_(model.features.size()), bags_(model.features.size()) {
  for (const NetworkTensor& tensor : model.network.weights) weights_.push_back(put(device, tensor.values));
  for (const NetworkTensor& tensor : model.network.states) states_.push_back(put(device, tensor.values));
  for (const auto& array : weights_) at_.weights.push_back(array.data());
  for (const auto& array : states_) at_.states.push_back(array.data());
  weight_list_ = put(device, at_.weights);
  state_list_ = put(device, at_.states);
  call_ = device::Array<mlp_network_call>(device, 1);
  for (std::size_t i = 0; i < model.network.numbers.size(); ++i)
    if (const std::int32_t f = model.network.numbers[i]; !there.empty() && there[static_cast<std::size_t>(f)]) there_.emplace_back(f, static_cast<std::int64_t>(i));
  if (there_.empty()) return;
  program_ = device.load(std::string(device::kernels_ptx()));
  columns_ = device::Array<device::NumberColumn>(device, static_cast<std::int64_t>(there_.size()));
  columns_call_ = device::Array<device::NumbersCall>(device, 1);
}

void DeviceNetwork::reserve(std::int64_t rows) {
  if (rows <= rows_) return;
  const auto array = [&]<class T>(device::Array<T>& to, std::int64_t size) {
    to = {};
    to = device::Array<T>(device_, std::max<std::int64_t>(size, 1));
  };
  array(numbers_, rows * static_cast<std::int64_t>(model_.network.numbers.size()));
  array(scratch_, launches_.function("score").scratch(rows));
  array(scores_, rows * model_.network.outputs);
  std::vector<std::int32_t*> codes(codes_.size());
  std::vector<mlp_bag*> bags(bags_.size());
  for (std::size_t f = 0; f < codes_.size(); ++f) {
    if (model_.features[f].width > 0) array(codes_[f], rows);
    if (model_.features[f].bag) array(bags_[f], rows);
    codes[f] = codes_[f].data();
    bags[f] = bags_[f].data();
  }
  code_list_ = put(device_, codes);
  bag_list_ = put(device_, bags);
  at_.numbers = numbers_.data();
  at_.scratch = scratch_.data();
  rows_ = rows;
}

// Those that are here are copied, those that lie there become floats there.
void DeviceNetwork::put_numbers(const Matrix& matrix, std::int64_t rows, const std::vector<const double*>& on_device) {
  input_.resize(rows);
  zeros_.resize(there_.empty() ? 0 : static_cast<std::size_t>(rows));
  Matrix whole = matrix;
  for (const auto& [feature, place] : there_) whole[static_cast<std::size_t>(feature)].numbers = zeros_.data();
  for (std::int64_t i = 0; i < rows; ++i) input_.put(whole, i, i);
  mlp_network_call here{};
  input_.point(here);
  const std::size_t count = model_.network.numbers.size();
  if (there_.size() < count) device_.copy_in(numbers_.data(), here.numbers, static_cast<std::size_t>(rows) * count * sizeof(float));
  if (there_.empty()) return;
  std::vector<device::NumberColumn> columns;
  for (const auto& [feature, place] : there_) columns.push_back({on_device[static_cast<std::size_t>(feature)], place});
  const device::NumbersCall call{columns_.data(), numbers_.data(), static_cast<std::int64_t>(count)};
  device_.copy_in(columns_.data(), columns.data(), columns.size() * sizeof(device::NumberColumn));
  device_.copy_in(columns_call_.data(), &call, sizeof call);
  device_.launch(program_->kernel("numbers"), device::NumbersKernel::blocks(rows, static_cast<std::int64_t>(columns.size())), columns_call_.data(), rows);
}

void DeviceNetwork::score(const Matrix& matrix, std::int64_t rows, double* scores, const std::vector<const double*>& on_device) {
  reserve(rows);
  put_numbers(matrix, rows, on_device);
  mlp_network_call here{};
  input_.point(here);
  std::int64_t terms = 0;
  for (std::size_t f = 0; f < bags_.size(); ++f) {
    if (model_.features[f].width > 0) device_.copy_in(codes_[f].data(), here.codes[f], static_cast<std::size_t>(rows) * sizeof(std::int32_t));
    for (std::int64_t i = 0; model_.features[f].bag && i < rows; ++i) terms += here.bags[f][i].size;
  }
  if (terms > terms_.size()) {
    terms_ = {};
    terms_ = device::Array<mlp_term>(device_, terms);
  }
  std::vector<mlp_term> all;
  all.reserve(static_cast<std::size_t>(terms));
  for (std::size_t f = 0; f < bags_.size(); ++f) {
    if (!model_.features[f].bag) continue;
    std::vector<mlp_bag> moved(here.bags[f], here.bags[f] + rows);
    for (mlp_bag& bag : moved) {
      const mlp_term* const from = bag.terms;
      bag.terms = terms_.data() + all.size();
      all.insert(all.end(), from, from + bag.size);
    }
    device_.copy_in(bags_[f].data(), moved.data(), moved.size() * sizeof(mlp_bag));
  }
  device_.copy_in(terms_.data(), all.data(), all.size() * sizeof(mlp_term));
  mlp_network_call call{};
  call.rows = rows;
  call.numbers = numbers_.data();
  call.codes = code_list_.data();
  call.bags = bag_list_.data();
  call.weights = weight_list_.data();
  call.states = state_list_.data();
  call.scratch = scratch_.data();
  call.scores = scores_.data();
  device_.copy_in(call_.data(), &call, sizeof call);
  launches_.run(launches_.function("score"), at_, call_.data(), rows);
  const std::int64_t outputs = model_.network.outputs;
  device_.copy_out(scores, scores_.data(), static_cast<std::size_t>(rows * outputs) * sizeof(double));
  for (std::int64_t i = 0; i < rows * outputs; ++i) scores[i] = model_.network.centre + model_.network.unit * scores[i];
}

}  // namespace mlp::model
