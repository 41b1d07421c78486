// What instructions compute, by chapter 9 of NVIDIA's "Parallel Thread Execution ISA".
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tests/ptx/program.h"

namespace mlp::ptx {
namespace {

template <class T>
T as(std::uint64_t bits) {
  if constexpr (std::is_same_v<T, bool>) return bits != 0;
  else if constexpr (std::is_same_v<T, float>) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  else if constexpr (std::is_same_v<T, double>) return std::bit_cast<double>(bits);
  else return static_cast<T>(bits);
}
template <class T>
std::uint64_t bits_of(T v) {
  if constexpr (std::is_same_v<T, bool>) return v;
  else if constexpr (std::is_same_v<T, float>) return std::bit_cast<std::uint32_t>(v);
  else if constexpr (std::is_same_v<T, double>) return std::bit_cast<std::uint64_t>(v);
  else return static_cast<std::uint64_t>(v);            // with its sign: cvt.s8.s32 fills a register of 32 bits
}

struct Same { template <class T> T operator()(T a) { return a; } };
struct Negated { template <class T> T operator()(T a) { if constexpr (std::is_floating_point_v<T>) return -a; else return static_cast<T>(-static_cast<std::make_unsigned_t<T>>(a)); } };
struct Size { template <class T> T operator()(T a) { if constexpr (std::is_floating_point_v<T>) return std::fabs(a); else return a < 0 ? static_cast<T>(-static_cast<std::make_unsigned_t<T>>(a)) : a; } };
struct WithSign { template <class T> T operator()(T sign, T a) { return std::copysign(a, sign); } };
struct Select { template <class T> T operator()(T a, T b, bool first) { return first ? a : b; } };
template <class F, class To, class From>
constexpr bool keeps_bits = std::is_same_v<F, Select> || std::is_same_v<F, WithSign> || std::is_same_v<F, Negated> || std::is_same_v<F, Size> || (std::is_same_v<F, Same> && std::is_same_v<To, From>);

// A NaN that is computed has one form in single precision.
template <class F, class To, class From, class...>
To result(To v) {
  if constexpr (std::is_same_v<To, float> && !keeps_bits<F, To, From>)
    if (std::isnan(v)) return std::bit_cast<float>(0x7fffffffu);
  return v;
}

template <class F, class To, class... From>
void lane_by_lane(Lanes* registers, const Instruction& i, std::uint32_t mask) {
  const auto lane = [&]<std::size_t... at>(int l, std::index_sequence<at...>) {
    const auto n = static_cast<std::size_t>(l);
    registers[i.to[0]][n] = bits_of<To>(result<F, To, From...>(static_cast<To>(F{}(as<From>(registers[i.from[at]][n])...))));
  };
  if (mask == ~0u)
    for (int l = 0; l < lanes; ++l) lane(l, std::index_sequence_for<From...>{});
  else
    for (std::uint32_t left = mask; left; left &= left - 1) lane(std::countr_zero(left), std::index_sequence_for<From...>{});
}

template <class F, class To, class... From>
constexpr Known each{lane_by_lane<F, To, From...>, 1 + sizeof...(From)};

using Table = std::map<std::string, Known, std::less<>>;

template <class T>
constexpr const char* name_of() {
  if constexpr (std::is_same_v<T, float>) return "f32";
  else if constexpr (std::is_same_v<T, double>) return "f64";
  else if constexpr (std::is_same_v<T, bool>) return "pred";
  else if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? "s8" : "u8";
  else if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? "s16" : "u16";
  else if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? "s32" : "u32";
  else return std::is_signed_v<T> ? "s64" : "u64";
}
template <class T>
std::string bits_name() { return "b" + std::to_string(8 * sizeof(T)); }
template <class T>
constexpr bool is_number = std::is_floating_point_v<T>;

using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
template <class T>
using Wide = std::conditional_t<std::is_signed_v<T>, std::conditional_t<sizeof(T) == 2, s32, std::conditional_t<sizeof(T) == 4, s64, __int128>>,
                                std::conditional_t<sizeof(T) == 2, u32, std::conditional_t<sizeof(T) == 4, u64, unsigned __int128>>>;
template <class T>
using Unsigned = typename std::conditional_t<is_number<T>, std::type_identity<T>, std::make_unsigned<T>>::type;

// F for each of the types T: an instruction of two (three, one) values of T.
template <class F, class... T>
void one(Table& t, const std::string& name) { ((t[name + "." + name_of<T>()] = each<F, T, T>), ...); }
template <class F, class... T>
void two(Table& t, const std::string& name) { ((t[name + "." + name_of<T>()] = each<F, T, T, T>), ...); }
template <class F, class... T>
void three(Table& t, const std::string& name) { ((t[name + "." + name_of<T>()] = each<F, T, T, T, T>), ...); }
template <class F, class... T>
void two_of_bits(Table& t, const std::string& name) { ((t[name + "." + bits_name<T>()] = each<F, T, T, T>), ...); }
template <class F, class... T>
void one_of_bits(Table& t, const std::string& name) { ((t[name + "." + bits_name<T>()] = each<F, T, T>), ...); }

template <class T>
constexpr u32 width = 8 * sizeof(T);

struct Add { template <class T> T operator()(T a, T b) { return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b)); } };
struct Subtract { template <class T> T operator()(T a, T b) { return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b)); } };
struct Low { template <class T> T operator()(T a, T b) { return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)); } };
struct High { template <class T> T operator()(T a, T b) { return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> width<T>); } };
struct Times { template <class T> T operator()(T a, T b) { return a * b; } };
struct WideTimes { template <class T> Wide<T> operator()(T a, T b) { return static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b); } };
struct LowPlus { template <class T> T operator()(T a, T b, T c) { return Add{}(Low{}(a, b), c); } };
struct WidePlus { template <class T, class W> W operator()(T a, T b, W c) { return Add{}(WideTimes{}(a, b), c); } };
struct Divide {
  template <class T> T operator()(T a, T b) {
    if constexpr (is_number<T>) return a / b;
    else return b == 0 ? static_cast<T>(-1) : std::is_signed_v<T> && b == static_cast<T>(-1) ? static_cast<T>(-static_cast<Unsigned<T>>(a)) : static_cast<T>(a / b);
  }
};
struct Remainder { template <class T> T operator()(T a, T b) { return b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1)) ? T{0} : static_cast<T>(a % b); } };
struct Least { template <class T> T operator()(T a, T b) {
  if constexpr (is_number<T>) return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
  else return std::min(a, b);
} };
struct Most { template <class T> T operator()(T a, T b) {
  if constexpr (is_number<T>) return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
  else return std::max(a, b);
} };
struct Fused { template <class T> T operator()(T a, T b, T c) { return std::fma(a, b, c); } };
struct Inverse { template <class T> T operator()(T a) { return 1 / a; } };
struct Root { template <class T> T operator()(T a) { return std::sqrt(a); } };
// 20 bits of the result, of 20 bits of the argument; which of the two next to it is not said, so it is now one, now the other, of the same argument too.
struct Estimate { double operator()(double a) {
  const u64 bits = std::bit_cast<u64>(a) & ~u64{0xffffffff};
  const double given = std::bit_cast<double>(bits);
  if (std::isnan(a)) return std::numeric_limits<double>::quiet_NaN();
  if (!std::isnormal(given)) return std::copysign(std::isinf(given) ? 0 : std::numeric_limits<double>::infinity(), given);
  const double result = 1 / given;
  if (!std::isnormal(result)) return std::copysign(0, given);
  const u64 below = std::bit_cast<u64>(result) & ~u64{0xffffffff};
  thread_local u64 turn = 0;
  return std::bit_cast<double>(below + ((turn += 0x9e3779b97f4a7c15u) >> 63 << 32));
} };

