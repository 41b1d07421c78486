#include "abi/abi.h"

#include <gtest/gtest.h>

#include <string_view>

extern "C" {
size_t abi_c_rows(void);
const char* abi_c_row(size_t i, size_t* found, size_t* wanted);
}

TEST(Abi, CAgreesWithTheTable) {
  ASSERT_GT(abi_c_rows(), 20u);
  for (size_t i = 0; i < abi_c_rows(); ++i) {
    size_t found = 0, wanted = 0;
    const char* const name = abi_c_row(i, &found, &wanted);
    EXPECT_EQ(found, wanted) << name;
  }
}

TEST(Abi, KindsHaveTheirSizes) {
#define MLP_STRUCT(name)
#define MLP_FIELD(structure, kind, type, field, offset) EXPECT_EQ(sizeof(structure::field), std::string_view(#kind) == "i32" ? 4u : 8u) << #structure "." #field;
#define MLP_END(name, size)
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
}
