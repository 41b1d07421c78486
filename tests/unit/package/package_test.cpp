#include "runtime/package/package.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/diagnostic.h"
#include "base/files.h"
#include "runtime/package/bytes.h"
#include "runtime/package/safetensors.h"
#include "tests/unit/score/sample.h"

namespace mlp::package {
namespace {

std::string failure_code(const std::string& bytes, std::string* message = nullptr) {
  try {
    from_bytes(bytes, "p.pkg");
  } catch (const Failure& failure) {
    if (message) *message = failure.diagnostic.message;
    EXPECT_NE(failure.diagnostic.message.find("p.pkg"), std::string::npos);
    return info(failure.diagnostic.code).code;
  }
  return "";
}

// With a digest that fits what was changed.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 64);
  return bytes + sha256(bytes);
}

Package isotonic() {
  Package p = sample::binary();
  p.model.calibration = {Calibrate::isotonic, {{{-1, 0.5, 2}, {0.125, 0.5, 0.875}, 0, 0}}};
  return p;
}
Package sigmoids() {
  Package p = sample::classes();
  p.model.calibration = {Calibrate::platt, {{{}, {}, -1.5, 0.25}, {{}, {}, -0.75, 0}, {{}, {}, -1, 0.5}}};
  return p;
}
// Trees whose leaves hold a share for each of three classes.
Package forest() {
  Package p = sample::classes();
  p.model.kind = ModelKind::forest;
  p.model.forest.outputs = 3;
  p.model.forest.base = {0, 0, 0};
  p.model.linear = {};
  model::Tree tree = sample::stump(0, 11.5, 0, 0);
  tree.value = {0, 0, 0, 0.5, 0.25, 0.25, 0, 1, 0};
  p.model.forest.trees = {tree, tree};
  return p;
}

Package network() {
  Package p = sample::classes();
  p.model.kind = ModelKind::network;
  p.model.linear = {};
  p.model.network = {.outputs = 3, .numbers = {0}, .weights = {{"dense_1.w", {2, 3}, {1, -2.5f, 3e-8f, 0, 5, 6}}, {"dense_1.b", {3}, {0.5f, 0, -0.0f}}, {"scale", {}, {2}}},
                     .states = {{"batch_norm_1.mean", {3}, {1, 2, 3}}}, .centre = 0, .unit = 1};
  return p;
}

Package rounded() {
  Package p = network();
  p.model.network.precision = Precision::bf16;
  p.model.network.weights[0].values = {1, -2.5f, 0.0625f, 0, -0.0f, 0x1.8p-80f};
  p.model.network.weights[0].rounded = {2, 3, false};
  return p;
}

TEST(Package, ComesBackTheSame) {
  for (const Package& p : {sample::binary(), sample::classes(), sample::regression(), sample::clusters(), sample::anomalies(), network(), rounded(), isotonic(), sigmoids(), forest()}) {
    const std::string bytes = to_bytes(p);
    EXPECT_EQ(bytes, to_bytes(p));
    const Package back = from_bytes(bytes, "p.pkg");
    EXPECT_EQ(to_bytes(back), bytes);
    EXPECT_EQ(back.spec, p.spec);
    EXPECT_EQ(back.manifest, p.manifest);
    EXPECT_EQ(back.signature.request[0].bounds.high, 120.0);
    EXPECT_EQ(back.signature.request[3].true_word, "Yes");
    EXPECT_EQ(back.signature.source.null_words, p.signature.source.null_words);
    EXPECT_EQ(back.signature.feature_columns, p.signature.feature_columns);
    EXPECT_EQ(back.signature.feature_reference[1].counts, p.signature.feature_reference[1].counts);
    EXPECT_EQ(back.fitted.tables[1].folds, 2);
    EXPECT_TRUE(std::signbit(back.fitted.numbers[1]));
    EXPECT_TRUE(std::isnan(back.fitted.tables[0].values[3]));
    EXPECT_EQ(back.model.classes, p.model.classes);
    EXPECT_EQ(back.model.outputs(), p.model.outputs());
    EXPECT_EQ(back.model.forest.trees.size(), p.model.forest.trees.size());
    EXPECT_EQ(back.model.linear.weights, p.model.linear.weights);
    EXPECT_EQ(back.model.centres.values, p.model.centres.values);
    ASSERT_EQ(back.model.network.weights.size(), p.model.network.weights.size());
    for (std::size_t i = 0; i < p.model.network.weights.size(); ++i) {
      EXPECT_EQ(back.model.network.weights[i].name, p.model.network.weights[i].name);
      EXPECT_EQ(back.model.network.weights[i].shape, p.model.network.weights[i].shape);
      EXPECT_EQ(back.model.network.weights[i].values, p.model.network.weights[i].values);
      EXPECT_EQ(back.model.network.weights[i].rounded.k, p.model.network.weights[i].rounded.k);
    }
    EXPECT_EQ(back.model.network.numbers, p.model.network.numbers);
    ASSERT_EQ(back.model.network.states.size(), p.model.network.states.size());
    EXPECT_EQ(back.model.network.unit, p.model.network.unit);
    EXPECT_EQ(back.model.network.precision, p.model.network.precision);
    EXPECT_EQ(back.model.centres.clusters, p.model.centres.clusters);
    EXPECT_EQ(back.model.isolation.normal, p.model.isolation.normal);
    EXPECT_EQ(back.model.isolation.threshold, p.model.isolation.threshold);
    ASSERT_EQ(back.model.calibration.curves.size(), p.model.calibration.curves.size());
    for (std::size_t i = 0; i < p.model.calibration.curves.size(); ++i) {
      const model::Curve &is = back.model.calibration.curves[i], &was = p.model.calibration.curves[i];
      EXPECT_EQ(is.x, was.x);
      EXPECT_EQ(is.y, was.y);
      EXPECT_EQ(std::pair(is.a, is.b), std::pair(was.a, was.b));
    }
    if (!p.model.forest.trees.empty()) EXPECT_EQ(back.model.forest.trees[0].value, p.model.forest.trees[0].value);
  }
}

TEST(Package, AnyFlippedByteIsFound) {  // E0742, and E0740 where the magic is hit
  const std::string bytes = to_bytes(sample::binary());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ (1 << i % 8));
    EXPECT_EQ(failure_code(broken), i < 8 ? "E0740" : "E0742") << "byte " << i;
  }
}