struct And { template <class T> T operator()(T a, T b) { return static_cast<T>(a & b); } };
struct Or { template <class T> T operator()(T a, T b) { return static_cast<T>(a | b); } };
struct Xor { template <class T> T operator()(T a, T b) { return static_cast<T>(a ^ b); } };
struct Not { template <class T> T operator()(T a) { if constexpr (std::is_same_v<T, bool>) return !a; else return static_cast<T>(~a); } };
struct Left { template <class T> T operator()(T a, u32 by) { return by >= width<T> ? T{0} : static_cast<T>(a << by); } };
struct Right { template <class T> T operator()(T a, u32 by) { return static_cast<T>(by < width<T> ? a >> by : a < 0 ? -1 : 0); } };
struct Zeros { template <class T> u32 operator()(T a) { return static_cast<u32>(std::countl_zero(a)); } };
struct Ones { template <class T> u32 operator()(T a) { return static_cast<u32>(std::popcount(a)); } };
struct Reversed { template <class T> T operator()(T a) {
  T out = 0;
  for (u32 i = 0; i < width<T>; ++i) out = static_cast<T>((out << 1) | ((a >> i) & 1));
  return out;
} };
struct Extract { template <class T> T operator()(T a, u32 from, u32 length) {
  from &= 0xff, length &= 0xff;
  T out = 0;
  for (u32 i = 0; i < width<T>; ++i) {
    const bool fills = i >= length || from + i >= width<T>;   // with the sign, of signed ones
    const u32 at = fills ? std::min(from + length - 1, width<T> - 1) : from + i;
    const bool bit = (!fills || (std::is_signed_v<T> && length > 0)) && ((static_cast<Unsigned<T>>(a) >> at) & 1);
    out = static_cast<T>(out | static_cast<T>(static_cast<Unsigned<T>>(bit) << i));
  }
  return out;
} };
struct Insert { template <class T> T operator()(T a, T into, u32 from, u32 length) {
  from &= 0xff, length &= 0xff;
  for (u32 i = 0; i < length && from + i < width<T>; ++i) into = static_cast<T>((into & ~(T{1} << (from + i))) | (((a >> i) & 1) << (from + i)));
  return into;
} };
struct FunnelLeft { u32 operator()(u32 low, u32 high, u32 by) { return static_cast<u32>((((u64{high} << 32) | low) << (by & 31)) >> 32); } };
struct FunnelRight { u32 operator()(u32 low, u32 high, u32 by) { return static_cast<u32>(((u64{high} << 32) | low) >> (by & 31)); } };
struct Permute { u32 operator()(u32 a, u32 b, u32 how) {
  const u64 both = (u64{b} << 32) | a;
  u32 out = 0;
  for (u32 i = 0; i < 4; ++i) {
    const u32 which = (how >> (4 * i)) & 0xf, byte = static_cast<u32>(both >> (8 * (which & 7))) & 0xff;
    out |= (which & 8 ? (byte & 0x80 ? 0xffu : 0u) : byte) << (8 * i);
  }
  return out;
} };
struct FourBytes { u32 operator()(u32 a, u32 b, u32 c) {
  for (u32 i = 0; i < 4; ++i) c += ((a >> (8 * i)) & 0xff) * ((b >> (8 * i)) & 0xff);
  return c;
} };
template <u32 half>
struct TwoHalves { u32 operator()(u32 a, u32 b, u32 c) {
  for (u32 i = 0; i < 2; ++i) c += ((a >> (16 * i)) & 0xffff) * ((b >> (16 * half + 8 * i)) & 0xff);
  return c;
} };

