#pragma once
namespace mlp {
inline constexpr const char* version = "0.1.0";
}
