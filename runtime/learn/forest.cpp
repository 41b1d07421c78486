// Random forests: trees on rows that are drawn anew for each, whose answers are averaged (Breiman 2001).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "base/diagnostic.h"
#include "base/timing.h"
#include "runtime/learn/forest_tree.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/metrics.h"
#include "runtime/learn/random.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

constexpr std::int64_t batch = 32;           // trees between two reports of progress
constexpr std::uint8_t most_times = 15;      // that a row is drawn; more has a chance of 5e-15 and would need more head room

// How often a tree draws a row, a function of (seed, tree, row) alone. Drawing n of n rows with replacement gives each row
// a number of copies that is nearly Poisson; drawn as just that, rows need not know of each other (Oza, Russell 2001).
class Sampler {
 public:
  explicit Sampler(const ModelSettings& settings) : seed_(settings.seed), share_(settings.subsample), bootstrap_(settings.bootstrap) {
    double term = model::exact_exp(-share_), sum = 0;
    for (int k = 0; k < most_times; ++k) {
      at_most_[k] = sum += term;
      term *= share_ / (k + 1);
    }
  }
  bool leaves_out() const { return bootstrap_ || share_ < 1; }
  std::uint8_t times(std::int64_t tree, std::int64_t row_id) const {
    if (!leaves_out()) return 1;
    const double u = random_unit(seed_, (std::uint64_t{3} << 56) | static_cast<std::uint64_t>(tree), static_cast<std::uint64_t>(row_id));
    if (!bootstrap_) return u < share_;
    std::uint8_t k = 0;
    while (k < most_times && u >= at_most_[k]) ++k;
    return k;
  }

 private:
  std::uint64_t seed_;
  double share_;
  bool bootstrap_;
  std::array<double, most_times> at_most_{};
};

// The mean answers of trees to rows, tree by tree; for valid rows all trees, out of bag those that did not draw the row.
struct Answers {
  std::vector<double> sums;                  // rows x outputs
  std::vector<std::int32_t> trees;           // by row
  Answers(std::int64_t rows, std::int32_t outputs) : sums(rows * outputs, 0.0), trees(rows, 0) {}

  // Of the rows that some tree has answered for.
  std::map<std::string, double> measure(const model::Model& model, const Labels& labels) const {
    const std::int32_t outputs = model.outputs();
    std::vector<double> predicted, target, weight;
    for (std::size_t i = 0; i < trees.size(); ++i) {
      if (trees[i] == 0) continue;
      const auto mean = [&](std::int32_t k) { return sums[i * outputs + k] / trees[i]; };
      if (is_binary(model.loss)) predicted.push_back(1 - mean(0));
      for (std::int32_t k = 0; k < outputs; ++k) predicted.push_back(mean(k));
      target.push_back(labels.target[i]);
      if (!labels.weight.empty()) weight.push_back(labels.weight[i]);
    }
    if (target.empty()) return {};
    return metrics(model, predicted, target, weight);
  }
};

// Weighted labels as integers; the cells and their origin.
void quantise_labels(ForestRows& shared, Loss loss, Pool& pool) {
  const Labels& labels = shared.labels;
  const std::int64_t n = labels.rows();
  if (loss == Loss::squared) {
    for (std::int64_t i = 0; i < n; ++i) shared.origin += labels.weight_at(i) * labels.target[i];
    shared.origin /= labels.total_weight;
  }
  std::vector<double> label(n), weight(n);
  double label_sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    weight[i] = labels.weight_at(i);
    label[i] = weight[i] * (shared.outputs > 1 ? 1 : labels.target[i] - shared.origin);
    label_sum += std::fabs(label[i]);
  }
  shared.grid = grid_of(label_sum * (most_times + 1), labels.total_weight * (most_times + 1), n);
  if (loss != Loss::squared) shared.grid.gradient = shared.grid.hessian;  // so that a pure node is exactly pure
  quantise(label, weight, shared.grid, shared.cells, pool);
}

}  // namespace

