// Networks in memory. NETWORK is a name of `kinds`, or a width: as many numbers through two rectified layers of as many units to one number.
//   bench_network step NETWORK THREADS STEPS START.f32 LOSSES.f64 [bf16] training, a batch of 256 rows by adam; the figure: seconds a step.
//       START gets the weights that it starts from, LOSSES the loss (mean square) after each of the first 20 steps
//   bench_network device NETWORK BATCH BATCHES EPOCHS START.f32 LOSSES.f64 [bf16]   the same on the GPU, of BATCHES batches of BATCH rows an epoch; prints
//       seconds a step of the last epoch; LOSSES gets the loss after each epoch
//   bench_network profile NETWORK BATCH STEPS [bf16]                what the GPU does in a step, by kernel and product, a line of JSON each
//   bench_network score NETWORK ROWS WEIGHTS.f32 OUTPUT [bf16]     scoring ROWS rows in one call, after an epoch that leaves WEIGHTS; the figure: seconds a call
// Rows are those of bench/peers/network.py: numbers from -1 to 1 by a linear congruence, the target a sum of some of them.
#include <algorithm>
#include <cmath>

#include "base/timing.h"
#include "bench/device/timed.h"
#include "bench/workers/worker.h"
#include "engine/learn.h"
#include "runtime/device/cuda.h"

namespace {

using namespace mlp;

struct Rows {
  std::vector<std::vector<double>> columns;
  engine::Division division;     // all of them to train on
  engine::Features features;
};

// What is multiplied, convolved, looked up or followed through time; bench/peers/network.py makes the same of them in PyTorch.
struct Kind {
  const char* name;
  std::size_t columns;
  const char* layers;
};
constexpr Kind kinds[] = {
    {"images", 784, "image(28, 28) |> conv2d(32, 5, relu, pad = 2) |> max_pool(2) |> conv2d(64, 5, relu, pad = 2) |> max_pool(2) |> flatten() |> dense(128, relu) |> dense(1)"},
    {"normalised", 784,
     "image(28, 28) |> conv2d(32, 5, pad = 2) |> batch_norm() |> activate(relu) |> max_pool(2) |> conv2d(64, 5, pad = 2) |> batch_norm() |> activate(relu) |> max_pool(2) |> flatten() |> "
     "dense(128, relu) |> dense(1)"},
    {"embeddings", 16, "codes() |> embed(1000, 16) |> flatten() |> dense(64, relu) |> dense(32, relu) |> dense(1)"},
    {"convolution", 384, "sequence(96) |> conv1d(32, 7, relu, stride = 2) |> conv1d(64, 5, relu) |> flatten() |> dense(1)"},
    {"recurrence", 384, "sequence(48) |> gru(64) |> dense(1)"},
    {"attention", 256, "sequence(32) |> dense(64) |> residual(attention(4)) |> layer_norm() |> residual(dense(128, relu) |> dense(64)) |> layer_norm() |> global_pool() |> dense(1)"},
};

Kind kind_of(const std::string& network) {
  for (const Kind& kind : kinds)
    if (network == kind.name) return kind;
  return {nullptr, static_cast<std::size_t>(std::atoll(network.c_str())), nullptr};
}

Rows make(std::size_t width, std::size_t rows) {
  Rows out;
  out.columns.assign(width, std::vector<double>(rows));
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t f = 0; f < width; ++f) {
      state = state * 1664525u + 1013904223u;
      out.columns[f][i] = static_cast<float>(state >> 8) * 0x1p-23f - 1;
    }
    out.division.train.row.push_back(static_cast<std::int64_t>(i));
    out.division.train.target.push_back((out.columns[0][i] + out.columns[1][i] * out.columns[2][i]) * 1.5);
  }
  out.features.train.numbers = out.columns;
  out.features.train.bags.resize(width);
  return out;
}

std::string spec_of(const Kind& kind, std::int64_t epochs, double rate, std::int64_t batch = 256, const std::string& precision = "float32") {
  const std::string w = std::to_string(kind.columns), layers = kind.layers ? kind.layers : "dense(" + w + ", relu) |> dense(" + w + ", relu) |> dense(1)";
  char text[64];
  std::snprintf(text, sizeof text, "%.9f", rate);
  return "schema Row {\n  f0..f" + std::to_string(kind.columns - 1) + " : float\n  y : float\n}\nsource rows_in: Row = csv(\"rows.csv\")\nfeatures x from rows_in {\n  columns(\"f*\")\n}\n" +
         "layer codes(v: float[n]) -> float[n] = floor((v + 1) * 500)\n" +
         "model m = network {\n  predict y from x\n  layers = " + layers + "\n  loss = squared\n  optimizer = adam(lr = " + text + ")\n  epochs = " + std::to_string(epochs) + "\n  batch = " + std::to_string(batch) + "\n  precision = " + precision + "\n}\n";
}

void write_weights(const char* path, const model::Model& model) {
  std::ofstream out(path, std::ios::binary);
  for (const model::NetworkTensor& weight : model.network.weights)
    out.write(reinterpret_cast<const char*>(weight.values.data()), static_cast<std::streamsize>(weight.values.size() * sizeof(float)));
}

// The weights that a training starts from: a step of rate (nearly) 0 leaves them.
void write_start(const char* path, const Kind& kind, const engine::Division& division, const engine::Features& features) {
  engine::Division two;                                // rows are enough: a label must have two values
  two.train.row = {0, 1};
  two.train.target = {division.train.target[0], division.train.target[1]};
  write_weights(path, engine::train_model(engine::prepare("bench", spec_of(kind, 1, 1e-9)), two, features, {}, nullptr).model);
}

