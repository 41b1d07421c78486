// Networks: batches of rows in an order drawn for each epoch, gradients by compiled code, steps by the compiled optimizer. A
// batch is parted into shares, and these into parts, by its size and the network alone; the gradients of the shares are added in order, and
// every product is exact in the order of its sums, so the weights are the same at any number of threads (decisions 0030, 0031).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "base/timing.h"
#include "runtime/learn/late_products.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/network_device.h"
#include "runtime/learn/random.h"
#include "runtime/learn/teams.h"
#include "runtime/learn/watched_rows.h"
#include "runtime/model/network.h"
#include "runtime/product/product.h"
#include "stdlib/builtins/kernels.h"

namespace mlp::learn {
namespace {

// A share has about so many rows, fewer where its gradients stay near, or as many numbers in the tensors of its rows where that is fewer rows: these, or several
// times its gradients.
constexpr std::int64_t share_rows = 256, near_share_rows = 128, near_gradients = 1 << 18, share_numbers = 1 << 21, share_gradients = 4, most_shares = 8;
constexpr std::int64_t numbers_together = 1 << 20; // of the tensors of rows that go through all steps together: a few MB of the cache
constexpr std::int64_t watched_rows = 16'384;      // of the train part, whose metric is shown after each epoch
constexpr std::int64_t range = 16'384;             // elements of a weight that one task updates
constexpr std::int64_t looks = 256;                // batches on a device between two looks at whether they are lost

std::uint64_t start_stream(std::size_t weight) { return (std::uint64_t{8} << 56) | weight; }
std::uint64_t order_stream(std::int64_t epoch) { return (std::uint64_t{9} << 56) | static_cast<std::uint64_t>(epoch); }
std::uint64_t chance_stream() { return std::uint64_t{10} << 56; }

std::int64_t size_of(const std::vector<std::int64_t>& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

LargeVector<float> started(const NetworkWeight& weight, std::uint64_t seed, std::size_t number) {
  const std::int64_t size = size_of(weight.shape);
  LargeVector<float> values(static_cast<std::size_t>(size));
  const double out = weight.shape.empty() ? 1 : static_cast<double>(weight.shape.back());
  const double in = weight.shape.size() < 2 ? 1 : static_cast<double>(size) / out;
  const double limit = weight.start == Start::glorot ? std::sqrt(6 / (in + out)) : weight.start == Start::he ? std::sqrt(6 / in) : weight.scale;
  for (std::int64_t i = 0; i < size; ++i) {
    const auto unit = [&](std::uint64_t which) { return random_unit(seed, start_stream(number), static_cast<std::uint64_t>(i) * 2 + which); };
    double v = weight.scale;
    if (weight.start == Start::normal) v = weight.scale * mlp_sqrt(-2 * mlp_log(1 - unit(0))) * mlp_cos(6.283185307179586 * unit(1));  // Box, Muller 1958
    else if (weight.start != Start::value) v = limit * (2 * unit(0) - 1);
    values[static_cast<std::size_t>(i)] = static_cast<float>(v);
  }
  return values;
}

// Rows that go through the steps together.
struct Part {
  Part(const Request& request, const NetworkPlan& plan) : input(request.features, plan.numbers) {}
  model::NetworkInput input;
  model::Aligned scratch;
  std::vector<double> target;
  std::vector<std::int64_t> row_id;
  mlp_network_call call{};
};

// What a thread takes of a batch: parts one after the other, and the gradients of them all.
struct Share {
  Share(const NetworkPlan& plan, const std::vector<LargeVector<float>>& weights) {
    std::int64_t total = 0;
    for (const LargeVector<float>& weight : weights) total += (static_cast<std::int64_t>(weight.size()) + 15) / 16 * 16;
    float* at = memory.reserve(total);
    for (std::size_t w = 0; w < weights.size(); ++w) {
      const auto size = static_cast<std::int64_t>(weights[w].size());
      gradients.push_back(at);
      if (plan.weights[w].stored) late.add(at, size);
      at += (size + 15) / 16 * 16;
    }
    for (const NetworkState& state : plan.states) means.emplace_back(static_cast<std::size_t>(size_of(state.shape)));
    for (LargeVector<float>& mean : means) mean_of.push_back(mean.data());
  }
  model::Aligned memory;
  bool cleared = false;                              // whether all gradients are 0 that must be
  std::vector<float*> gradients, mean_of;
  std::vector<LargeVector<float>> means;
  LateProducts late;                                 // to the gradients
  std::vector<double> weight, losses;
  std::deque<Part> parts;                            // where segments wait for each other all of them, else one that takes its turns
  model::Aligned transient;                          // then of one part after the other
  std::int64_t transient_floats = 0;
  std::size_t used = 0;
};

class NetworkTrainer {
 public:
  NetworkTrainer(const Request& request, Pool& pool)
      : request_(request), plan_(request.network), pool_(pool), rows_(rows_in_use(request.train)), labels_(labels_of(request.train, rows_)),
        train_(request.features, plan_.numbers), seed_(request.settings.seed) {
    MLP_CHECK(plan_.train && plan_.score && plan_.update);
    check_targets(labels_, request.settings.loss, request.classes.size());
    if (request.settings.loss == Loss::softmax && static_cast<std::size_t>(plan_.outputs) != request.classes.size())
      throw Failure(code::network_outputs, "the network ends in " + std::to_string(plan_.outputs) + " numbers, and the label has " + std::to_string(request.classes.size()) + " classes",
                    "let the last layer have " + std::to_string(request.classes.size()) + " units");
    check_numbers();
    for (std::size_t w = 0; w < plan_.weights.size(); ++w) {
      weights_.push_back(started(plan_.weights[w], seed_, w));
      kept_.emplace_back(static_cast<std::size_t>(plan_.kept), LargeVector<float>(weights_.back().size()));
    }
    for (std::size_t w = 0; w < weights_.size(); ++w)
      for (std::int64_t at = 0; at < static_cast<std::int64_t>(weights_[w].size()); at += range) ranges_.emplace_back(w, at);
    for (const NetworkState& state : plan_.states) states_.emplace_back(static_cast<std::size_t>(size_of(state.shape)), static_cast<float>(state.start));
    scale_target();
    part_batches();
    train_.resize(static_cast<std::int64_t>(rows_.size()));
    pool_.run(chunks_of(static_cast<std::int64_t>(rows_.size())), [&](std::int64_t c) {
      const auto end = std::min<std::int64_t>((c + 1) * chunk_rows, static_cast<std::int64_t>(rows_.size()));
      for (std::int64_t i = c * chunk_rows; i < end; ++i) train_.put(request_.train.columns, rows_[static_cast<std::size_t>(i)], i);
    });
  }

  Outcome run() {
    const ModelSettings& s = request_.settings;
    if (request_.resume) go_on(*request_.resume);
    else if (request_.on_gradients) request_.on_gradients(check_gradients());
    if (request_.device) start_device();
    WatchedRows train(request_, request_.train, first_rows(rows_), pool_), valid(request_, request_.valid, rows_in_use(request_.valid), pool_);
    const bool stops = s.early_stop > 0 && request_.valid.rows > 0;
    while (epoch_ < s.epochs && !(stops && best_ > 0 && epoch_ - best_ >= s.early_stop)) {
      shuffle(++epoch_);
      const auto count = static_cast<std::int64_t>(rows_.size());
      timed("batches", [&] {
        if (device_) device_->begin_epoch(order_);
        for (std::int64_t first = 0; first < count; first += s.batch) run_batch(first, std::min(s.batch, count - first));
        if (device_) read_device();
      });
      for (std::size_t k = 0; k < states_.size(); ++k)
        if (!std::all_of(states_[k].begin(), states_[k].end(), [](float v) { return std::isfinite(v); })) lost_mean(plan_.states[k].name);
      const Progress progress = timed("metrics", [&] {
        const model::Model now = model_now();
        return Progress{epoch_, s.epochs, metric_name(s), train.measure(now), valid.measure(now)};
      });
      history_.push_back(progress);
      if (stops && (best_ == 0 || progress.valid < least_)) {
        least_ = progress.valid;
        best_ = epoch_;
        best_weights_ = weights_;
        best_states_ = states_;
      }
      if (request_.on_round) request_.on_round(progress);
      if (request_.on_checkpoint) request_.on_checkpoint([&] {
        if (device_) device_->read_kept(kept_);
        return NetworkCheckpoint{epoch_, step_, best_, least_, weights_, states_, best_weights_, best_states_, kept_, history_};
      });
    }
    Outcome out;
    out.best_round = epoch_;
    out.history = std::move(history_);
    if (best_ > 0) {
      weights_ = std::move(best_weights_);
      states_ = std::move(best_states_);
      out.best_round = best_;
    }
    out.model = model_now();
    return out;
  }

 private:
  static std::vector<std::int64_t> first_rows(const std::vector<std::int64_t>& rows) { return {rows.begin(), rows.begin() + std::min<std::int64_t>(watched_rows, static_cast<std::int64_t>(rows.size()))}; }

  void check_numbers() const {
    for (const std::int32_t f : plan_.numbers)
      for (const std::int64_t i : rows_) {
        const double v = request_.train.columns[f][i];
        if (std::fabs(v) <= 1e30) continue;
        throw Failure(code::feature_not_finite, "feature `" + request_.features[static_cast<std::size_t>(f)].name + "` is " + (std::isnan(v) ? "missing" : "infinite or above 1e30") + " in training row " + std::to_string(i + 1),
                      "impute or clip it: `impute(median)`, `clip_outliers`");
      }
  }

  // A network is learned in units that its start was made for; the losses of these targets mean the same in any unit.
  void scale_target() {
    if (request_.settings.loss != Loss::squared && request_.settings.loss != Loss::quantile) return;
    double sum = 0, square = 0;
    for (std::int64_t i = 0; i < labels_.rows(); ++i) sum += labels_.weight_at(i) * labels_.target[static_cast<std::size_t>(i)];
    centre_ = sum / labels_.total_weight;
    for (std::int64_t i = 0; i < labels_.rows(); ++i) square += labels_.weight_at(i) * std::pow(labels_.target[static_cast<std::size_t>(i)] - centre_, 2);
    const double deviation = std::sqrt(square / labels_.total_weight);
    unit_ = deviation > 0 ? deviation : 1;
  }

  void shuffle(std::int64_t epoch) {
    order_.resize(rows_.size());
    std::iota(order_.begin(), order_.end(), 0);
    for (std::size_t i = order_.size(); i > 1; --i) {
      const auto draw = static_cast<unsigned __int128>(random_bits(seed_, order_stream(epoch), i)) * i;
      std::swap(order_[i - 1], order_[static_cast<std::size_t>(draw >> 64)]);
    }
  }

  void go_on(const NetworkCheckpoint& from) {
    MLP_CHECK(from.weights.size() == weights_.size() && from.states.size() == states_.size() && from.kept.size() == kept_.size());
    epoch_ = from.epoch;
    step_ = from.step;
    best_ = from.best;
    least_ = from.least;
    weights_ = from.weights;
    states_ = from.states;
    best_weights_ = from.best_weights;
    best_states_ = from.best_states;
    kept_ = from.kept;
    history_ = from.history;
  }

  // The loss of a batch, a mean over its rows; gradients are sums of the shares.
  double loss_of(std::int64_t first, std::int64_t rows, double& mass, std::int64_t& shares) {
    shares = run_shares(first, rows);
    double loss = mass = 0;
    for (std::int64_t s = 0; s < shares; ++s) {
      const Share& share = shares_[static_cast<std::size_t>(s)];
      for (std::size_t i = 0; i < share.weight.size(); ++i) {
        mass += share.weight[i];
        loss += share.weight[i] * share.losses[i];
      }
    }
    return loss / mass;
  }

  // Of each weight the elements with the greatest gradients and some at even distances, each moved to both sides by four distances, of which
  // the best counts: a long one meets corners, a short one the roundings of single precision, and a wrong derivative all of them. Products are of
  // single precision here: a loss of rounded numbers is flat between its steps.
  std::vector<GradientCheck> check_gradients() {
    constexpr std::int64_t each = 8;
    constexpr double distances[] = {3e-2, 1e-2, 3e-3, 1e-3};
    shuffle(1);
    step_ = 1;  // the chances of the first batch
    product_ = product::best(Precision::float32);
    const std::int64_t rows = std::min<std::int64_t>(request_.settings.batch, static_cast<std::int64_t>(rows_.size()));
    double mass = 0;
    std::int64_t shares = 0;
    const double loss = loss_of(0, rows, mass, shares);
    if (!std::isfinite(loss)) diverged(first_lost(shares));
    std::vector<std::vector<double>> gradients;
    for (std::size_t w = 0; w < weights_.size(); ++w) {
      gradients.emplace_back(weights_[w].size());
      for (std::int64_t s = 0; s < shares; ++s)
        for (std::size_t i = 0; i < weights_[w].size(); ++i) gradients[w][i] += static_cast<double>(shares_[static_cast<std::size_t>(s)].gradients[w][i]) / mass;
    }
    std::vector<GradientCheck> out;
    for (std::size_t w = 0; w < weights_.size(); ++w) {
      const std::vector<double>& g = gradients[w];
      double squares = 0, size = 0;
      for (const double v : g) squares += v * v;
      for (const float v : weights_[w]) size += static_cast<double>(v) * static_cast<double>(v);
      // What rounds in the loss, as a slope over the greatest distance: below it no difference can tell.
      const double usual = std::sqrt(squares / static_cast<double>(g.size())), scale = std::max(std::sqrt(size / static_cast<double>(g.size())), 0.1);
      const double noise = std::fabs(loss) * 0x1p-21 / (2 * distances[0] * scale);
      std::vector<std::size_t> chosen(g.size());
      std::iota(chosen.begin(), chosen.end(), 0);
      std::stable_sort(chosen.begin(), chosen.end(), [&](std::size_t a, std::size_t b) { return std::fabs(g[a]) > std::fabs(g[b]); });
      chosen.resize(std::min<std::size_t>(g.size(), each));
      for (std::size_t n = 0; n < each; ++n) chosen.push_back(n * g.size() / each);
      GradientCheck check{plan_.weights[w].name, static_cast<std::int64_t>(chosen.size())};
      for (const std::size_t i : chosen) {
        float& weight = weights_[w][i];
        const float was = weight;
        double least = std::numeric_limits<double>::infinity(), slope = 0;
        for (const double distance : distances) {
          weight = static_cast<float>(was + distance * scale);
          const double above = weight, loss_above = loss_of(0, rows, mass, shares);
          weight = static_cast<float>(was - distance * scale);
          const double below = weight, loss_below = loss_of(0, rows, mass, shares);
          const double difference = (loss_above - loss_below) / (above - below);
          const double room = std::max({std::fabs(g[i]), std::fabs(difference), usual / 10, 1e-6});
          if (const double error = std::max(std::fabs(difference - g[i]) - noise, 0.0) / room; error < least) least = error, slope = difference;
        }
        weight = was;
        if (least >= check.error) check.error = least, check.at = static_cast<std::int64_t>(i), check.compiled = g[i], check.difference = slope;
      }
      out.push_back(std::move(check));
    }
    step_ = 0;
    product_ = product::best(request_.settings.precision);
    return out;
  }

  // By the network alone, so that the weights are the same at any number of threads and on any machine. Each part reads the weights that products multiply by
  // and adds to as many gradients: worth it for rows that have more numbers.
  void part_batches() {
    const auto scratch = [&](std::int64_t rows) {
      mlp_network_call call{};
      call.rows = rows;
      return plan_.train(&call);
    };
    const std::int64_t of_row = std::max<std::int64_t>((scratch(32) - scratch(16)) / 16, 1);
    for (const LargeVector<float>& weight : weights_) gradients_ += static_cast<std::int64_t>(weight.size());
    share_rows_ = std::clamp<std::int64_t>(std::max(share_numbers, share_gradients * gradients_) / of_row, 1, gradients_ <= near_gradients ? near_share_rows : share_rows);
    rows_together_ = std::max<std::int64_t>(std::max(numbers_together, 2 * plan_.multiplied) / of_row, 4);
  }

  std::int64_t run_shares(std::int64_t first, std::int64_t rows) {
    // As many as threads often are, and each has a row.
    auto shares = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::clamp<std::int64_t>(rows / share_rows_, 1, most_shares))));
    if (shares > rows) shares /= 2;
    while (static_cast<std::int64_t>(shares_.size()) < shares) shares_.emplace_back(plan_, weights_);
    weight_of_.clear(), state_of_.clear();
    for (const LargeVector<float>& weight : weights_) weight_of_.push_back(weight.data());
    for (const LargeVector<float>& state : states_) state_of_.push_back(state.data());
    const std::size_t segments = plan_.barriers.size() + 1;
    for (std::size_t segment = 1; segment <= segments; ++segment) {
      teams_.run(shares, product_, [&](std::int64_t s, mlp_product product) {
        Share& share = shares_[static_cast<std::size_t>(s)];
        const std::int64_t begin = first + rows * s / shares, end = first + rows * (s + 1) / shares;
        product = share.late.begin(product);
        if (segment == 1) run_share(share, begin, end, [&](Part& part) {
          part.call.batch_rows = rows;
          part.call.product = product;
          part.call.repeats = s > 0 || part.call.losses != share.losses.data();
          if (segments == 1) plan_.train(&part.call);
        });
        for (std::size_t p = 0; segments > 1 && p < share.used; ++p) {
          share.parts[p].call.segment = static_cast<std::int64_t>(segment);
          share.parts[p].call.transient = share.transient.reserve(share.transient_floats);
          plan_.train(&share.parts[p].call);
        }
        share.late.finish();
      });
      if (segment < segments) add_up(plan_.barriers[segment - 1], shares);
    }
    return shares;
  }

