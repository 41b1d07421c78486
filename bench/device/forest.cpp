// A forest on the GPU over rows that stay there. bench_device_forest DIR ROWS TREES LEAVES FEATURES PEER_ROWS: makes a forest and rows, writes the
// forest and the first of the rows to DIR for the peer (bench/device/forest.py), compares the device with the CPU bit for bit, then times a run for each
// line of input.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "base/diagnostic.h"
#include "runtime/device/cuda.h"
#include "runtime/model/device_forest.h"

using namespace mlp;

namespace {

double unit(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11) * 0x1p-53; }

// Leaves are split as a trainer does that takes the best one each time: often where many rows are. Thresholds lie on a grid of
// 256, as bins do. Rows are even on [0, 1).
model::Model random_forest(int trees, int leaves, int features) {
  std::mt19937_64 rng(1);
  model::Model m;
  m.forest.base = {0.5};
  for (int f = 0; f < features; ++f) m.features.push_back({.name = "f" + std::to_string(f)});
  struct Leaf {
    std::int32_t node;
    double rows;
    std::vector<std::pair<int, int>> range;        // by feature, in 256ths
  };
  for (int t = 0; t < trees; ++t) {
    model::Tree tree;
    const auto add = [&] {
      const std::int32_t node = tree.add_leaf(1);
      tree.value[static_cast<std::size_t>(node)] = (unit(rng) - 0.5) / 16;
      tree.cover[static_cast<std::size_t>(node)] = 1;
      return node;
    };
    std::vector<Leaf> open{{add(), 1.0, std::vector<std::pair<int, int>>(static_cast<std::size_t>(features), {0, 256})}};
    while (static_cast<int>(open.size()) < leaves) {
      double left = unit(rng);
      std::size_t at = 0;
      while (at + 1 < open.size() && (left -= open[at].rows) > 0) ++at;
      Leaf& leaf = open[at];
      const auto f = static_cast<std::size_t>(rng() % static_cast<std::uint64_t>(features));
      const auto [low, high] = leaf.range[f];
      if (high - low < 2) continue;
      const int cut = low + 1 + static_cast<int>(rng() % static_cast<std::uint64_t>(high - low - 1));
      const auto i = static_cast<std::size_t>(leaf.node);
      tree.feature[i] = static_cast<std::int32_t>(f);
      tree.threshold[i] = cut / 256.0;
      tree.value[i] = 0;
      const std::int32_t l = add(), r = add();
      tree.left[i] = l;
      tree.right[i] = r;
      Leaf right = leaf;
      right.node = r, right.rows = leaf.rows * (high - cut) / (high - low), right.range[f].first = cut;
      leaf.node = l, leaf.rows -= right.rows, leaf.range[f].second = cut;
      open.push_back(std::move(right));
    }
    m.forest.trees.push_back(std::move(tree));
  }
  return m;
}

template <class T>
void write(const std::string& path, const T* values, std::size_t count) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
}

void write_model(const std::string& directory, const model::Model& m) {
  std::vector<std::int32_t> feature, left, right, root;
  std::vector<float> threshold, value;
  int deepest = 0;
  for (const model::Tree& tree : m.forest.trees) {
    const auto first = static_cast<std::int32_t>(feature.size());
    root.push_back(first);
    std::vector<int> depth(tree.feature.size(), 0);
    for (std::size_t i = 0; i < tree.feature.size(); ++i) {
      const bool leaf = tree.left[i] < 0;
      feature.push_back(leaf ? 0 : tree.feature[i]);
      threshold.push_back(static_cast<float>(leaf ? 0 : tree.threshold[i]));
      left.push_back(first + (leaf ? static_cast<std::int32_t>(i) : tree.left[i]));    // a leaf leads to itself
      right.push_back(first + (leaf ? static_cast<std::int32_t>(i) : tree.right[i]));
      value.push_back(static_cast<float>(tree.value[i]));
      if (leaf) continue;
      depth[static_cast<std::size_t>(tree.left[i])] = depth[static_cast<std::size_t>(tree.right[i])] = depth[i] + 1;
      deepest = std::max(deepest, depth[i] + 1);
    }
  }
  write(directory + "/feature.i32", feature.data(), feature.size());
  write(directory + "/threshold.f32", threshold.data(), threshold.size());
  write(directory + "/left.i32", left.data(), left.size());
  write(directory + "/right.i32", right.data(), right.size());
  write(directory + "/value.f32", value.data(), value.size());
  write(directory + "/root.i32", root.data(), root.size());
  std::ofstream(directory + "/depth") << deepest << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: bench_device_forest DIR ROWS TREES LEAVES FEATURES PEER_ROWS\n");
    return 2;
  }
  try {
    const std::string directory = argv[1];
    const auto rows = static_cast<std::int64_t>(std::atoll(argv[2]));
    const int features = std::atoi(argv[5]);
    const auto peer_rows = static_cast<std::size_t>(std::min<std::int64_t>(rows, std::atoll(argv[6])));
    const model::Model m = random_forest(std::atoi(argv[3]), std::atoi(argv[4]), features);
    write_model(directory, m);
    std::vector<std::vector<double>> columns(static_cast<std::size_t>(features));
    std::vector<std::vector<float>> floats(columns.size());
    const auto make = [&](std::size_t from, std::size_t step) {
      for (std::size_t f = from; f < columns.size(); f += step) {
        std::mt19937_64 rng(100 + f);
        columns[f].resize(static_cast<std::size_t>(rows));
        floats[f].resize(peer_rows);
        for (std::size_t i = 0; i < columns[f].size(); ++i) {
          const float v = static_cast<float>(rng() >> 40) * 0x1p-24f;
          columns[f][i] = v;
          if (i < peer_rows) floats[f][i] = v;
        }
      }
    };
    std::vector<std::thread> threads;
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t t = 0; t < cores; ++t) threads.emplace_back(make, t, cores);
    for (std::thread& t : threads) t.join();
    std::ofstream out(directory + "/columns.f32", std::ios::binary);
    for (const std::vector<float>& column : floats) out.write(reinterpret_cast<const char*>(column.data()), static_cast<std::streamsize>(column.size() * 4));
    out.close();
    model::Matrix matrix;
    for (const auto& column : columns) matrix.push_back(column.data());

    const auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
    const auto device = device::open_cuda();
    model::DeviceForest forest(m, *device);
    const double before = now();
    forest.take(matrix, rows);
    device->wait();
    const double take_seconds = now() - before;
    forest.start();
    std::vector<double> scores(static_cast<std::size_t>(rows));
    device->copy_out(scores.data(), forest.scores_at(), scores.size() * sizeof(double));
    write(directory + "/scores.f64", scores.data(), peer_rows);
    const std::int64_t checked = std::min<std::int64_t>(rows, 100000);
    std::vector<double> wanted(static_cast<std::size_t>(checked));
    model::Scorer(m).score(matrix, checked, wanted.data());
    const bool same = std::memcmp(wanted.data(), scores.data(), wanted.size() * sizeof(double)) == 0;
    std::printf("{\"version\": \"mlp\", \"device\": \"%s\", \"kernel\": \"%s\", \"row_bytes\": %lld, \"same_bytes_as_cpu\": %s, \"take_seconds\": %.4f}\n", device->describe().c_str(), forest.kernel().c_str(),
                static_cast<long long>(forest.row_bytes()), same ? "true" : "false", take_seconds);
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
      std::printf("%.9f\n", device->milliseconds([&] { forest.start(); }) / 1000);
      std::fflush(stdout);
    }
    return same ? 0 : 1;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
