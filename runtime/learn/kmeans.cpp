// k-means: rows into clusters of least squared distance to their centres (Lloyd 1982). Each start seeds by greedy k-means++
// (Arthur, Vassilvitskii 2007: of a few rows drawn by squared distance the one that lowers the sum most), then moves centres
// and rows by turns; the start with the least inertia is kept. Rows are assigned by the code that scores them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/learn/learn.h"
#include "runtime/learn/pool.h"
#include "runtime/learn/random.h"
#include "runtime/model/kernels.h"
#include "runtime/model/walk.h"

namespace mlp::learn {
namespace {

std::uint64_t seeding_stream(std::int64_t start) { return (std::uint64_t{4} << 56) | static_cast<std::uint64_t>(start); }

class Clusterer {
 public:
  Clusterer(const Request& request, Pool& pool) : request_(request), data_(request.train), rows_(request.train.rows), k_(static_cast<std::int32_t>(request.settings.clusters)), pool_(pool) {
    for (const model::FeatureInfo& f : request.features) {
      MLP_CHECK(!f.category && !f.bag);
      layout_.offset.push_back(static_cast<std::int32_t>(total_));
      layout_.width.push_back(f.width);
      total_ += f.width == 0 ? 1 : f.width;
    }
    check();
  }

  Outcome run() {
    Outcome best;
    double least = std::numeric_limits<double>::infinity();
    std::vector<double> centres, mass;
    for (std::int64_t start = 0; start < request_.settings.starts; ++start) {
      std::vector<double> now = seed(start);
      bool converged = false;
      const std::int64_t iterations = settle(now, converged);
      const double inertia = assign(now);
      if (inertia < least) {
        least = inertia;
        best.best_round = iterations;
        best.converged = converged;
        centres = now;
        sums(&mass);
      }
      best.history.push_back({start + 1, request_.settings.starts, "inertia", inertia, std::numeric_limits<double>::quiet_NaN()});
      if (request_.on_round) request_.on_round({start + 1, request_.settings.starts, "inertia", least, std::numeric_limits<double>::quiet_NaN()});
    }
    if (!(least < std::numeric_limits<double>::infinity())) throw Failure(code::training_diverged, "the distances between rows are beyond the range of numbers", "bring the features to one scale: `standardize`");
    best.model.kind = ModelKind::kmeans;
    best.model.loss = Loss::none;
    best.model.features = request_.features;
    best.model.centres = layout_;
    best.model.centres.clusters = k_;
    // The largest cluster is number 0; of clusters of one size the one whose centre comes first.
    std::vector<std::int32_t> order(k_);
    std::iota(order.begin(), order.end(), 0);
    const auto row = [&](std::int32_t k) { return centres.begin() + k * total_; };
    std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      if (mass[a] != mass[b]) return mass[a] > mass[b];
      return std::lexicographical_compare(row(a), row(a) + total_, row(b), row(b) + total_);
    });
    for (const std::int32_t k : order) best.model.centres.values.insert(best.model.centres.values.end(), row(k), row(k) + total_);
    return best;
  }

 private:
  double weight(std::int64_t i) const { return data_.weight.empty() ? 1.0 : data_.weight[i]; }

  void check() {
    for (std::size_t f = 0; f < request_.features.size(); ++f)
      for (std::int64_t i = 0; request_.features[f].width == 0 && i < rows_; ++i) {
        const double v = data_.columns[f][i];
        if (std::fabs(v) <= 1e150) continue;
        throw Failure(code::feature_not_finite, "feature `" + request_.features[f].name + "` is " + (std::isnan(v) ? "missing" : "infinite or above 1e150") + " in training row " + std::to_string(i + 1),
                      "impute or clip it: `impute(median)`, `clip_outliers`");
      }
    for (std::int64_t i = 0; i < rows_; ++i) {
      if (!(weight(i) >= 0) || weight(i) > 1e30) throw Failure(code::bad_weight, "row " + std::to_string(i + 1) + " has the weight " + std::to_string(weight(i)), "weights are numbers from 0 to 1e30");
      mass_ += weight(i);
    }
    if (!(mass_ > 0)) throw Failure(code::no_training_rows, "there are no rows to train on", "look at the split, at filters and at weights: the training part needs rows with a positive weight");
  }

  template <class Body>
  void by_chunk(std::int64_t first, std::int64_t count, const Body& body) {
    pool_.run(count, [&](std::int64_t c) {
      const std::int64_t begin = (first + c) * chunk_rows;
      body(c, begin, std::min(begin + chunk_rows, rows_));
    });
  }
  template <class Body>  // body(begin, end) → sum; added chunk by chunk
  double total(const Body& body) {
    std::vector<double> parts(chunks_of(rows_));
    by_chunk(0, static_cast<std::int64_t>(parts.size()), [&](std::int64_t c, std::int64_t begin, std::int64_t end) { parts[c] = body(begin, end); });
    return std::accumulate(parts.begin(), parts.end(), 0.0);
  }

