// The versioned C contract between compiled code and the runtime. Sees nothing else of the project.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MLP_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

struct mlp_arena;
typedef void (*mlp_arena_grow)(struct mlp_arena* arena, int64_t size);

// c[i * c_row + j] = (add ? c : 0) + the sum over p of a[i * a_row + p * a_col] * b[p * b_row + j * b_col], for i < m, j < n, p < k: each
// element by fused multiply-adds in rising p, so the bits depend on nothing else.
typedef void (*mlp_product)(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t b_row,
                            int64_t b_col, float* c, int64_t c_row, int32_t add);

// The same by a weight that the caller has packed in a way of its own, and knows the size of.
typedef void (*mlp_packed_product)(int64_t m, const float* a, int64_t a_row, int64_t a_col, const void* b, float* c, int64_t c_row, int32_t add);

#define MLP_STRUCT(name) typedef struct name {
#define MLP_FIELD(structure, kind, type, field, offset) type field;
#define MLP_END(name, size) } name;
typedef struct mlp_arena mlp_arena;
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END

// A compiled kernel: computes `outputs` for every row of the batch. Pure, thread-safe, no floating-point
// contraction or reassociation. Symbols: mlp_<kernel>_<level>, level one of v2 v3 v4 (x86-64 levels).
typedef void (*mlp_kernel)(const mlp_batch* batch, const mlp_fitted* fitted, const mlp_output* outputs);

// Of a network: mlp_network_score_<level>, mlp_network_train_<level>; the floats of scratch that the rows need.
typedef int64_t (*mlp_network)(const mlp_network_call* call);
typedef void (*mlp_network_update)(const mlp_update_call* call);  // mlp_network_update_<level>

#ifdef __cplusplus
}
#define MLP_STRUCT(name)
#define MLP_FIELD(structure, kind, type, field, offset) static_assert(offsetof(structure, field) == offset);
#define MLP_END(name, bytes) static_assert(sizeof(name) == bytes);
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
#endif