  // Sums over the rows of each part become those over the batch, in the order of the parts.
  void add_up(const std::vector<NetworkSum>& sums, std::int64_t shares) {
    std::vector<Part*> parts;
    for (std::int64_t s = 0; s < shares; ++s)
      for (std::size_t p = 0; p < shares_[static_cast<std::size_t>(s)].used; ++p) parts.push_back(&shares_[static_cast<std::size_t>(s)].parts[p]);
    for (const NetworkSum& sum : sums)
      for (std::int64_t i = sum.offset; i < sum.offset + sum.floats; ++i) {
        float all = 0;
        for (const Part* const part : parts) all += part->call.scratch[i];
        for (Part* const part : parts) part->call.scratch[i] = all;
      }
  }

  void start_device() {
    DeviceTraining::Rows rows{train_, {}, {}, {}};
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      rows.target.push_back((labels_.target[i] - centre_) / unit_);
      rows.weight.push_back(labels_.weight_at(static_cast<std::int64_t>(i)));
      rows.row_id.push_back(row_id(static_cast<std::int64_t>(i)));
    }
    device_.emplace(*request_.device, *request_.device_code, plan_, request_.settings, chance_, rows, NetworkValues{weights_, states_, kept_});
  }
  void look() {
    const std::optional<DeviceTraining::Lost> lost = device_->lost();
    if (lost) diverged(lost->weights.empty() ? "" : plan_.weights[lost->weights.front()].name);
  }
  void read_device() {
    look();
    device_->read(weights_, states_);
  }
  std::int64_t row_id(std::int64_t row) const {
    const std::int64_t i = rows_[static_cast<std::size_t>(row)];
    return request_.train.row_id.empty() ? i : request_.train.row_id[static_cast<std::size_t>(i)];
  }

  void run_batch(std::int64_t first, std::int64_t rows) {
    ++step_;
    if (device_) {
      device_->batch(first, rows, step_, rate_now());
      if (step_ % looks == 0) look();
      return;
    }
    double mass = 0;
    std::int64_t shares = 0;
    const double loss = loss_of(first, rows, mass, shares);
    if (!std::isfinite(loss)) diverged(first_lost(shares));
    update(shares, static_cast<float>(1 / mass));
    follow_means();
  }

  void follow_means() {
    for (std::size_t k = 0; k < states_.size(); ++k)
      for (std::size_t i = 0; i < states_[k].size(); ++i) {
        const double momentum = plan_.states[k].momentum, mean = shares_[0].means[k][i];   // of the batch: the same in all shares
        states_[k][i] = static_cast<float>(momentum * states_[k][i] + (1 - momentum) * mean);
      }
  }

  // Calls body(part) with each part in turn, ready to run. Steps add to gradients in the order of the rows.
  template <class Body> void run_share(Share& share, std::int64_t begin, std::int64_t end, const Body& body) {
    if (!std::exchange(share.cleared, false))
      for (std::size_t w = 0; w < weights_.size(); ++w) clear(w, share.gradients[w], static_cast<std::int64_t>(weights_[w].size()));
    share.weight.resize(static_cast<std::size_t>(end - begin));
    share.losses.resize(static_cast<std::size_t>(end - begin));
    const std::int64_t parts = (end - begin + rows_together_ - 1) / rows_together_;
    share.used = plan_.barriers.empty() ? 1 : static_cast<std::size_t>(parts);
    while (share.parts.size() < share.used) share.parts.emplace_back(request_, plan_);
    std::int64_t first = begin;
    for (std::int64_t p = 0; p < parts; ++p) {
      Part& part = share.parts[plan_.barriers.empty() ? 0 : static_cast<std::size_t>(p)];
      mlp_network_call& call = part.call;
      call.rows = (end - first) / (parts - p);
      const auto rows = static_cast<std::size_t>(call.rows);
      part.input.resize(call.rows);
      part.target.resize(rows);
      part.row_id.resize(rows);
      double* const weight = share.weight.data() + (first - begin);
      for (std::size_t i = 0; i < rows; ++i) {
        const std::int64_t row = order_[static_cast<std::size_t>(first) + i];
        part.input.copy(train_, row, static_cast<std::int64_t>(i));
        part.target[i] = (labels_.target[static_cast<std::size_t>(row)] - centre_) / unit_;
        weight[i] = labels_.weight_at(row);
        part.row_id[i] = row_id(row);
      }
      part.input.point(call);
      call.weights = weight_of_.data();
      call.gradients = share.gradients.data();
      call.states = state_of_.data();
      call.means = share.mean_of.data();
      call.target = part.target.data();
      call.row_weight = weight;
      call.row_id = part.row_id.data();
      call.seed = chance_;
      call.step = step_;
      call.losses = share.losses.data() + (first - begin);
      call.scratch = nullptr;
      call.segment = 0;
      call.begins = p == 0;
      std::int64_t floats = plan_.train(&call);
      if (!plan_.barriers.empty()) {
        call.segment = 1;
        const std::int64_t lasting = plan_.train(&call);
        share.transient_floats = std::max(share.transient_floats, floats - lasting);
        floats = lasting;
      }
      call.scratch = part.scratch.reserve(floats);
      body(part);
      first += call.rows;
    }
  }

  // Gradients of weight w, before rows add to them.
  void clear(std::size_t w, float* gradients, std::int64_t count) const {
    if (!plan_.weights[w].stored) std::fill_n(gradients, count, 0.0f);
  }

  // Runs body(number, weight, first, count) over ranges of all weights.
  template <class Body> void by_range(const Body& body) {
    const auto run = [&](std::int64_t t) {
      const auto [w, at] = ranges_[static_cast<std::size_t>(t)];
      body(t, w, at, std::min(range, static_cast<std::int64_t>(weights_[w].size()) - at));
    };
    if (gradients_ > range) return pool_.run(static_cast<std::int64_t>(ranges_.size()), run);
    for (std::size_t t = 0; t < ranges_.size(); ++t) run(static_cast<std::int64_t>(t));
  }

  // Means of the gradients, shares added in order, and the optimizer's step; element by element. Clears the gradients while they are near.
  void update(std::int64_t shares, float share_of_row) {
    const double clip = request_.settings.clip;
    std::vector<double> squares(clip > 0 ? ranges_.size() : 0);
    const auto add_up = [&](std::size_t w, std::int64_t at, std::int64_t count) {
      float* const sum = shares_[0].gradients[w] + at;
      for (std::int64_t s = 1; s < shares; ++s) {
        float* const more = shares_[static_cast<std::size_t>(s)].gradients[w] + at;
        for (std::int64_t i = 0; i < count; ++i) sum[i] += more[i];
        clear(w, more, count);
      }
      for (std::int64_t i = 0; i < count; ++i) sum[i] *= share_of_row;
      return sum;
    };
    const auto advance = [&](std::size_t w, std::int64_t at, std::int64_t count, float* gradient) {
      std::vector<float*> kept;
      for (LargeVector<float>& k : kept_[w]) kept.push_back(k.data() + at);
      const mlp_update_call call{count, weights_[w].data() + at, gradient, kept.data(), static_cast<double>(step_), rate_now(), plan_.weights[w].decays ? 1.0 : 0.0};
      plan_.update(&call);
      clear(w, gradient, count);
    };
    for (std::int64_t s = 0; s < shares; ++s) shares_[static_cast<std::size_t>(s)].cleared = true;
    if (clip == 0) return by_range([&](std::int64_t, std::size_t w, std::int64_t at, std::int64_t count) { advance(w, at, count, add_up(w, at, count)); });
    by_range([&](std::int64_t t, std::size_t w, std::int64_t at, std::int64_t count) {
      const float* const sum = add_up(w, at, count);
      for (std::int64_t i = 0; i < count; ++i) squares[static_cast<std::size_t>(t)] += static_cast<double>(sum[i]) * sum[i];
    });
    const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
    const float shorter = norm > clip ? static_cast<float>(clip / norm) : 1;
    by_range([&](std::int64_t, std::size_t w, std::int64_t at, std::int64_t count) {
      float* const gradient = shares_[0].gradients[w] + at;
      for (std::int64_t i = 0; i < count; ++i) gradient[i] *= shorter;
      advance(w, at, count, gradient);
    });
  }

  double rate_now() const {
    const ModelSettings& s = request_.settings;
    const std::int64_t batches = (static_cast<std::int64_t>(rows_.size()) + s.batch - 1) / s.batch;
    const auto warm = static_cast<double>(s.warmup * batches), all = static_cast<double>(s.epochs * batches), now = static_cast<double>(step_);
    if (now <= warm) return plan_.rate * now / warm;
    if (s.schedule == Schedule::constant) return plan_.rate;
    return plan_.rate * 0.5 * (1 + mlp_cos(3.141592653589793 * (now - 1 - warm) / std::max(all - warm, 1.0)));  // Loshchilov, Hutter 2017
  }

  // The first weight, from the input on, whose gradient is no number.
  std::string first_lost(std::int64_t shares) const {
    for (std::size_t w = 0; w < weights_.size(); ++w)
      for (std::int64_t s = 0; s < shares; ++s) {
        const float* const gradient = shares_[static_cast<std::size_t>(s)].gradients[w];
        if (std::any_of(gradient, gradient + weights_[w].size(), [](float v) { return !std::isfinite(v); })) return plan_.weights[w].name;
      }
    return "";
  }
  [[noreturn]] void diverged(const std::string& where) const {
    throw Failure(code::training_diverged, (epoch_ == 0 ? "the loss of the first batch is no number, before any step" : "the loss is no number any more in epoch " + std::to_string(epoch_)) + (where.empty() ? "" : "; the gradient of `" + where + "` is lost first"),
                  "lower the learning rate of the optimizer, bring the features to one scale (`standardize`), or look at a logarithm or a quotient in that layer");
  }

  [[noreturn]] void lost_mean(const std::string& name) const {
    throw Failure(code::training_diverged, "a mean over batches is no number any more in epoch " + std::to_string(epoch_) + ": `" + name + "`",
                  "lower the learning rate of the optimizer, or bring the features to one scale (`standardize`): what is averaged is too large for single precision");
  }

  model::Model model_now() const {
    model::Model m;
    const ModelSettings& s = request_.settings;
    m.kind = ModelKind::network;
    m.loss = s.loss;
    m.quantile = s.quantile;
    m.loss_name = s.loss_name;
    m.link = s.link;
    m.classes = request_.classes;
    m.features = request_.features;
    m.network.outputs = plan_.outputs;
    m.network.numbers = plan_.numbers;
    m.network.precision = s.precision;
    m.network.centre = centre_;
    m.network.unit = unit_;
    m.network.code = plan_.score;
    for (std::size_t w = 0; w < weights_.size(); ++w) m.network.weights.push_back({plan_.weights[w].name, plan_.weights[w].shape, weights_[w]});
    for (std::size_t k = 0; k < states_.size(); ++k) m.network.states.push_back({plan_.states[k].name, plan_.states[k].shape, states_[k]});
    return m;
  }

  const Request& request_;
  const NetworkPlan& plan_;
  Pool& pool_;
  const std::vector<std::int64_t> rows_;             // of the train part, in use
  const Labels labels_;
  model::NetworkInput train_;
  const std::uint64_t seed_;
  const std::int64_t chance_ = static_cast<std::int64_t>(mix(seed_ ^ chance_stream()));
  mlp_product product_ = product::best(request_.settings.precision);
  std::int64_t epoch_ = 0, step_ = 0, best_ = 0;     // epochs and batches so far; the epoch with the least valid metric
  double least_ = 0;
  std::vector<LargeVector<float>> weights_, states_, best_weights_, best_states_;
  std::vector<std::vector<LargeVector<float>>> kept_;  // by weight, by what is kept
  std::vector<std::pair<std::size_t, std::int64_t>> ranges_;  // weight, first element
  std::vector<std::int64_t> order_;
  std::int64_t gradients_ = 0;                       // numbers of all weights
  std::int64_t share_rows_ = share_rows, rows_together_ = share_rows;
  std::vector<const float*> weight_of_, state_of_;
  std::deque<Share> shares_;
  Teams teams_{pool_};
  std::optional<DeviceTraining> device_;
  std::vector<Progress> history_;
  double centre_ = 0, unit_ = 1;
};

}  // namespace

Outcome train_network(const Request& request) {
  Pool pool(request.threads);
  return NetworkTrainer(request, pool).run();
}

}  // namespace mlp::learn
