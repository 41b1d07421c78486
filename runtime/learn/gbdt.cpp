// Gradient boosting: rounds of trees on the gradients of the loss (Friedman 2001; Newton steps as in XGBoost).
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "base/timing.h"
#include "runtime/learn/bins.h"
#include "runtime/learn/grow.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/objective.h"
#include "runtime/learn/random.h"
#include "runtime/model/exact_math.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

// Streams of randomness, so that no two uses share a key.
std::uint64_t sample_stream(std::int64_t round) { return (std::uint64_t{1} << 56) | static_cast<std::uint64_t>(round); }
std::uint64_t feature_stream(std::int64_t tree) { return (std::uint64_t{2} << 56) | static_cast<std::uint64_t>(tree); }

constexpr std::uint64_t noise_stream = std::uint64_t{3} << 56;

std::int64_t id_of(const Request& request, std::int64_t row) { return request.train.row_id.empty() ? row : request.train.row_id[row]; }

std::vector<std::uint32_t> sample_rows(const Request& request, const std::vector<std::int64_t>& rows, std::int64_t round) {
  std::vector<std::uint32_t> out;
  out.reserve(rows.size());
  const double share = request.settings.subsample;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (share >= 1 || random_unit(request.settings.seed, sample_stream(round), static_cast<std::uint64_t>(id_of(request, rows[i]))) < share)
      out.push_back(static_cast<std::uint32_t>(i));
  }
  return out;
}

std::vector<std::int32_t> sample_features(const Request& request, const Binned& binned, std::int64_t tree) {
  std::vector<std::int32_t> positions(binned.used.size());
  std::iota(positions.begin(), positions.end(), 0);
  const double share = request.settings.feature_fraction;
  if (share >= 1 || positions.empty()) return positions;
  std::vector<std::pair<std::uint64_t, std::int32_t>> drawn;
  for (const std::int32_t p : positions)
    drawn.emplace_back(random_bits(request.settings.seed, feature_stream(tree), static_cast<std::uint64_t>(binned.used[p])), p);
  std::sort(drawn.begin(), drawn.end());
  drawn.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(share * static_cast<double>(positions.size())))));
  positions.clear();
  for (const auto& [key, p] : drawn) positions.push_back(p);
  std::sort(positions.begin(), positions.end());
  return positions;
}

// Quantile loss: gradients say where to split, but a leaf's best value is the quantile of its residuals. Bounds of
// monotone constraints are drawn anew, top down, from the quantiles of the nodes.
void renew_quantiles(Grown& grown, const std::vector<std::uint32_t>& rows, const std::vector<double>& scores, const Labels& labels,
                     const Request& request) {
  model::Tree& tree = grown.tree;
  const auto quantile_at = [&](std::int32_t node) {
    std::vector<std::pair<double, double>> residuals;
    for (std::int64_t i = grown.begin[node]; i < grown.end[node]; ++i)
      residuals.emplace_back(labels.target[rows[i]] - scores[rows[i]], labels.weight_at(rows[i]));
    return weighted_quantile(residuals, request.settings.quantile);
  };
  const std::size_t nodes = tree.feature.size();
  std::vector<double> low(nodes, -std::numeric_limits<double>::infinity()), high(nodes, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < nodes; ++i) {  // children come after their parents
    if (tree.left[i] < 0) {
      tree.value[i] = std::clamp(quantile_at(static_cast<std::int32_t>(i)), low[i], high[i]);
      continue;
    }
    const std::int32_t l = tree.left[i], r = tree.right[i];
    low[l] = low[r] = low[i];
    high[l] = high[r] = high[i];
    const int m = request.direction(tree.feature[i]);
    if (m == 0) continue;
    const double middle = (std::clamp(quantile_at(l), low[i], high[i]) + std::clamp(quantile_at(r), low[i], high[i])) / 2;
    (m > 0 ? high[l] : low[l]) = middle;
    (m > 0 ? low[r] : high[r]) = middle;
  }
}

