// What the machine computes, and what it finds: threads that race, addresses that are none, barriers that some do not reach.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "tests/ptx/program.h"

namespace mlp::ptx {
namespace {

// An entry `f` of (address, number) with registers of each type; %rd1 is the address, %r1 the thread, %rd9 where its word of 8 bytes lies.
std::string entry(const std::string& body, const std::string& before = "") {
  return ".version 6.3\n.target sm_75\n.address_size 64\n" + before + "\n.visible .entry f(\n\t.param .u64 f_param_0,\n\t.param .u64 f_param_1\n)\n.maxntid 256, 1, 1\n{\n" + R"(	.reg .pred 	%p<9>;
	.reg .b32 	%r<19>;
	.reg .b64 	%rd<19>;
	.reg .f32 	%f<3>;
	.reg .f64 	%fd<3>;
	ld.param.u64 	%rd1, [f_param_0];
	ld.param.u64 	%rd2, [f_param_1];
	mov.u32 	%r1, %tid.x;
	mul.wide.u32 	%rd8, %r1, 8;                // a comment
	add.s64 	%rd9, %rd1, %rd8;
)" + body + "\n}\n";
}

constexpr int threads = 64;
struct Ran {
  std::vector<std::uint64_t> words;                   // one a thread of a block
  std::string error;
};
Ran run(const std::string& text, std::int64_t blocks = 1, std::uint64_t number = 0, std::size_t words = threads) {
  const Program program(text);
  Ran ran{std::vector<std::uint64_t>(words), {}};
  Memory memory;
  const auto at = reinterpret_cast<std::uintptr_t>(ran.words.data());
  memory.add(at, 8 * words, true);
  for (const auto& [name, values] : program.variables()) memory.add(reinterpret_cast<std::uintptr_t>(values.data()), 8 * values.size(), true);
  std::uint64_t address = at;
  void* arguments[] = {&address, &number};
  const Kernel& kernel = *program.find("f");
  try {
    run(kernel, blocks, threads, parameters_of(kernel, arguments), memory);
  } catch (const Error& error) {
    ran.error = error.what();
  }
  return ran;
}
std::uint64_t value_of(const std::string& body) {      // %rd10
  const Ran ran = run(entry(body + "\n\tst.global.u64 \t[%rd9], %rd10;\n\tret;"));
  EXPECT_EQ(ran.error, "");
  for (const std::uint64_t word : ran.words) EXPECT_EQ(word, ran.words[0]);
  return ran.words[0];
}
double number_of(const std::string& operation) { return std::bit_cast<double>(value_of("\t" + operation + "\n\tmov.b64 \t%rd10, %fd1;")); }