enum class Ordering { eq, ne, lt, le, gt, ge };
template <Ordering how, bool or_unordered>
struct Compare { template <class T> bool operator()(T a, T b) {
  if constexpr (is_number<T>) if (std::isnan(a) || std::isnan(b)) return or_unordered;
  return how == Ordering::eq ? a == b : how == Ordering::ne ? a != b : how == Ordering::lt ? a < b : how == Ordering::le ? a <= b : how == Ordering::gt ? a > b : a >= b;
} };
template <bool number>
struct Ordered { template <class T> bool operator()(T a, T b) { return (!std::isnan(a) && !std::isnan(b)) == number; } };

template <class F, class... T>
void compared(Table& t, const std::string& how) { ((t["setp." + how + "." + name_of<T>()] = each<F, bool, T, T>), ...); }
template <Ordering how>
void comparisons(Table& t, const std::string& name, const std::string& of_unsigned) {
  compared<Compare<how, false>, s16, s32, s64, u16, u32, u64, float, double>(t, name);
  if (!of_unsigned.empty()) compared<Compare<how, false>, u16, u32, u64>(t, of_unsigned);
  compared<Compare<how, true>, float, double>(t, name + "u");
  if (how == Ordering::eq || how == Ordering::ne) ((t["setp." + name + ".b16"] = each<Compare<how, false>, bool, u16, u16>), (t["setp." + name + ".b32"] = each<Compare<how, false>, bool, u32, u32>), (t["setp." + name + ".b64"] = each<Compare<how, false>, bool, u64, u64>));
}

