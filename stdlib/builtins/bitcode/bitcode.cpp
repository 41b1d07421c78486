#include "stdlib/builtins/bitcode.h"

#include "embedded_bitcode.h"

std::string_view mlp::builtins_bitcode() { return embedded_bitcode[0].bytes; }
