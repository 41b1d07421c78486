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