struct Nearest { template <class T> T operator()(T a) { return std::nearbyint(a); } };
struct ToZero { template <class T> T operator()(T a) { return std::trunc(a); } };
struct Down { template <class T> T operator()(T a) { return std::floor(a); } };
struct Up { template <class T> T operator()(T a) { return std::ceil(a); } };
template <class F, class To>
struct Whole { template <class T> To operator()(T v) {
  using Limits = std::numeric_limits<To>;
  if (std::isnan(v)) return sizeof(T) == 4 && sizeof(To) < 8 ? To{0} : static_cast<To>(Unsigned<To>{1} << (width<To> - 1));
  const T whole = F{}(v), end = std::ldexp(T{1}, Limits::digits);
  return whole >= end ? Limits::max() : whole < (std::is_signed_v<To> ? -end : T{0}) ? Limits::min() : static_cast<To>(whole);
} };
template <class F, class From, class... To>
void to_whole(Table& t, const std::string& how) { ((t["cvt." + how + "." + name_of<To>() + "." + name_of<From>()] = each<Whole<F, To>, To, From>), ...); }
template <class F>
void rounding(Table& t, const std::string& how) {
  to_whole<F, float, s16, s32, s64, u16, u32, u64>(t, how);
  to_whole<F, double, s16, s32, s64, u16, u32, u64>(t, how);
  t["cvt." + how + ".f32.f32"] = each<F, float, float>;
  t["cvt." + how + ".f64.f64"] = each<F, double, double>;
}
template <class To, class... From>
void to_number(Table& t) { ((t[std::string("cvt.rn.") + name_of<To>() + "." + name_of<From>()] = each<Same, To, From>), ...); }
template <class To, class... From>
void to_integer(Table& t) { ((t[std::string("cvt.") + name_of<To>() + "." + name_of<From>()] = each<Same, To, From>), ...); }
template <class... To>
void integers(Table& t) { (to_integer<To, std::int8_t, s16, s32, s64, u8, u16, u32, u64>(t), ...); }
template <class... T>
void selected(Table& t) { ((t[std::string("selp.") + name_of<T>()] = t["selp." + bits_name<T>()] = each<Select, T, T, T, bool>), ...); }

// Of more than a register: the carry is in to[1], what was carried in from[2].
template <class T, bool subtracts, bool carried, bool carries>
void with_carry(Lanes* registers, const Instruction& i, std::uint32_t mask) {
  for (std::uint32_t left = mask; left; left &= left - 1) {
    const auto l = static_cast<std::size_t>(std::countr_zero(left));
    using Wider = unsigned __int128;
    const Wider a = static_cast<T>(registers[i.from[0]][l]), b = static_cast<T>(registers[i.from[1]][l]), c = carried ? registers[i.from[2]][l] : 0, out = subtracts ? a - b - c : a + b + c;
    registers[i.to[0]][l] = static_cast<T>(out);
    if (carries) registers[i.to[1]][l] = static_cast<u64>(out >> width<T>) & 1;
  }
}
template <class T>
void with_carries(Table& t) {
  for (const std::string& type : {std::string("s"), std::string("u")}) {
    const std::string bits = type + std::to_string(8 * sizeof(T));
    t["add.cc." + bits] = {with_carry<T, false, false, true>, 3}, t["addc.cc." + bits] = {with_carry<T, false, true, true>, 3}, t["addc." + bits] = {with_carry<T, false, true, false>, 3};
    t["sub.cc." + bits] = {with_carry<T, true, false, true>, 3}, t["subc.cc." + bits] = {with_carry<T, true, true, true>, 3}, t["subc." + bits] = {with_carry<T, true, true, false>, 3};
  }
}

