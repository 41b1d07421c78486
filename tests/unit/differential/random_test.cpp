// Random well-typed expressions: compiled code and reference agree bit for bit. Everything follows from the seed.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/harness/gpu.h"
#include "tests/unit/differential/on_device.h"

namespace mlp::differential {
namespace {

// MLP_RANDOM_PROGRAMS in the environment runs more of them.
int programs() {
  const char* wanted = std::getenv("MLP_RANDOM_PROGRAMS");
  return wanted ? std::atoi(wanted) : 200;
}
constexpr int expressions_each = 100;

class Generator {
 public:
  Generator(Builder& builder, std::uint64_t seed) : b_(builder), random_(seed) {}

  ir::ExprId expression(Scalar scalar, int depth) {
    if (depth == 0 || below(8) == 0) return leaf(scalar);
    std::vector<ir::ExprId>& made = made_[scalar];
    if (!made.empty() && below(6) == 0) return made[below(made.size())];  // shared
    ir::ExprId id;
    if (below(6) == 0) {
      const ir::ExprId condition = expression(Scalar::boolean, depth - 1), a = expression(scalar, depth - 1);
      id = b_.select(condition, a, expression(scalar, depth - 1));
    } else {
      const std::vector<const Builtin*>& rows = giving(scalar);
      const Builtin& row = *rows[below(rows.size())];
      const bool any = row.parameters[0].type.shape == BuiltinShape::any;
      // Of a builtin that gives any type, the arguments have that type; of is_null, whichever.
      const Scalar common = row.result.shape == BuiltinShape::any ? scalar : types[below(std::size(types))];
      std::vector<ir::ExprId> args;
      for (const BuiltinParameter& p : row.parameters)
        if (p.type.shape != BuiltinShape::table) args.push_back(expression(any ? common : p.type.type.scalar, depth - 1));
      id = b_.call(row, std::move(args));
    }
    if (b_.type(id).scalar == scalar) made.push_back(id);
    return id;
  }
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

 private:
  ir::ExprId leaf(Scalar scalar) {
    const std::size_t which = below(8);
    if (which == 0) {
      const std::vector<Value>& all = edges(scalar);
      return b_.constant(scalar, all[below(all.size())]);
    }
    if (which == 1 && scalar == Scalar::real) return b_.fitted_number();
    if (which == 1 && scalar == Scalar::string) return b_.fitted_text();
    return b_.column(scalar, static_cast<int>(below(letters)));
  }

  // The builtins whose result may stand where this type is wanted.
  const std::vector<const Builtin*>& giving(Scalar scalar) {
    std::vector<const Builtin*>& rows = giving_[scalar];
    if (!rows.empty()) return rows;
    for (const Builtin& row : builtins()) {
      if (row.kind != BuiltinKind::function || row.result.shape == BuiltinShape::list || row.parameters.empty()) continue;
      bool scalars = true;
      for (const BuiltinParameter& p : row.parameters) scalars = scalars && p.type.shape != BuiltinShape::list;
      const Scalar result = row.result.type.scalar;
      if (scalars && (row.result.shape == BuiltinShape::any || result == scalar || (is_text(result) && is_text(scalar)))) rows.push_back(&row);
    }
    return rows;
  }

  Builder& b_;
  std::mt19937_64 random_;
  std::map<Scalar, std::vector<ir::ExprId>> made_;
  std::map<Scalar, std::vector<const Builtin*>> giving_;
};

void generate(Builder& b, std::uint64_t seed) {
  Generator generator(b, seed);
  for (int i = 0; i < expressions_each; ++i)
    b.observe(generator.expression(types[generator.below(std::size(types))], 1 + static_cast<int>(generator.below(4))), "expression " + std::to_string(i));
}

TEST(Random, Expressions) {
  const std::vector<harness::Configuration>& configurations = harness::all();
  std::size_t observed = 0;
  for (int n = 0; n < programs(); ++n) {
    const std::uint64_t seed = 1000 + static_cast<std::uint64_t>(n);
    Builder b;
    generate(b, seed);
    observed += b.program.aggregates.size();
    const auto found = differences(b, random_table(seed, 48), configurations[static_cast<std::size_t>(n) % configurations.size()]);
    for (const std::string& line : found) ADD_FAILURE() << "seed " << seed << ", " << line;
    if (!found.empty()) break;
  }
  std::printf("%zu values observed in each of 48 rows\n", observed);
}

// Those that need no texts, of a twentieth of the programs, but of one at least.
void same_on(device::Device& device, int architecture) {
  std::size_t outputs = 0;
  const int count = std::max(1, programs() / 20);
  for (int n = 0; n < count; ++n) {
    const std::uint64_t seed = 1000 + static_cast<std::uint64_t>(n);
    Builder b;
    generate(b, seed);
    const OnDevice got = on_device(device, architecture, b, random_table(seed, 300));
    outputs += got.outputs;
    for (const std::string& name : got.differences) ADD_FAILURE() << "seed " << seed << ", " << name;
    if (!got.differences.empty()) break;
  }
  EXPECT_GT(outputs, static_cast<std::size_t>(10 * count));
}

TEST(Random, ExpressionsOnADevice) { same_on(*harness::open_fake_gpu(), 80); }

TEST(Random, CudaHasTheBitsOfTheCpu) {
  const std::unique_ptr<device::CudaDevice> gpu = harness::open_gpu();
  if (!gpu) GTEST_SKIP();
  same_on(*gpu, gpu->architecture());
}

}  // namespace
}  // namespace mlp::differential
