// Trainers. The same data, settings and seed give the same bytes at any number of threads.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "abi/abi.h"
#include "base/diagnostic.h"
#include "base/launches.h"
#include "runtime/device/device.h"
#include "runtime/model/model.h"

namespace mlp::learn {

// Training rows by feature column. Number features: any double, NaN = missing. Category and one-hot features: codes
// 0..width-1 as doubles, NaN = missing or unseen. Bags: terms of 0..terms-1 with finite values.
struct Dataset {
  std::int64_t rows = 0;
  model::Matrix columns;
  std::vector<double> target;                 // class index, or the value; not used without a target
  std::vector<double> weight;                 // empty = 1 each
  std::vector<std::int64_t> row_id;           // global row number: what randomness is keyed by; empty = 0..rows-1
};

struct Progress {
  std::int64_t round = 0, rounds = 0;
  std::string metric;                         // name of the metric: logloss, rmse, …
  double train = 0, valid = 0;                // NaN where there is none; of a forest train is out of bag
};

// Histogram bins of one set of train rows and features, kept from one training to the next: by the settings `bins` and, where
// there are bags, `min_rows`.
struct Binned;
using BinCache = std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<const Binned>>;
// A loss of the language, compiled: columns target and score; output the loss, or gradient and Hessian by the score, and the loss.
struct LossKernels {
  mlp_kernel value = nullptr, derivatives = nullptr;
};

// A network as its trainer sees it: compiled code, and how its weights start and change.
enum class Start { glorot, he, normal, uniform, value };   // as ir::WeightInit, by shape: fan in is all axes but the last, fan out the last
struct NetworkWeight {
  std::string name;
  std::vector<std::int64_t> shape;
  Start start = Start::glorot;
  double scale = 0;
  bool decays = true;                         // weight decay of an optimizer touches it
  bool stored = false;                        // its gradient needs no 0 to begin with (mlp_network_call::begins)
};
struct NetworkState {
  std::string name;
  std::vector<std::int64_t> shape;
  double start = 0, momentum = 0.9;
};
// Floats of a call's scratch that are sums over its rows.
struct NetworkSum {
  std::int64_t offset = 0, floats = 0;
};
struct NetworkPlan {
  mlp_network train = nullptr, score = nullptr;
  mlp_network_update update = nullptr;
  std::int32_t outputs = 1;                   // scores of a row
  std::vector<std::int32_t> numbers;          // features that come in as numbers
  std::vector<NetworkWeight> weights;
  std::vector<NetworkState> states;
  std::vector<std::vector<NetworkSum>> barriers;  // of `train`, between its segments: what is added up over all calls of a batch (abi/abi.def)
  std::int64_t multiplied = 0;                // elements of the weights that products multiply by
  std::int32_t kept = 0;                      // by the optimizer, of each element
  double rate = 1e-3;                         // its learning rate
};

// All that the training of a network goes on from after an epoch, to the same bytes as if it had not been interrupted.
struct NetworkCheckpoint {
  std::int64_t epoch = 0, step = 0, best = 0; // best: the epoch with the least metric of the valid part, 0 = none
  double least = 0;
  std::vector<LargeVector<float>> weights, states, best_weights, best_states;
  std::vector<std::vector<LargeVector<float>>> kept;  // by the optimizer: weight, what, element
  std::vector<Progress> history;
};

// How far the compiled gradient of a weight is from central differences of the loss, before the first step, on the first batch.
struct GradientCheck {
  std::string weight;
  std::int64_t elements = 0;                  // that were looked at
  double error = 0;                           // the worst, relative to the greater of both and to a tenth of the weight's root mean square
  std::int64_t at = 0;                        // the element with it
  double compiled = 0, difference = 0;        // both there
};

struct Request {
  ModelSettings settings;
  LossKernels loss;                           // of a custom loss
  NetworkPlan network;
  const NetworkCheckpoint* resume = nullptr;  // of the same request, or none
  std::function<void(const std::vector<GradientCheck>&)> on_gradients;           // asks for them, of a network that is not resumed; may throw to stop
  std::function<void(const std::function<NetworkCheckpoint()>&)> on_checkpoint;  // after each epoch; what it is handed makes one
  std::vector<model::FeatureInfo> features;
  std::vector<std::string> classes;
  std::vector<int> monotone;                  // by feature: -1, 0, 1; empty = none
  int direction(std::int32_t feature) const { return feature < static_cast<std::int32_t>(monotone.size()) ? monotone[feature] : 0; }  // of a term 0
  Dataset train, valid;                       // valid.rows 0 = none
  int threads = 1;
  device::Device* device = nullptr;           // what trains a network instead of the CPU; its kernels are in device_code
  const DeviceCode* device_code = nullptr;
  BinCache* bins = nullptr;                   // of these train rows and features, or none
  std::function<void(const Progress&)> on_round;   // called from the calling thread; may throw to stop
};

struct Outcome {
  model::Model model;
  std::vector<Progress> history;
  std::int64_t best_round = 0;                // rounds kept (early stopping)
  std::map<std::string, double> out_of_bag;   // forest: metrics of the train rows, each by the trees that did not draw it
  bool converged = true;                      // linear, kmeans: the stated tolerance was reached within the iterations
};

Outcome train_gbdt(const Request& request);    // throws Failure: label with one value, no rows, …
Outcome train_linear(const Request& request);
// loss squared, logistic or softmax; leaves hold means and shares of classes, whatever the loss.
Outcome train_forest(const Request& request);
Outcome train_kmeans(const Request& request);             // best_round: iterations of the start that was kept
Outcome train_isolation_forest(const Request& request);
Outcome train_network(const Request& request);            // best_round: the epoch whose weights were kept
inline Outcome train(const Request& request) {
  switch (request.settings.kind) {
    case ModelKind::gbdt: return train_gbdt(request);
    case ModelKind::linear: return train_linear(request);
    case ModelKind::forest: return train_forest(request);
    case ModelKind::kmeans: return train_kmeans(request);
    case ModelKind::isolation_forest: return train_isolation_forest(request);
    case ModelKind::network: return train_network(request);
  }
  MLP_BUG("unknown kind of model");
}

}  // namespace mlp::learn