template <std::uint64_t add>
struct Shifted { u64 operator()(u64 a) { return a + add; } };

Table make() {
  Table t;
  two<Add, s16, s32, s64, u16, u32, u64>(t, "add");
  two<Add, float, double>(t, "add.rn");
  two<Subtract, s16, s32, s64, u16, u32, u64>(t, "sub");
  two<Subtract, float, double>(t, "sub.rn");
  two<Low, s16, s32, s64, u16, u32, u64>(t, "mul.lo");
  two<High, s16, s32, s64, u16, u32, u64>(t, "mul.hi");
  two<Times, float, double>(t, "mul.rn");
  t["mul.wide.s16"] = each<WideTimes, s32, s16, s16>, t["mul.wide.u16"] = each<WideTimes, u32, u16, u16>;
  t["mul.wide.s32"] = each<WideTimes, s64, s32, s32>, t["mul.wide.u32"] = each<WideTimes, u64, u32, u32>;
  three<LowPlus, s16, s32, s64, u16, u32, u64>(t, "mad.lo");
  t["mad.wide.s32"] = each<WidePlus, s64, s32, s32, s64>, t["mad.wide.u32"] = each<WidePlus, u64, u32, u32, u64>;
  two<Divide, s16, s32, s64, u16, u32, u64>(t, "div");
  two<Divide, float, double>(t, "div.rn");
  two<Remainder, s16, s32, s64, u16, u32, u64>(t, "rem");
  two<Least, s16, s32, s64, u16, u32, u64, float, double>(t, "min");
  two<Most, s16, s32, s64, u16, u32, u64, float, double>(t, "max");
  three<Fused, float, double>(t, "fma.rn");
  one<Root, float, double>(t, "sqrt.rn");
  one<Inverse, float, double>(t, "rcp.rn");
  with_carries<u32>(t), with_carries<u64>(t);
  one<Negated, s16, s32, s64, float, double>(t, "neg");
  one<Size, s16, s32, s64, float, double>(t, "abs");
  two<WithSign, float, double>(t, "copysign");
  t["rcp.approx.ftz.f64"] = each<Estimate, double, double>;

  two_of_bits<And, u16, u32, u64>(t, "and"), two<And, bool>(t, "and");
  two_of_bits<Or, u16, u32, u64>(t, "or"), two<Or, bool>(t, "or");
  two_of_bits<Xor, u16, u32, u64>(t, "xor"), two<Xor, bool>(t, "xor");
  one_of_bits<Not, u16, u32, u64>(t, "not"), one<Not, bool>(t, "not");
  t["shl.b16"] = each<Left, u16, u16, u32>, t["shl.b32"] = each<Left, u32, u32, u32>, t["shl.b64"] = each<Left, u64, u64, u32>;
  t["shr.u16"] = each<Right, u16, u16, u32>, t["shr.u32"] = each<Right, u32, u32, u32>, t["shr.u64"] = each<Right, u64, u64, u32>;
  t["shr.s16"] = each<Right, s16, s16, u32>, t["shr.s32"] = each<Right, s32, s32, u32>, t["shr.s64"] = each<Right, s64, s64, u32>;
  for (const char* bits : {"16", "32", "64"}) t[std::string("shr.b") + bits] = t[std::string("shr.u") + bits];
  t["shf.l.wrap.b32"] = each<FunnelLeft, u32, u32, u32, u32>, t["shf.r.wrap.b32"] = each<FunnelRight, u32, u32, u32, u32>;
  t["clz.b32"] = each<Zeros, u32, u32>, t["clz.b64"] = each<Zeros, u32, u64>;
  t["popc.b32"] = each<Ones, u32, u32>, t["popc.b64"] = each<Ones, u32, u64>;
  one_of_bits<Reversed, u32, u64>(t, "brev");
  t["bfe.u32"] = each<Extract, u32, u32, u32, u32>, t["bfe.s32"] = each<Extract, s32, s32, u32, u32>;
  t["bfe.u64"] = each<Extract, u64, u64, u32, u32>, t["bfe.s64"] = each<Extract, s64, s64, u32, u32>;
  t["bfi.b32"] = each<Insert, u32, u32, u32, u32, u32>, t["bfi.b64"] = each<Insert, u64, u64, u64, u32, u32>;
  t["prmt.b32"] = each<Permute, u32, u32, u32, u32>;
  t["dp4a.u32.u32"] = each<FourBytes, u32, u32, u32, u32>;
  t["dp2a.lo.u32.u32"] = each<TwoHalves<0>, u32, u32, u32, u32>, t["dp2a.hi.u32.u32"] = each<TwoHalves<1>, u32, u32, u32, u32>;

  comparisons<Ordering::eq>(t, "eq", "");
  comparisons<Ordering::ne>(t, "ne", "");
  comparisons<Ordering::lt>(t, "lt", "lo");
  comparisons<Ordering::le>(t, "le", "ls");
  comparisons<Ordering::gt>(t, "gt", "hi");
  comparisons<Ordering::ge>(t, "ge", "hs");
  compared<Ordered<true>, float, double>(t, "num");
  compared<Ordered<false>, float, double>(t, "nan");
  selected<s16, s32, s64, float, double, u16, u32, u64>(t);

  one<Same, bool, u16, u32, u64, s16, s32, s64, float, double>(t, "mov");
  t["mov.b16"] = t["mov.u16"], t["mov.b32"] = t["mov.u32"], t["mov.b64"] = t["mov.u64"];
  integers<std::int8_t, s16, s32, s64, u8, u16, u32, u64>(t);
  to_number<float, s16, s32, s64, u8, u16, u32, u64, double>(t);
  to_number<double, s16, s32, s64, u8, u16, u32, u64>(t);
  t["cvt.f64.f32"] = each<Same, double, float>;
  rounding<Nearest>(t, "rni"), rounding<ToZero>(t, "rzi"), rounding<Down>(t, "rmi"), rounding<Up>(t, "rpi");

  for (const char* to : {"cvta.global.u64", "cvta.to.global.u64"}) t[to] = each<Same, u64, u64>;
  t["cvta.shared.u64"] = each<Shifted<window(Space::shared)>, u64, u64>, t["cvta.to.shared.u64"] = each<Shifted<-window(Space::shared)>, u64, u64>;
  t["cvta.local.u64"] = each<Shifted<window(Space::local)>, u64, u64>, t["cvta.to.local.u64"] = each<Shifted<-window(Space::local)>, u64, u64>;
  return t;
}