// Leaves by ranges of rows, which stand in order in each node: neighbours in memory belong to many leaves.
// Of so many leaves that a range would hold less than a row of each, ranges are longer: tables by leaf and range stay as small as the rows.
std::int64_t range_rows_of(const Grown& grown) { return std::max<std::int64_t>(1 << 14, static_cast<std::int64_t>(grown.tree.feature.size())); }
std::int64_t ranges_of(const Grown& grown, std::int64_t rows) { return (rows + range_rows_of(grown) - 1) / range_rows_of(grown); }
template <class Work>  // (range, leaf, its rows there, how many)
void by_ranges(const Grown& grown, const std::vector<std::uint32_t>& rows, std::int64_t n, Pool& pool, const Work& work) {
  const auto nodes = static_cast<std::int64_t>(grown.tree.feature.size());
  const std::int64_t range_rows = range_rows_of(grown), ranges = ranges_of(grown, n);
  std::vector<std::int64_t> starts(static_cast<std::size_t>(nodes * (ranges + 1)));  // by node, by range
  pool.run(nodes, [&](std::int64_t node) {
    if (grown.tree.left[node] >= 0) return;
    std::int64_t* const start = starts.data() + node * (ranges + 1);
    const std::int64_t end = grown.end[node];
    std::int64_t at = start[0] = grown.begin[node];
    for (std::int64_t range = 1; range <= ranges; ++range) {  // the next one is near
      std::int64_t step = 16;
      while (at + step < end && rows[at + step] < range * range_rows) at += step, step *= 2;
      at = std::lower_bound(rows.begin() + at, rows.begin() + std::min(at + step, end), range * range_rows) - rows.begin();
      start[range] = at;
    }
  });
  pool.run(ranges, [&](std::int64_t range) {
    for (std::int64_t node = 0; node < nodes; ++node) {
      if (grown.tree.left[node] >= 0) continue;
      const std::int64_t* const start = starts.data() + node * (ranges + 1) + range;
      if (start[0] < start[1]) work(range, static_cast<std::size_t>(node), rows.data() + start[0], start[1] - start[0]);
    }
  });
}

// Custom losses: each leaf's step, halved until it does not raise the loss of its rows together. A second derivative is a promise for small
// steps only, and one that was clamped promises nothing.
void settle(Grown& grown, const std::vector<std::uint32_t>& rows, const std::vector<double>& scores, Objective& objective, std::vector<double>& moved, Pool& pool) {
  model::Tree& tree = grown.tree;
  const std::size_t nodes = tree.feature.size();
  const auto n = static_cast<std::int64_t>(scores.size());
  moved.resize(scores.size());
  std::vector<Objective::Sums> sums(static_cast<std::size_t>(ranges_of(grown, n)) * nodes);
  by_ranges(grown, rows, n, pool, [&](std::int64_t range, std::size_t node, const std::uint32_t* first, std::int64_t count) {
    sums[static_cast<std::size_t>(range) * nodes + node] = objective.move(scores, first, count, tree.value[node], moved);
  });
  pool.run(static_cast<std::int64_t>(nodes), [&](std::int64_t node) {
    if (tree.left[node] >= 0) return;
    Objective::Sums all;
    for (std::size_t i = static_cast<std::size_t>(node); i < sums.size(); i += nodes) all.before += sums[i].before, all.after += sums[i].after;
    for (int half = 0; half < 40 && !(all.after <= all.before); ++half) {
      tree.value[node] = half < 39 ? tree.value[node] / 2 : 0;
      all = objective.move(scores, rows.data() + grown.begin[node], grown.end[node] - grown.begin[node], tree.value[node], moved);
    }
  });
}

void set_covers(Grown& grown, const std::vector<std::uint32_t>& rows, const Labels& labels) {
  model::Tree& tree = grown.tree;
  for (std::size_t n = tree.feature.size(); n-- > 0;) {
    if (tree.left[n] >= 0) {
      tree.cover[n] = tree.cover[tree.left[n]] + tree.cover[tree.right[n]];
    } else if (labels.weight.empty()) {
      tree.cover[n] = static_cast<double>(grown.end[n] - grown.begin[n]);
    } else {
      double sum = 0;
      for (std::int64_t i = grown.begin[n]; i < grown.end[n]; ++i) sum += labels.weight[rows[i]];
      tree.cover[n] = sum;
    }
  }
}

}  // namespace

