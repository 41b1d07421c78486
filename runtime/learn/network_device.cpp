#include "runtime/learn/network_device.h"

#include <algorithm>
#include <deque>

#include "base/diagnostic.h"
#include "stdlib/builtins/device_steps.h"

namespace mlp::learn {

using device::Array;
using device::Device;

class DeviceTraining::Memory {
 public:
  Memory(Device& device, const DeviceCode& code, const NetworkPlan& plan, const ModelSettings& settings, std::int64_t chance, const Rows& rows, const NetworkValues& start)
      : device_(device), launches_(device, code), batch_(std::min(settings.batch, static_cast<std::int64_t>(rows.target.size()))) {
    const auto count = static_cast<std::int64_t>(rows.target.size());
    mlp_network_call all{};                           // of all rows, on the host
    rows.input.point(all);
    const std::size_t features = rows.input.features();

    step_.order = order_ = room<std::int64_t>(count);
    step_.number_count = static_cast<std::int64_t>(plan.numbers.size());
    step_.numbers = put(all.numbers, count * step_.number_count);
    std::vector<std::int64_t> other;
    std::vector<const std::int32_t*> codes, codes_now;
    std::vector<const mlp_bag*> bags, bags_now;
    for (std::size_t f = 0; f < features; ++f) {
      codes.push_back(all.codes[f] ? put(all.codes[f], count) : nullptr);
      codes_now.push_back(all.codes[f] ? room<std::int32_t>(batch_) : nullptr);
      bags.push_back(all.bags[f] ? put_bags(all.bags[f], count) : nullptr);
      bags_now.push_back(all.bags[f] ? room<mlp_bag>(batch_) : nullptr);
      if (all.codes[f] || all.bags[f]) other.push_back(static_cast<std::int64_t>(f));
    }
    step_.others = static_cast<std::int64_t>(other.size());
    step_.other = put(other);
    step_.codes = put(codes);
    step_.bags = put(bags);
    step_.target = put(rows.target);
    step_.row_weight = put(rows.weight);
    step_.row_id = put(rows.row_id);

    // Gradients lie together, so that one launch clears or scales them all.
    std::int64_t floats = 0;
    for (const LargeVector<float>& weight : start.weights) floats += rounded(weight.size());
    step_.gradients = room<float>(floats);
    step_.floats = floats;
    float* gradient = step_.gradients;
    std::vector<mlp_update_call> updates;
    for (std::size_t w = 0; w < start.weights.size(); ++w) {
      const LargeVector<float>& weight = start.weights[w];
      at_.weights.push_back(put(weight));
      at_.gradients.push_back(gradient);
      gradient += rounded(weight.size());
      std::vector<float*> kept;
      for (const LargeVector<float>& k : start.kept[w]) kept.push_back(put(k));
      kept_.push_back(kept);
      updates.push_back({static_cast<std::int64_t>(weight.size()), at_.weights.back(), at_.gradients.back(), put(kept), 0, 0, plan.weights[w].decays ? 1.0 : 0.0});
    }
    step_.updates = updates_ = put(updates);
    step_.weights = static_cast<std::int64_t>(updates.size());
    std::vector<std::int64_t> sizes;
    std::vector<double> momentum;
    for (std::size_t k = 0; k < start.states.size(); ++k) {
      at_.states.push_back(put(start.states[k]));
      at_.means.push_back(room<float>(static_cast<std::int64_t>(start.states[k].size())));
      sizes.push_back(static_cast<std::int64_t>(start.states[k].size()));
      momentum.push_back(plan.states[k].momentum);
    }
    step_.states = put(at_.states);
    step_.state_sizes = put(sizes);
    step_.momentum = put(momentum);
    for (const auto& list : start.weights) weight_sizes_.push_back(static_cast<std::int64_t>(list.size()));
    state_sizes_ = sizes;
    step_.clip = settings.clip;
    step_.sums = room<double>(mlp_step_sums);
    step_.lost = put(std::vector<std::int64_t>(start.weights.size() + 1, 0));

    const LaunchList& train = launches_.function("train");
    at_.scratch = room<float>(train.scratch(batch_));
    at_.numbers = room<float>(batch_ * step_.number_count);
    mlp_network_call call{};
    call.rows = rows_ = batch_;
    call.numbers = at_.numbers;
    call.codes = put(codes_now);
    call.bags = put(bags_now);
    call.weights = put(at_.weights);
    call.gradients = put(at_.gradients);
    call.states = put(at_.states);
    call.means = put(at_.means);
    call.target = room<double>(batch_);
    call.row_weight = room<double>(batch_);
    call.row_id = room<std::int64_t>(batch_);
    call.seed = chance;
    call.scratch = at_.scratch;
    call.losses = room<double>(batch_);
    step_.call = call_ = put(&call, 1);
    there_ = put(&step_, 1);
    whole_ = device_.record([&] { launch(batch_); });
  }

  void begin_epoch(const std::vector<std::int64_t>& order) { device_.copy_in(order_, order.data(), order.size() * sizeof order[0]); }

  void batch(std::int64_t first, std::int64_t rows, std::int64_t step, double rate) {
    step_.first = first;
    step_.step = step;
    step_.rate = rate;
    device_.copy_in(&there_->first, &step_.first, offsetof(mlp_device_step, order) - offsetof(mlp_device_step, first));
    if (rows != rows_) {
      rows_ = rows;
      device_.copy_in(&call_->rows, &rows_, sizeof rows_);
    }
    if (rows == batch_) device_.run(*whole_);
    else launch(rows);
  }