TEST(Package, AnyCutIsFound) {
  const std::string bytes = to_bytes(sample::binary());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_EQ(failure_code(bytes.substr(0, size)), size == 0 ? "E0740" : "E0742") << "cut to " << size;
  EXPECT_EQ(failure_code(bytes + "x"), "E0742");
}

// Someone who also mends the digest gets a Failure or a package that is whole, never a crash.
TEST(Package, FlippedBytesUnderAGoodDigest) {
  for (const Package& p : {sample::binary(), sample::classes(), sample::clusters(), sample::anomalies(), network(), isotonic(), forest()}) {
    const std::string bytes = to_bytes(p);
    int accepted = 0;
    for (std::size_t i = 8; i + 64 < bytes.size(); ++i)
      for (const int bit : {i % 2 ? 0 : 7}) {
        std::string broken = bytes;
        broken[i] = static_cast<char>(broken[i] ^ (1 << bit));
        try {
          const Package back = from_bytes(resealed(broken), "p.pkg");
          EXPECT_TRUE(model::validate(back.model).empty());
          EXPECT_EQ(to_bytes(from_bytes(to_bytes(back), "p.pkg")), to_bytes(back));
          ++accepted;
        } catch (const Failure&) {
        }
      }
    EXPECT_GT(accepted, 0);  // a changed digit of a leaf is a package too
  }
}