Outcome train_gbdt(const Request& request) {
  const ModelSettings& settings = request.settings;
  MLP_CHECK(request.train.columns.size() == request.features.size());
  MLP_CHECK(request.monotone.empty() || request.monotone.size() == request.features.size());
  for (std::size_t f = 0; f < request.monotone.size(); ++f) MLP_CHECK(request.monotone[f] == 0 || request.features[f].width == 0);
  Pool pool(std::max(request.threads, 1));

  const std::vector<std::int64_t> rows = rows_in_use(request.train), valid_rows = rows_in_use(request.valid);
  MLP_CHECK(rows.size() < std::numeric_limits<std::uint32_t>::max());
  const Labels labels = labels_of(request.train, rows), valid_labels = labels_of(request.valid, valid_rows);
  check_targets(labels, settings.loss, request.classes.size());
  const std::int32_t outputs = settings.loss == Loss::softmax ? static_cast<std::int32_t>(request.classes.size()) : 1;
  const std::int64_t n = labels.rows(), valid_n = valid_labels.rows();

  Outcome out;
  model::Model& model = out.model;
  model.kind = ModelKind::gbdt;
  model.loss = settings.loss;
  model.quantile = settings.quantile;
  model.loss_name = settings.loss_name;
  model.link = settings.link;
  model.classes = request.classes;
  model.features = request.features;
  model::Forest& forest = model.forest;
  forest.outputs = outputs;

  const auto key = bin_key(request);
  std::shared_ptr<const Binned> kept = request.bins ? (*request.bins)[key] : nullptr;
  if (!kept) kept = timed("bins", [&] { return std::make_shared<const Binned>(make_bins(request.train, request.features, rows, settings.bins, settings.min_rows, pool)); });
  if (request.bins) (*request.bins)[key] = kept;
  const Binned& binned = *kept;
  forest.terms = binned.terms;
  Grower grower(binned, request, pool);
  Objective objective(labels, request, outputs, pool), valid_objective(valid_labels, request, outputs, pool);
  forest.base = objective.start();
  std::vector<double> scores(n * outputs), moved, valid_scores(valid_n * outputs), gradient(n), hessian(n);
  for (std::int32_t k = 0; k < outputs; ++k) {
    std::fill_n(scores.begin() + k * n, n, forest.base[k]);
    std::fill_n(valid_scores.begin() + k * valid_n, valid_n, forest.base[k]);
  }
  Gradients gradients;
  std::vector<std::uint32_t> noise;
  for (const std::int64_t r : rows) noise.push_back(static_cast<std::uint32_t>(random_bits(settings.seed, noise_stream, static_cast<std::uint64_t>(id_of(request, r)))));
  std::vector<std::uint32_t> sample, in_tree;
  std::vector<std::uint8_t> sampled;
  double best = std::numeric_limits<double>::infinity();
  // Where a tree follows from the scores alone, its gradients are made with the metric of the one before.
  Sizes sizes;
  const bool together = outputs == 1 && !is_custom(settings.loss);
  const auto metric = [&] {
    return together ? objective.evaluate_with_gradients(scores, gradient, hessian, sizes.gradient_sum, sizes.hessian_sum) : objective.evaluate(scores, true);
  };
  metric();

  for (std::int64_t round = 0; round < settings.trees; ++round) {
    if (round == 0 || settings.subsample < 1) sample = sample_rows(request, rows, round);
    for (std::int32_t k = 0; k < outputs; ++k) {
      timed("gradients", [&] {
        if (!together) objective.gradients(scores, k, gradient, hessian, sizes.gradient_sum, sizes.hessian_sum);
        sizes.gradient_most = objective.gradient_most();
        sizes.hessian_most = objective.hessian_most();
        quantise(gradient, hessian, sizes, noise, static_cast<std::uint32_t>(round * outputs + k) * 0x85ebca6bu, gradients, pool);
      });
      in_tree.resize(sample.size());
      pool.run(chunks_of(static_cast<std::int64_t>(sample.size())), [&](std::int64_t chunk) {
        const std::int64_t begin = chunk * chunk_rows;
        std::copy_n(sample.begin() + begin, std::min(chunk_rows, static_cast<std::int64_t>(sample.size()) - begin), in_tree.begin() + begin);
      });
      Grown grown = timed("trees", [&] { return grower.grow(gradients, in_tree, sample_features(request, binned, round * outputs + k), forest); });
      const Timed scope("scores");
      model::Tree& tree = grown.tree;
      double* out_scores = scores.data() + k * n;
      if (settings.loss == Loss::quantile) renew_quantiles(grown, in_tree, scores, labels, request);
      // A Newton step overshoots where counts are rare; under the log link the best leaf value is the logarithm of
      // observed over expected, which is that of one plus the step (l2 counts as that many events on both sides).
      if (settings.loss == Loss::poisson)
        for (double& v : tree.value) v = model::exact_log(std::max(1 + v, 1e-9));
      for (double& v : tree.value) v *= settings.learning_rate;
      if (is_custom(settings.loss)) {
        if (static_cast<std::int64_t>(in_tree.size()) < n) moved = scores;
        settle(grown, in_tree, scores, objective, moved, pool);
        scores.swap(moved);
        out_scores = scores.data();
      } else {
        by_ranges(grown, in_tree, n, pool, [&](std::int64_t, std::size_t node, const std::uint32_t* first, std::int64_t count) {
          for (std::int64_t i = 0; i < count; ++i) out_scores[first[i]] += tree.value[node];
        });
      }
      set_covers(grown, in_tree, labels);

      if (static_cast<std::int64_t>(in_tree.size()) < n) {
        sampled.assign(n, 0);
        for (const std::uint32_t r : in_tree) sampled[r] = 1;
        pool.run(chunks_of(n), [&](std::int64_t chunk) {
          for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, n); ++i)
            if (!sampled[i]) out_scores[i] += tree.value[model::leaf_of(forest, tree, model.features, request.train.columns, rows[i])];
        });
      }
      double* out_valid = valid_scores.data() + k * valid_n;
      pool.run(chunks_of(valid_n), [&](std::int64_t chunk) {
        for (std::int64_t i = chunk * chunk_rows; i < std::min((chunk + 1) * chunk_rows, valid_n); ++i)
          out_valid[i] += tree.value[model::leaf_of(forest, tree, model.features, request.valid.columns, valid_rows[i])];
      });
      forest.trees.push_back(std::move(tree));
    }
    Progress progress{.round = round + 1, .rounds = settings.trees, .metric = metric_name(settings)};
    timed("metric", [&] {
      const bool kept = is_custom(settings.loss) && static_cast<std::int64_t>(in_tree.size()) == n;
      progress.train = kept ? objective.adopt() : metric();
      progress.valid = valid_objective.evaluate(valid_scores, false);
    });
    if (!std::isfinite(progress.train))
      throw Failure(code::training_diverged, "the training " + progress.metric + " is no longer finite after round " + std::to_string(round + 1),
                    "use a smaller `learning_rate`, or scale the label");
    out.history.push_back(progress);
    if (valid_n > 0 && progress.valid < best) {
      best = progress.valid;
      out.best_round = round + 1;
    }
    if (request.on_round) request.on_round(progress);
    if (settings.early_stop > 0 && valid_n > 0 && round + 1 - out.best_round >= settings.early_stop) break;
  }
  if (settings.early_stop > 0 && valid_n > 0)
    forest.trees.resize(out.best_round * outputs);
  else
    out.best_round = static_cast<std::int64_t>(forest.trees.size()) / outputs;
  keep_used_terms(forest, static_cast<std::int32_t>(request.features.size()));
  return out;
}

}  // namespace mlp::learn