template <int parts>
void join(Lanes* registers, const Instruction& i, std::uint32_t mask) {
  for (std::uint32_t left = mask; left; left &= left - 1) {
    const auto l = static_cast<std::size_t>(std::countr_zero(left));
    u64 all = 0;
    for (int p = parts; p-- > 0;) {
      const int bits = 8 * i.bytes / parts;
      all = (all << bits) | (registers[i.from[static_cast<std::size_t>(p)]][l] & (~u64{0} >> (64 - bits)));
    }
    registers[i.to[0]][l] = all;
  }
}
template <int parts>
void take_apart(Lanes* registers, const Instruction& i, std::uint32_t mask) {
  for (std::uint32_t left = mask; left; left &= left - 1) {
    const auto l = static_cast<std::size_t>(std::countr_zero(left));
    const u64 all = registers[i.from[0]][l];
    const int bits = 8 * i.bytes / parts;
    for (int p = 0; p < parts; ++p) registers[i.to[static_cast<std::size_t>(p)]][l] = (all >> (bits * p)) & (~u64{0} >> (64 - bits));
  }
}

}  // namespace

const Known* find_operation(const std::string& name) {
  static const Table table = make();
  const auto at = table.find(name);
  return at == table.end() ? nullptr : &at->second;
}
Operation joins(int parts) { return parts == 2 ? join<2> : join<4>; }
Operation parts_of(int parts) { return parts == 2 ? take_apart<2> : take_apart<4>; }

}  // namespace mlp::ptx