  model::Finder finder(const std::vector<double>& values, std::int32_t clusters) const {
    model::Centres centres = layout_;
    centres.clusters = clusters;
    centres.values = values;
    return model::Finder(std::move(centres));
  }

  // Fills cluster_ and squared_; the inertia.
  double assign(const std::vector<double>& centres) { return assign(finder(centres, k_)); }
  double assign(const model::Finder& find) {
    cluster_.resize(rows_);
    squared_.resize(rows_);
    return total([&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t first = begin; first < end; first += model::block_rows)
        find.find(model::best_kernels(), data_.columns, first, std::min(model::block_rows, end - first), &cluster_[first], &squared_[first]);
      for (std::int64_t i = begin; i < end; ++i) sum += weight(i) * squared_[i];
      return sum;
    });
  }

  // The sums of the rows of each cluster, and their weights.
  std::vector<double> sums(std::vector<double>* mass) {
    const std::int64_t size = k_ * (total_ + 1), chunks = chunks_of(rows_), wave = std::clamp<std::int64_t>((std::int64_t{1} << 22) / size, 1, chunks);
    std::vector<double> all(size, 0.0), parts(wave * size);
    for (std::int64_t first = 0; first < chunks; first += wave) {
      const std::int64_t count = std::min(wave, chunks - first);
      by_chunk(first, count, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        double* const part = &parts[c * size];
        std::fill_n(part, size, 0.0);
        for (std::size_t f = 0; f < request_.features.size(); ++f) {
          const double* values = data_.columns[f].numbers;
          double* const to = part + layout_.offset[f];
          if (layout_.width[f] == 0) {
            for (std::int64_t i = begin; i < end; ++i) to[cluster_[i] * total_] += weight(i) * values[i];
          } else {
            for (std::int64_t i = begin; i < end; ++i)
              if (const std::int32_t code = model::code_of(values[i], layout_.width[f]); code >= 0) to[cluster_[i] * total_ + code] += weight(i);
          }
        }
        for (std::int64_t i = begin; i < end; ++i) part[k_ * total_ + cluster_[i]] += weight(i);
      });
      for (std::int64_t c = 0; c < count; ++c)
        for (std::int64_t j = 0; j < size; ++j) all[j] += parts[c * size + j];
    }
    mass->assign(all.begin() + k_ * total_, all.end());
    all.resize(k_ * total_);
    return all;
  }

  // A cluster without rows takes the row that is farthest from its centre, of equals the first, from a cluster of two at least.
  bool fill_empty(const std::vector<double>& mass) {
    std::vector<std::int32_t> empty;
    for (std::int32_t k = 0; k < k_; ++k)
      if (!(mass[k] > 0)) empty.push_back(k);
    if (empty.empty()) return false;
    std::vector<std::int64_t> members(k_, 0), far;
    for (std::int64_t i = 0; i < rows_; ++i) {
      members[cluster_[i]] += weight(i) > 0;
      if (weight(i) > 0 && squared_[i] > 0) far.push_back(i);
    }
    std::sort(far.begin(), far.end(), [&](std::int64_t a, std::int64_t b) { return squared_[a] != squared_[b] ? squared_[a] > squared_[b] : a < b; });
    bool moved = false;
    auto next = far.begin();
    for (const std::int32_t k : empty) {
      while (next != far.end() && members[cluster_[*next]] < 2) ++next;
      if (next == far.end()) break;
      --members[cluster_[*next]];
      cluster_[*next++] = k;
      moved = true;
    }
    return moved;
  }

  // Lloyd's iterations; how many there were.
  std::int64_t settle(std::vector<double>& centres, bool& converged) {
    const double enough = request_.settings.tolerance * variance();
    std::vector<std::int32_t> before;
    std::vector<double> mass;
    for (std::int64_t iteration = 1; iteration <= request_.settings.iterations; ++iteration) {
      assign(centres);
      if (cluster_ == before) return converged = true, iteration - 1;
      before = cluster_;
      std::vector<double> moved = sums(&mass);
      if (fill_empty(mass)) moved = sums(&mass);
      double shift = 0;
      for (std::int32_t k = 0; k < k_; ++k)
        for (std::int64_t j = 0; j < total_; ++j) {
          double& c = moved[k * total_ + j];
          c = mass[k] > 0 ? c / mass[k] : centres[k * total_ + j];
          shift += (c - centres[k * total_ + j]) * (c - centres[k * total_ + j]);
        }
      centres = std::move(moved);
      if (shift <= enough) return converged = true, iteration;
    }
    return request_.settings.iterations;
  }

  // The mean variance of a column, one-hot features as columns of 0 and 1.
  double variance() {
    if (variance_ >= 0) return variance_;
    cluster_.assign(rows_, 0);
    std::vector<double> mass, mean = sums(&mass);
    mean.resize(total_);
    for (double& m : mean) m /= mass_;
    return variance_ = assign(finder(mean, 1)) / mass_ / static_cast<double>(total_);
  }

  void copy_row(std::int64_t row, std::vector<double>& to) const {
    const std::size_t at = to.size();
    to.resize(at + total_, 0.0);
    for (std::size_t f = 0; f < request_.features.size(); ++f) {
      const double v = data_.columns[f][row];
      if (layout_.width[f] == 0) to[at + layout_.offset[f]] = v;
      else if (const std::int32_t code = model::code_of(v, layout_.width[f]); code >= 0) to[at + layout_.offset[f] + code] = 1;
    }
  }

  // The row in which the running sum of weight times `closest` passes `share` of the whole.
  std::int64_t draw(const std::vector<double>& closest, double share) {
    std::vector<double> parts(chunks_of(rows_));
    by_chunk(0, static_cast<std::int64_t>(parts.size()), [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) parts[c] += weight(i) * closest[i];
    });
    double rest = share * std::accumulate(parts.begin(), parts.end(), 0.0);
    std::int64_t last = -1;
    for (std::size_t c = 0; c < parts.size(); ++c) {
      if (!(parts[c] > 0)) continue;
      const bool here = rest < parts[c];
      const std::int64_t begin = static_cast<std::int64_t>(c) * chunk_rows, end = std::min(begin + chunk_rows, rows_);
      if (!here) {
        rest -= parts[c];
        for (std::int64_t i = end; i-- > begin;)  // in case that rounding leads beyond the last chunk
          if (weight(i) * closest[i] > 0) { last = i; break; }
        continue;
      }
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        sum += weight(i) * closest[i];
        if (weight(i) * closest[i] > 0) last = i;
        if (sum > rest) return last;
      }
      return last;
    }
    return last;
  }

  // `closest`, lowered by the distance to one centre; the weighted sum. With `keep` it stays lowered.
  double lower(std::vector<double>& closest, const std::vector<double>& centre, bool keep) {
    const model::Finder find = finder(centre, 1);
    return total([&](std::int64_t begin, std::int64_t end) {
      std::int32_t ignored[model::block_rows];
      double squared[model::block_rows], sum = 0;
      for (std::int64_t first = begin; first < end; first += model::block_rows) {
        const std::int64_t count = std::min(model::block_rows, end - first);
        find.find(model::best_kernels(), data_.columns, first, count, ignored, squared);
        for (std::int64_t i = 0; i < count; ++i) {
          const double now = std::min(closest[first + i], squared[i]);
          sum += weight(first + i) * now;
          if (keep) closest[first + i] = now;
        }
      }
      return sum;
    });
  }

  std::vector<double> seed(std::int64_t start) {
    std::uint64_t next = 0;
    const auto unit = [&] { return random_unit(request_.settings.seed, seeding_stream(start), next++); };
    const auto trials = static_cast<std::int64_t>(2 + std::floor(std::log(static_cast<double>(k_))));
    std::vector<double> closest(rows_, 1.0), centres;
    copy_row(draw(closest, unit()), centres);
    std::fill(closest.begin(), closest.end(), std::numeric_limits<double>::infinity());
    double potential = lower(closest, centres, true);
    for (std::int32_t k = 1; k < k_; ++k) {
      if (!(potential > 0))
        throw Failure(code::too_few_rows, "the train part has " + std::to_string(k) + " different rows, and `clusters` asks for " + std::to_string(k_), "ask for fewer clusters, or gather more rows");
      std::vector<double> best;
      double least = std::numeric_limits<double>::infinity();
      for (std::int64_t t = 0; t < trials; ++t) {
        std::vector<double> candidate;
        copy_row(draw(closest, unit()), candidate);
        const double sum = lower(closest, candidate, false);
        if (best.empty() || sum < least) least = sum, best = std::move(candidate);
      }
      potential = lower(closest, best, true);
      centres.insert(centres.end(), best.begin(), best.end());
    }
    return centres;
  }

  const Request& request_;
  const Dataset& data_;
  const std::int64_t rows_;
  const std::int32_t k_;
  std::int64_t total_ = 0;                  // numbers of a centre
  model::Centres layout_;                   // without clusters
  double mass_ = 0, variance_ = -1;
  std::vector<std::int32_t> cluster_;       // by row
  std::vector<double> squared_;             // distance to its centre
  Pool& pool_;
};

}  // namespace

Outcome train_kmeans(const Request& request) {
  Pool pool(request.threads);
  return Clusterer(request, pool).run();
}

}  // namespace mlp::learn