int on_device(char** argv, const std::string& precision) {
  const Kind kind = kind_of(argv[2]);
  const std::int64_t batch = std::atoll(argv[3]), batches = std::atoll(argv[4]);
  const Rows rows = make(kind.columns, static_cast<std::size_t>(batch * batches));
  write_start(argv[6], kind, rows.division, rows.features);
  const std::unique_ptr<device::CudaDevice> gpu = device::open_cuda();
  const engine::TrainingDevice device{*gpu, "cuda", [&](const loop::Module& loops) { return driver::native().device_code(loops, gpu->architecture()); }};
  engine::TrainOptions options;
  options.threads = 16;
  options.device = &device;
  std::vector<double> losses, seconds;
  Recording recording;
  double last = 0;
  options.on_round = [&](const learn::Progress& p) {
    losses.push_back(p.train * p.train);
    for (const TimedPart& part : recording.parts())
      if (part.name == "batches") seconds.push_back(part.seconds - last), last = part.seconds;
  };
  engine::train_model(engine::prepare("bench", spec_of(kind, std::atoll(argv[5]), 1e-3, batch, precision)), rows.division, rows.features, options, nullptr);
  bench::write(argv[7], losses);
  std::printf("{\"step\": %.9f, \"first\": %.9f, \"device\": \"%s\", \"products\": \"%s\"}\n", seconds.back() / static_cast<double>(batches), seconds.front() / static_cast<double>(batches),
              gpu->describe().c_str(), gpu->products().c_str());
  return 0;
}

// Twice as many steps as are shown: the first half warms caches and algorithms up.
int profile(char** argv, const std::string& precision) {
  const Kind kind = kind_of(argv[2]);
  const std::int64_t batch = std::atoll(argv[3]), steps = std::atoll(argv[4]);
  const Rows rows = make(kind.columns, static_cast<std::size_t>(batch * steps));
  const std::unique_ptr<device::CudaDevice> gpu = device::open_cuda();
  bench::TimedDevice timed(*gpu);
  const engine::TrainingDevice device{timed, "cuda", [&](const loop::Module& loops) { return driver::native().device_code(loops, gpu->architecture()); }};
  engine::TrainOptions options;
  options.threads = 16;
  options.device = &device;
  std::map<std::string, bench::TimedDevice::Part> parts;
  options.on_round = [&](const learn::Progress&) {
    parts = timed.parts();
    timed.forget();
  };
  engine::train_model(engine::prepare("bench", spec_of(kind, 2, 1e-3, batch, precision)), rows.division, rows.features, options, nullptr);
  for (const auto& [what, part] : parts)
    std::printf("{\"name\": \"device-profile\", \"what\": \"%s\", \"calls\": %.1f, \"least_microseconds\": %.2f, \"microseconds_a_step\": %.2f}\n", what.c_str(),
                static_cast<double>(part.calls) / static_cast<double>(steps), 1e3 * part.least, 1e3 * part.sum / static_cast<double>(steps));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const std::string mode = argv[1];
  const bool step = mode == "step";
  const Kind kind = kind_of(argv[2]);
  const std::string precision = std::string(argv[argc - 1]) == "bf16" ? "bf16" : "float32";
  if (mode == "device") return argc >= 8 ? on_device(argv, precision) : 2;
  if (mode == "profile") return profile(argv, precision);
  if (step) {
    engine::TrainOptions options;
    options.threads = std::atoi(argv[3]);
    const std::int64_t steps = std::atoll(argv[4]);
    const Rows rows = make(kind.columns, 256);
    write_start(argv[5], kind, rows.division, rows.features);
    const engine::Pipeline pipeline = engine::prepare("bench", spec_of(kind, steps, 1e-3, 256, precision));
    std::vector<double> losses;
    options.on_round = [&](const learn::Progress& p) { losses.push_back(p.train * p.train); };
    const auto run = [&] {
      losses.clear();
      Recording recording;
      engine::train_model(pipeline, rows.division, rows.features, options, nullptr);
      for (const TimedPart& part : recording.parts())
        if (part.name == "batches") return part.seconds / static_cast<double>(part.calls);
      return 0.0;
    };
    run();
    losses.resize(std::min<std::size_t>(losses.size(), 20));
    bench::write(argv[6], losses);
    return bench::serve(std::string("{\"version\": \"mlp\", \"output\": \"") + argv[6] + "\"}", std::function<double()>(run));
  }
  const Rows rows = make(kind.columns, static_cast<std::size_t>(std::atoll(argv[3])));
  const engine::Pipeline pipeline = engine::prepare("bench", spec_of(kind, 1, 1e-3, 256, precision));
  const model::Model model = engine::train_model(pipeline, rows.division, rows.features, {}, nullptr).model;
  write_weights(argv[4], model);
  const model::Scorer scorer(model);
  const model::Matrix matrix = rows.features.train.matrix();
  std::vector<double> scores(rows.division.train.row.size());
  const auto run = [&] {
    const double begin = bench::now();
    scorer.score(matrix, static_cast<std::int64_t>(scores.size()), scores.data());
    return bench::now() - begin;
  };
  run();
  bench::write(argv[5], scores);
  return bench::serve(std::string("{\"version\": \"mlp\", \"output\": \"") + argv[5] + "\"}", std::function<double()>(run));
}
