// Builtin functions that compiled code calls. Freestanding C++, no library calls: compiled once by the host compiler
// (runtime, reference evaluator) and once to LLVM bitcode, which code generation links and inlines, so that every
// path computes the same bits. Never contracted (-ffp-contract=off), never reassociated.
#pragma once
#include "abi/abi.h"

extern "C" {

double mlp_exp(double v);
double mlp_log(double v);
double mlp_sigmoid(double v);

// 64-bit hash of bytes; the same on every machine. For hash(), hash_bucket() and dictionaries.
uint64_t mlp_hash(const char* data, int64_t size, uint64_t seed);

// Code of a key in a dictionary, or dictionary->size when it is absent.
int64_t mlp_dictionary_find(const mlp_dictionary* dictionary, const char* data, int64_t size);

}