TEST(Package, OtherFilesAndOtherVersions) {
  EXPECT_EQ(failure_code("pipeline telco\n"), "E0740");
  EXPECT_EQ(failure_code("\x7f" "ELF"), "E0740");
  std::string newer = to_bytes(sample::binary());
  newer[8] = 4;
  std::string message;
  EXPECT_EQ(failure_code(resealed(newer), &message), "E0741");
  EXPECT_EQ(message, "package `p.pkg` has format 4; this program reads format 3");
}

template <class F> std::string refused(F&& change) {
  Package p = sample::binary();
  change(p);
  std::string message;
  EXPECT_EQ(failure_code(to_bytes(p), &message), "E0742");
  return message;
}

TEST(Package, WhatDoesNotFitTogetherIsRefused) {
  EXPECT_NE(refused([](Package& p) { p.fitted.tables[0].keys = {"b", "a", "c"}; }).find("sorted"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.fitted.tables[0].keys = {"a", "a", "c"}; }).find("sorted"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.fitted.texts[0] = "\xff"; }).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.spec = "\xff"; }).find("UTF-8"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.manifest = "[]"; }).find("manifest"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.manifest = "{\"a\":1,\"a\":2}"; }).find("doubled key"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.model.forest.trees[0].feature[0] = 99; }).find("model"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.model.forest.trees[0].left[0] = 0; }).find("model"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.model.forest.trees[0].value.push_back(0); }).find("nodes"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.feature_columns[0] = {7}; }).find("column"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.request_place[0] = 6; }).find("place"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.request[1].name = "tenure"; }).find("doubled"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.feature_reference[0].counts.push_back(1); }).find("drift"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.feature_reference.pop_back(); }).find("fit the features"), std::string::npos);
  EXPECT_NE(refused([](Package& p) { p.signature.request[1].pattern = "("; }).find("pattern"), std::string::npos);
}

TEST(Safetensors, HasTheFormatOfOthers) {
  const double values[] = {1.5, -2};
  const std::uint8_t bytes[] = {7, 8, 9};
  const Tensors tensors = {{"b", {Dtype::u8, {3}, {reinterpret_cast<const char*>(bytes), 3}}}, {"v", {Dtype::f64, {1, 2}, {reinterpret_cast<const char*>(values), 16}}}};
  const std::string block = write_safetensors(tensors);
  std::uint64_t size = 0;
  std::memcpy(&size, block.data(), 8);
  EXPECT_EQ(size % 8, 0u);
  EXPECT_EQ(block.substr(8, size).substr(0, block.substr(8, size).find_last_not_of(' ') + 1),
            R"({"v":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}})");
  EXPECT_EQ(block.size(), 8 + size + 19);
  const Tensors back = read_safetensors(block);
  EXPECT_EQ(back.at("b").bytes, tensors.at("b").bytes);
  EXPECT_EQ(back.at("v").shape, tensors.at("v").shape);
}

std::string with_header(const std::string& header, const std::string& data) {
  std::string out;
  put(out, static_cast<std::uint64_t>(header.size()));
  return out + header + data;
}

TEST(Safetensors, RefusesWhatIsNotExact) {
  const auto bad = [](const std::string& header, const std::string& data = "12345678") { EXPECT_THROW(read_safetensors(with_header(header, data)), std::runtime_error) << header; };
  EXPECT_NO_THROW(read_safetensors(with_header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", "12345678")));
  bad(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})");
  bad(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}})");
  bad(R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})");
  bad(R"({"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"F64","shape":[18446744073709551615,2],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]}})");
  bad(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":1}})");
  bad(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})");
  bad(R"({"a":[]})");
  bad("[]");
  bad(std::string(100000, '['));
  EXPECT_THROW(read_safetensors(""), std::runtime_error);
  std::string huge;
  put(huge, ~std::uint64_t{0});
  EXPECT_THROW(read_safetensors(huge + "{}"), std::runtime_error);
}

}  // namespace
}  // namespace mlp::package
