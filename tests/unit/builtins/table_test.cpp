// The table is sound: signatures parse, overloads can be told apart, every kernel it names is in the bitcode.
#include <gtest/gtest.h>

#include <set>

#include "stdlib/builtins/bitcode.h"
#include "stdlib/builtins/builtins.h"
#include "stdlib/stdlib.h"

namespace mlp {
namespace {

BuiltinType scalar(Scalar s, bool nullable = false) { return {BuiltinShape::scalar, {s, nullable}}; }

TEST(Table, RowsAreWhole) {
  const std::set<std::string> classes = {"op", "call", "custom", "agg"};
  std::set<std::string> signatures;
  std::string previous;
  std::set<std::string> names;
  for (const Builtin& row : builtins()) {
    const std::string name(row.name);
    EXPECT_TRUE(classes.contains(std::string(row.code_class()))) << name;
    EXPECT_FALSE(row.code_name().empty()) << name;
    EXPECT_EQ(row.kind == BuiltinKind::function, row.code_class() != "agg") << name;
    EXPECT_FALSE(row.doc.empty()) << name;
    EXPECT_TRUE(row.doc.ends_with('.') || row.doc.ends_with("`.")) << name;
    EXPECT_TRUE(signatures.insert(name + std::string(row.signature)).second) << "twice: " << name << row.signature;
    if (name != previous) {
      EXPECT_TRUE(names.insert(name).second) << "overloads stand apart: " << name;
    }
    previous = name;
    EXPECT_TRUE(row.example.empty() || row.example.find(" == ") != std::string::npos) << name;
    if (row.code_class() == "call") {
      EXPECT_TRUE(row.code_name().starts_with("mlp_")) << name;
    }
  }
}

TEST(Table, KernelsAreInTheBitcode) {
  const std::string_view bitcode = builtins_bitcode();
  ASSERT_TRUE(bitcode.starts_with("BC\xC0\xDE"));
  for (const Builtin& row : builtins())
    if (row.code_class() == "call") {
      EXPECT_NE(bitcode.find(row.code_name()), std::string_view::npos) << row.code_name();
      if (row.may_give_null() && row.result.type.scalar != Scalar::real) {
        EXPECT_NE(bitcode.find(std::string(row.code_name()) + "_ok"), std::string_view::npos) << row.code_name();
      }
    }
}

std::string chosen(std::string_view name, const std::vector<BuiltinType>& arguments) {
  bool exact = false;
  const Builtin* row = resolve_builtin(name, arguments, &exact);
  return row ? std::string(row->signature) + (exact ? "" : " widened") : "none";
}

TEST(Table, Overloads) {
  const BuiltinType i = scalar(Scalar::integer), f = scalar(Scalar::real), b = scalar(Scalar::boolean), s = scalar(Scalar::category), n = scalar(Scalar::integer, true);
  EXPECT_EQ(chosen("add", {i, i}), "(a: int, b: int) -> int");
  EXPECT_EQ(chosen("add", {i, n}), "(a: int, b: int) -> int");
  EXPECT_EQ(chosen("add", {i, f}), "(a: float, b: float) -> float widened");
  EXPECT_EQ(chosen("add", {f, scalar(Scalar::real32)}), "(a: float, b: float) -> float");
  EXPECT_EQ(chosen("div", {i, i}), "(a: float, b: float) -> float widened");
  EXPECT_EQ(chosen("add", {s, s}), "none");
  EXPECT_EQ(chosen("eq", {s, scalar(Scalar::text)}), "(a: string, b: string) -> bool");
  EXPECT_EQ(chosen("eq", {s, i}), "none");
  EXPECT_EQ(chosen("eq", {b, b}), "(a: bool, b: bool) -> bool");
  EXPECT_EQ(chosen("min", {f}), "(v: float?) -> float");
  EXPECT_EQ(chosen("min", {i, i}), "(a: int, b: int) -> int");
  EXPECT_EQ(chosen("coalesce", {n, i}), "(v: any?, otherwise: any) -> any");
  EXPECT_EQ(chosen("coalesce", {n, f}), "(v: any?, otherwise: any) -> any widened");
  EXPECT_EQ(chosen("coalesce", {n, s}), "none");
  EXPECT_EQ(chosen("vocabulary", {s}), "(v: string?, max_size: int = 0, min_count: int = 1) -> table");
  EXPECT_EQ(chosen("quantile", {f}), "none");
  EXPECT_EQ(chosen("sub", {scalar(Scalar::date), scalar(Scalar::date)}), "(a: date, b: date) -> duration");
  EXPECT_EQ(resolve_builtin("no_such", {}), nullptr);
}

TEST(Library, IsEmbedded) {
  ASSERT_FALSE(library_files().empty());
  for (const LibraryFile& file : library_files()) {
    EXPECT_TRUE(file.name.ends_with(".mlp"));
    EXPECT_TRUE(file.text.starts_with("//")) << file.name;
    EXPECT_TRUE(file.text.ends_with("\n")) << file.name;
  }
}

}  // namespace
}  // namespace mlp