TEST(Ptx, Integers) {
  EXPECT_EQ(value_of("\tmul.hi.u32 \t%r2, -1, -1;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0xfffffffeu);
  EXPECT_EQ(value_of("\tmul.wide.s32 \t%rd10, -3, 5;"), static_cast<std::uint64_t>(-15));
  EXPECT_EQ(value_of("\tshl.b32 \t%r2, 1, 32;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0u) << "a shift by the width gives 0";
  EXPECT_EQ(value_of("\tshr.s32 \t%r2, -8, 40;\n\tcvt.s64.s32 \t%rd10, %r2;"), static_cast<std::uint64_t>(-1));
  EXPECT_EQ(value_of("\tbfe.s32 \t%r2, 0x00000f00, 8, 4;\n\tcvt.s64.s32 \t%rd10, %r2;"), static_cast<std::uint64_t>(-1));
  EXPECT_EQ(value_of("\tbfe.u32 \t%r2, 0x00000f00, 8, 4;\n\tcvt.u64.u32 \t%rd10, %r2;"), 15u);
  EXPECT_EQ(value_of("\tbfe.s32 \t%r2, 0x80000000, 24, 10;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0xffffff80u) << "the sign fills what is beyond";
  EXPECT_EQ(value_of("\tcvt.s8.s32 \t%r2, 200;\n\tcvt.s64.s32 \t%rd10, %r2;"), static_cast<std::uint64_t>(-56));
  EXPECT_EQ(value_of("\tprmt.b32 \t%r2, 0x44332211, 0x88776655, 0x7610;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0x88772211u);
  EXPECT_EQ(value_of("\tdp4a.u32.u32 \t%r2, 0x04030201, 0x01010101, 100;\n\tcvt.u64.u32 \t%rd10, %r2;"), 110u);
  EXPECT_EQ(value_of("\tdp2a.lo.u32.u32 \t%r2, 0x00020003, 0x00000705, 1;\n\tcvt.u64.u32 \t%rd10, %r2;"), 3u * 5 + 2 * 7 + 1);
  EXPECT_EQ(value_of("\tclz.b64 \t%r2, 1;\n\tcvt.u64.u32 \t%rd10, %r2;"), 63u);
  EXPECT_EQ(value_of("\tadd.cc.s64 \t%rd3, -1, 2;\n\taddc.cc.s64 \t%rd10, -1, 0;\n\taddc.s64 \t%rd10, %rd10, 5;"), 6u) << "two carries";
  EXPECT_EQ(value_of("\tsub.cc.s64 \t%rd3, 0, 1;\n\tsubc.cc.s64 \t%rd10, 7, 0;"), 6u);
  EXPECT_EQ(value_of("\tmov.b64 \t%rd3, {%r1, %r1};\n\tmov.b64 \t{%r2, %r3}, 0x0000000500000007;\n\tsub.s32 \t%r4, %r2, %r3;\n\tcvt.u64.u32 \t%rd10, %r4;"), 2u);
}

TEST(Ptx, Floats) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number_of("add.rn.f64 \t%fd1, 0d3FF0000000000000, 0d3CA0000000000000;"), 1) << "half a unit, to even";
  EXPECT_EQ(number_of("fma.rn.f64 \t%fd1, 0d3FF0000000000001, 0d3FF0000000000001, 0dBFF0000000000002;"), std::ldexp(1.0, -104));
  EXPECT_TRUE(std::signbit(number_of("min.f64 \t%fd1, 0d0000000000000000, 0d8000000000000000;")));
  EXPECT_EQ(number_of("max.f64 \t%fd1, 0d7FF8000000000000, 0d3FF0000000000000;"), 1) << "a number before NaN";
  EXPECT_EQ(number_of("cvt.rmi.f64.f64 \t%fd1, 0dBFE0000000000000;"), -1);
  EXPECT_EQ(number_of("cvt.rni.f64.f64 \t%fd1, 0d4004000000000000;"), 2) << "2.5, to even";
  std::set<double> estimates;                           // of a third: both that it may be
  for (const std::uint64_t word : run(entry("\trcp.approx.ftz.f64 \t%fd1, 0d4008000000000000;\n\tst.global.f64 \t[%rd9], %fd1;\n\tret;")).words) {
    EXPECT_EQ(word & 0xffffffffu, 0u);
    EXPECT_NEAR(*estimates.insert(std::bit_cast<double>(word)).first, 1.0 / 3, std::ldexp(1.0, -21));
  }
  EXPECT_EQ(estimates.size(), 2u);
  EXPECT_EQ(number_of("rcp.approx.ftz.f64 \t%fd1, 0d0000000000000001;"), infinity) << "what is below normal is 0";
  EXPECT_EQ(value_of("\tmul.rn.f32 \t%f1, 0fFFC01234, 0f3F800000;\n\tmov.b32 \t%r2, %f1;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0x7fffffffu) << "a NaN of single precision has one form";
  EXPECT_EQ(value_of("\tcvt.rzi.s64.f64 \t%rd10, 0d7FF8000000000000;"), std::uint64_t{1} << 63);
  EXPECT_EQ(value_of("\tcvt.rzi.u32.f32 \t%r2, 0fBF800000;\n\tcvt.u64.u32 \t%rd10, %r2;"), 0u);
  EXPECT_EQ(value_of("\tcvt.rzi.s32.f64 \t%r2, 0d7FF0000000000000;\n\tcvt.s64.s32 \t%rd10, %r2;"), 0x7fffffffu);
  EXPECT_EQ(value_of("\tsetp.leu.f64 \t%p1, 0d7FF8000000000000, 0d0000000000000000;\n\tsetp.le.f64 \t%p2, 0d7FF8000000000000, 0d0000000000000000;\n\tnot.pred \t%p2, %p2;\n\tand.pred \t%p1, %p1, %p2;\n\tselp.u64 \t%rd10, 3, 4, %p1;"), 3u);
}

TEST(Ptx, ThreadsPartAndMeet) {  // the sum of 1 to the thread's number, in a loop of as many turns
  const Ran ran = run(entry(R"(	mov.u64 	%rd10, 0;
	mov.u32 	%r2, %r1;
$L__BB0_1:
	setp.eq.s32 	%p1, %r2, 0;
	@%p1 bra 	$L__BB0_2;
	cvt.u64.u32 	%rd3, %r2;
	add.s64 	%rd10, %rd10, %rd3;
	add.s32 	%r2, %r2, -1;
	bra.uni 	$L__BB0_1;
$L__BB0_2:
	bar.warp.sync 	-1;
	st.global.u64 	[%rd9], %rd10;
	ret;)"));
  EXPECT_EQ(ran.error, "");
  for (std::uint64_t t = 0; t < threads; ++t) EXPECT_EQ(ran.words[t], t * (t + 1) / 2);
}

const char* const neighbour = R"(	.shared .align 8 .b8 words[512];
	mov.u32 	%r2, words;
	shl.b32 	%r3, %r1, 3;
	add.s32 	%r4, %r2, %r3;
	cvt.u64.u32 	%rd3, %r1;
	st.shared.u64 	[%r4], %rd3;
	BARRIER
	xor.b32 	%r5, %r3, 256;
	add.s32 	%r6, %r2, %r5;
	ld.shared.u64 	%rd10, [%r6];
	st.global.u64 	[%rd9], %rd10;
	ret;)";
std::string with(std::string text, const std::string& barrier) { return text.replace(text.find("BARRIER"), 7, barrier); }

TEST(Ptx, SharedMemoryIsOrderedByBarriers) {
  const Ran ran = run(entry(with(neighbour, "bar.sync 	0;")));
  EXPECT_EQ(ran.error, "");
  for (std::uint64_t t = 0; t < threads; ++t) EXPECT_EQ(ran.words[t], t ^ 32);
  EXPECT_NE(run(entry(with(neighbour, ""))).error.find("reads what nobody wrote"), std::string::npos) << "the second warp comes later";
  // In a turn after the first, where there is something to read.
  const std::string twice = with(neighbour, "bar.sync 	0;\n	st.shared.u64 	[%r4], %rd3;");
  EXPECT_NE(run(entry(twice)).error.find("f, line"), std::string::npos);
  EXPECT_NE(run(entry(twice)).error.find("no barrier between"), std::string::npos) << run(entry(twice)).error;
}

TEST(Ptx, RacesAreFound) {
  const auto says = [](const std::string& body, std::int64_t blocks, const std::string& what) {
    const std::string error = run(entry(body + "\n\tret;"), blocks).error;
    EXPECT_EQ(error.empty(), what.empty()) << error;
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  const std::string store = "\tst.global.u64 \t[%rd9], %rd2;", load = "\tld.global.u64 \t%rd3, [%rd9];", first = "\tld.global.u64 \t%rd3, [%rd1];";
  says(store, 1, "");
  says(store, 2, "thread 0 of block 1 writes where thread 0 of block 0 wrote");
  says("\tst.global.u64 \t[%rd1], %rd2;", 1, "thread 1 of block 0 writes where thread 0 of block 0 wrote");
  says(first, 2, "");
  says(load + "\n" + store, 1, "");
  says(first + "\n" + store, 1, "thread 0 of block 0 writes what thread 1 of block 0 or another reads");
  says(first + "\n\tbar.sync \t0;\n" + store, 1, "");
  says(first + "\n\tbar.sync \t0;\n" + store, 2, "thread 0 of block 1 reads what thread 0 of block 0 wrote");
  says("\tld.global.nc.u64 \t%rd3, [%rd9];\n" + store, 1, "writes what");
  // Where shared memory begins, too, and by the lanes that read together.
  const std::string shared = "\t.shared .align 8 .b8 words[64];\n\tsetp.ne.s32 \t%p1, %r1, 0;\n\t@!%p1 st.shared.u64 \t[words], %rd2;\n";
  says(shared + "\tld.shared.u64 \t%rd3, [words];", 1, "reads what thread 0 of block 0 wrote");
  says(shared + "\tbar.sync \t0;\n\tld.shared.u64 \t%rd3, [words];\n\t@!%p1 st.shared.u64 \t[words], %rd2;", 1, "writes what");
  says("\tst.global.u32 \t[%rd9], %r1;\n" + load, 1, "");
  says(store + "\n\tbar.sync \t0;\n\tld.global.nc.u64 \t%rd3, [%rd9];", 1, "reads as unchanged what");
  says("\tcvt.u64.u32 \t%rd4, %r1;\n\tadd.s64 \t%rd4, %rd1, %rd4;\n\tst.global.u8 \t[%rd4], %r1;", 1, "");   // bytes of one word
  says("\tcvt.u64.u32 \t%rd4, %r1;\n\tadd.s64 \t%rd4, %rd1, %rd4;\n\tst.global.u8 \t[%rd4], %r1;\n\tld.global.u32 \t%r2, [%rd1];", 1, "reads what");
}

TEST(Ptx, AddressesAreChecked) {
  const auto error = [](const std::string& body, std::size_t words = threads) { return run(entry(body + "\n\tret;"), 1, 0, words).error; };
  EXPECT_EQ(error("\tst.global.u64 \t[%rd9], %rd2;", threads - 1).find("f, line"), 0u);
  EXPECT_NE(error("\tst.global.u64 \t[%rd9+-8], %rd2;").find("there are no 8 bytes of memory"), std::string::npos);
  EXPECT_NE(error("\tst.global.u64 \t[%rd9+4], %rd2;").find("not aligned"), std::string::npos);
  EXPECT_NE(error("\tld.global.v2.u64 \t{%rd3, %rd4}, [%rd9];").find("not aligned"), std::string::npos);
  EXPECT_NE(error("\t.shared .align 8 .b8 words[64];\n\tst.shared.u64 \t[words+64], %rd2;").find("beyond"), std::string::npos);
  for (const char* negative : {"st.shared.u64 \t[words+-8], %rd2;", "ld.param.u64 \t%rd3, [f_param_0+-8];"})
    EXPECT_NE(error("\t.shared .align 8 .b8 words[64];\n\t" + std::string(negative)).find("beyond"), std::string::npos);
  EXPECT_NE(error("\tmov.u64 \t%rd3, 0;\n\tld.global.u64 \t%rd3, [%rd3+-8];").find("f, line"), std::string::npos);
  EXPECT_NE(error("\t.shared .align 8 .b8 words[512];\n\tmov.u32 \t%r2, words;\n\tshl.b32 \t%r3, %r1, 3;\n\tadd.s32 \t%r2, %r2, %r3;\n\tst.shared.u8 \t[%r2], %r1;\n\tld.shared.u32 \t%r4, [%r2];").find("reads what nobody wrote"), std::string::npos);
  EXPECT_NE(error("\tld.param.u64 \t%rd3, [f_param_1+8];").find("beyond"), std::string::npos);
  EXPECT_EQ(error("\t.local .align 8 .b8 depot[16];\n\tmov.u64 \t%rd3, depot;\n\tcvta.local.u64 \t%rd3, %rd3;\n\tst.u64 \t[%rd3+8], %rd2;\n\tld.local.u64 \t%rd4, [depot+8];"), "");
}

TEST(Ptx, BarriersThatSomeDoNotReach) {
  EXPECT_NE(run(entry("\tsetp.lt.u32 \t%p1, %r1, 40;\n\t@%p1 ret;\n\tbar.sync \t0;\n\tret;")).error.find("end while others wait"), std::string::npos);
  EXPECT_NE(run(entry("\tsetp.lt.u32 \t%p1, %r1, 40;\n\t@%p1 bra \t$L1;\n\tbar.sync \t0;\n\tret;\n$L1:\n\tbar.sync \t0;\n\tret;")).error.find("at different barriers"), std::string::npos);
  EXPECT_NE(run(entry("\tsetp.lt.u32 \t%p1, %r1, 40;\n\t@%p1 bra \t$L1;\n\tbar.sync \t0;\n\tret;\n$L1:\n\tbar.warp.sync \t-1;\n\tret;")).error.find("others of it for the block"), std::string::npos);
}

TEST(Ptx, FunctionsAndTables) {
  const std::string before = R"(.func (.param .b64 func_retval0) twice(.param .b64 twice_param_0)
;
.global .align 8 .b8 table[16] = {1, 0, 0, 0, 0, 0, 0, 0, 255, 1};
)";
  std::string text = entry(R"(	mov.u64 	%rd3, table;
	cvt.u64.u32 	%rd4, %r1;
	and.b64 	%rd4, %rd4, 1;
	shl.b64 	%rd4, %rd4, 3;
	add.s64 	%rd4, %rd3, %rd4;
	ld.global.u64 	%rd5, [%rd4];
	{ // callseq 0, 0
	.param .b64 param0;
	st.param.b64 	[param0+0], %rd5;
	.param .b64 retval0;
	call.uni (retval0),
	twice,
	(
	param0
	);
	ld.param.b64 	%rd10, [retval0+0];
	} // callseq 0
	st.global.u64 	[%rd9], %rd10;
	ret;)", before);
  text += R"(.func (.param .b64 func_retval0) twice(
	.param .b64 twice_param_0
)
{
	.reg .b64 	%rd<3>;
	ld.param.u64 	%rd1, [twice_param_0];
	add.s64 	%rd2, %rd1, %rd1;
	st.param.b64 	[func_retval0+0], %rd2;
	ret;
}
)";
  const Ran ran = run(text);
  EXPECT_EQ(ran.error, "");
  for (std::uint64_t t = 0; t < threads; ++t) EXPECT_EQ(ran.words[t], t % 2 ? 1022 : 2);
}

TEST(Ptx, WhatIsNotUnderstoodIsRefused) {
  const auto refused = [](const std::string& text, const std::string& what) {
    try {
      Program{text};
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  };
  refused(entry("\tfly.u32 \t%r2, %r1;"), "line 21: unknown instruction: fly.u32 \t%r2, %r1;");
  refused(entry("\tbra.uni \t$L__BB0_9;"), "no label $L__BB0_9");
  refused(entry("\tbar.sync \t1;"), "a barrier of some threads");
  refused(entry("\tmov.u32 \t%r2, %smid.x;"), "unknown register");
  refused(entry("\tcall.uni other, ();"), "no function other");
  refused("this is not PTX;\n", "line 1: not understood");
  refused(entry("\tmov.u32 \t%bogus1, 1;"), "unknown register %bogus1");
  refused(entry("\tmov.u32 \t%r19, 1;"), "unknown register %r19");
  refused(entry("\tadd.s64 \t%rd10, 3;"), "not 3 operands");
  refused(entry("\tld.global.u64 \t%rd3, [%rd9-8];"), "not a number");
  refused(entry("\tadd.s64 \t%rd3, %rd2, %rd2; bra $L9;"), "not a number");
  refused(entry("\tret;") + "\t.global .b8 table", "ends within a statement");
  const std::string function = ".func g(.param .b64 g_param_0)\n{\n\tret;\n}\n";
  refused(entry("\t@%p1 call.uni g, (f_param_0);", function), "a call of some threads");
  refused(entry("\tcall.uni g, (%r1);", function), "unknown name %r1");
}

}  // namespace
}  // namespace mlp::ptx