Outcome train_forest(const Request& request) {
  const ModelSettings& settings = request.settings;
  MLP_CHECK(request.train.columns.size() == request.features.size());
  MLP_CHECK(request.monotone.empty() || request.monotone.size() == request.features.size());
  MLP_CHECK(settings.loss == Loss::squared || settings.loss == Loss::logistic || settings.loss == Loss::softmax);
  Pool pool(std::max(request.threads, 1));
  const std::vector<std::int64_t> rows = rows_in_use(request.train), valid_rows = rows_in_use(request.valid);
  MLP_CHECK(rows.size() < std::numeric_limits<std::uint32_t>::max());
  const Labels labels = labels_of(request.train, rows), valid_labels = labels_of(request.valid, valid_rows);
  check_targets(labels, settings.loss, request.classes.size());
  const std::int64_t n = labels.rows(), valid_n = valid_labels.rows();

  Outcome out;
  model::Model& model = out.model;
  model.kind = ModelKind::forest;
  model.loss = settings.loss;
  model.classes = request.classes;
  model.features = request.features;
  model::Forest& forest = model.forest;
  forest.outputs = settings.loss == Loss::softmax ? static_cast<std::int32_t>(request.classes.size()) : 1;
  forest.base.assign(forest.outputs, 0.0);
  const std::int32_t outputs = forest.outputs;

  const auto key = bin_key(request);
  std::shared_ptr<const Binned> kept = request.bins ? (*request.bins)[key] : nullptr;
  if (!kept) kept = timed("bins", [&] { return std::make_shared<const Binned>(make_bins(request.train, request.features, rows, settings.bins, settings.min_rows, pool)); });
  if (request.bins) (*request.bins)[key] = kept;
  forest.terms = kept->terms;
  ForestRows shared{.binned = *kept, .request = request, .labels = labels, .outputs = outputs, .grid = {}, .cells = {}};
  shared.features = std::max(1, static_cast<std::int32_t>(settings.feature_fraction * static_cast<double>(kept->used.size()) + 1e-9));
  quantise_labels(shared, settings.loss, pool);
  const Sampler sampler(settings);
  const auto times_of = [&](std::int64_t tree, std::int64_t i) {
    return sampler.times(tree, request.train.row_id.empty() ? rows[i] : request.train.row_id[rows[i]]);
  };

  std::map<std::vector<std::uint64_t>, std::int32_t> set_ids;
  Answers valid(valid_n, outputs), out_of_bag(sampler.leaves_out() ? n : 0, outputs);
  for (std::int64_t first = 0; first < settings.trees; first += batch) {
    const std::int64_t count = std::min(batch, settings.trees - first);
    std::vector<ForestTree> grown(count);
    std::vector<std::uint8_t> whole(count, 0);   // drew no row at all, and was given every one
    const auto grow = [&](std::int64_t t) {
      std::vector<std::uint8_t> times(n);
      for (std::int64_t i = 0; i < n; ++i) times[i] = times_of(first + t, i);
      whole[t] = std::all_of(times.begin(), times.end(), [](std::uint8_t k) { return k == 0; });
      if (whole[t]) std::fill(times.begin(), times.end(), 1);
      grown[t] = ForestGrower(shared, first + t, std::move(times)).grow();
    };
    timed("trees", [&] { pool.run(count, grow); });
    for (ForestTree& one : grown) {
      for (std::int32_t& set : one.tree.category_set) {
        if (set < 0) continue;
        const auto [it, fresh] = set_ids.try_emplace(one.sets[set], static_cast<std::int32_t>(forest.category_sets.size()));
        if (fresh) forest.category_sets.push_back(std::move(one.sets[set]));
        set = it->second;
      }
      forest.trees.push_back(std::move(one.tree));
    }
    // Chunk by chunk, trees in order.
    const auto answer = [&](Answers& answers, const Dataset& data, const std::vector<std::int64_t>& in_use, bool bag) {
      const std::int64_t total = static_cast<std::int64_t>(answers.trees.size());
      pool.run(chunks_of(total), [&](std::int64_t chunk) {
        for (std::int64_t t = 0; t < count; ++t) {
          if (bag && whole[t]) continue;
          for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, total); ++i) {
            if (bag && times_of(first + t, i) != 0) continue;
            model::add_tree(model, first + t, data.columns, in_use[i], &answers.sums[i * outputs]);
            ++answers.trees[i];
          }
        }
      });
    };
    const Timed scope("scores");
    answer(valid, request.valid, valid_rows, false);
    answer(out_of_bag, request.train, rows, true);
    out.out_of_bag = out_of_bag.measure(model, labels);
    Progress progress{.round = first + count, .rounds = settings.trees, .metric = metric_name(settings)};
    const auto shown = [&](const std::map<std::string, double>& measured) {
      const auto found = measured.find(progress.metric);
      return found == measured.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
    };
    progress.train = shown(out.out_of_bag);
    progress.valid = shown(valid.measure(model, valid_labels));
    out.history.push_back(progress);
    if (request.on_round) request.on_round(progress);
  }
  out.best_round = settings.trees;
  keep_used_terms(forest, static_cast<std::int32_t>(request.features.size()));
  return out;
}

}  // namespace mlp::learn