  std::optional<Lost> lost() const {
    std::vector<std::int64_t> all(weight_sizes_.size() + 1);
    device_.copy_out(all.data(), step_.lost, all.size() * sizeof all[0]);
    if (all[0] == 0) return {};
    Lost out{all[0], {}};
    for (std::size_t w = 1; w < all.size(); ++w)
      if (all[w]) out.weights.push_back(w - 1);
    return out;
  }

  void read(std::vector<LargeVector<float>>& weights, std::vector<LargeVector<float>>& states) const {
    for (std::size_t w = 0; w < weights.size(); ++w) device_.copy_out(weights[w].data(), at_.weights[w], weights[w].size() * sizeof(float));
    for (std::size_t k = 0; k < states.size(); ++k) device_.copy_out(states[k].data(), at_.states[k], states[k].size() * sizeof(float));
  }
  void read_kept(std::vector<std::vector<LargeVector<float>>>& kept) const {
    for (std::size_t w = 0; w < kept.size(); ++w)
      for (std::size_t i = 0; i < kept[w].size(); ++i) device_.copy_out(kept[w][i].data(), kept_[w][i], kept[w][i].size() * sizeof(float));
  }

 private:
  static std::int64_t rounded(std::size_t floats) { return (static_cast<std::int64_t>(floats) + 15) / 16 * 16; }

  template <class T>
  T* room(std::int64_t count) {
    memory_.emplace_back(device_, count * static_cast<std::int64_t>(sizeof(T)) + 1);
    return reinterpret_cast<T*>(memory_.back().data());
  }
  template <class T>
  T* put(const T* from, std::int64_t count) {
    T* const to = room<T>(count);
    device_.copy_in(to, from, static_cast<std::size_t>(count) * sizeof(T));
    return to;
  }
  template <class T, class Allocator>
  T* put(const std::vector<T, Allocator>& from) { return put(from.data(), static_cast<std::int64_t>(from.size())); }
  const mlp_bag* put_bags(const mlp_bag* from, std::int64_t count) {
    std::vector<mlp_term> terms;
    for (std::int64_t i = 0; i < count; ++i) terms.insert(terms.end(), from[i].terms, from[i].terms + from[i].size);
    const mlp_term* there = put(terms);
    std::vector<mlp_bag> bags(from, from + count);
    for (mlp_bag& bag : bags) {
      bag.terms = there;
      there += bag.size;
    }
    return put(bags);
  }

  void launch(std::int64_t rows) {
    const auto kernel = [&](const char* name, std::int64_t points, std::int64_t number = 0) { launches_.kernel(name, points, mlp_step_threads, there_, number); };
    kernel("mlp_device_begin", std::max<std::int64_t>(step_.weights, 1));
    kernel("mlp_device_rows", rows * mlp_step_copies(step_.number_count));
    device_.zero(step_.gradients, static_cast<std::size_t>(step_.floats) * sizeof(float));
    launches_.run(launches_.function("train"), at_, call_, rows);
    kernel("mlp_device_total", 1);
    kernel("mlp_device_lost", step_.weights);
    kernel("mlp_device_scale", step_.floats, mlp_step_share);
    if (step_.clip > 0) {
      kernel("mlp_device_square", std::int64_t{mlp_step_square_blocks} * mlp_step_threads);
      kernel("mlp_device_norm", 1);
      kernel("mlp_device_scale", step_.floats, mlp_step_shorter);
    }
    for (std::size_t w = 0; w < weight_sizes_.size(); ++w) launches_.run(launches_.function("update"), at_, updates_ + w, weight_sizes_[w]);
    for (std::size_t k = 0; k < state_sizes_.size(); ++k) kernel("mlp_device_follow", state_sizes_[k], static_cast<std::int64_t>(k));
  }

  Device& device_;
  device::Launches launches_;
  const std::int64_t batch_;
  std::deque<Array<char>> memory_;
  std::vector<std::int64_t> weight_sizes_, state_sizes_;
  std::vector<std::vector<float*>> kept_;
  device::Addresses at_;
  mlp_device_step step_{};                            // as it is there; addresses are the device's
  mlp_device_step* there_ = nullptr;
  mlp_network_call* call_ = nullptr;
  mlp_update_call* updates_ = nullptr;
  std::int64_t* order_ = nullptr;
  std::int64_t rows_ = 0;                             // that the call has now
  std::unique_ptr<device::Recording> whole_;          // of a whole batch
};

DeviceTraining::DeviceTraining(Device& device, const DeviceCode& code, const NetworkPlan& plan, const ModelSettings& settings, std::int64_t chance, const Rows& rows, const NetworkValues& start)
    : m_(std::make_unique<Memory>(device, code, plan, settings, chance, rows, start)) {}
DeviceTraining::~DeviceTraining() = default;
void DeviceTraining::begin_epoch(const std::vector<std::int64_t>& order) { m_->begin_epoch(order); }
void DeviceTraining::batch(std::int64_t first, std::int64_t rows, std::int64_t step, double rate) { m_->batch(first, rows, step, rate); }
std::optional<DeviceTraining::Lost> DeviceTraining::lost() { return m_->lost(); }
void DeviceTraining::read(std::vector<LargeVector<float>>& weights, std::vector<LargeVector<float>>& states) const { m_->read(weights, states); }
void DeviceTraining::read_kept(std::vector<std::vector<LargeVector<float>>>& kept) const { m_->read_kept(kept); }

}  // namespace mlp::learn
