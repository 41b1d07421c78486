#include "base/timing.h"

#include <gtest/gtest.h>

#include <thread>

namespace mlp {
namespace {

using namespace std::chrono_literals;

TEST(Timing, PartsStandInsideTheirScopes) {
  const Recording recording;
  for (int i = 0; i < 3; ++i) {
    const Timed outer("outer");
    timed("first", [] { std::this_thread::sleep_for(1ms); });
    EXPECT_EQ(timed("second", [] { return 7; }), 7);
    if (i == 0) std::thread([] { const Timed other("of another thread"); }).join();
  }
  timed("first", [] {});
  ASSERT_EQ(recording.parts().size(), 2u);
  const TimedPart &outer = recording.parts().front(), &last = recording.parts().back();
  EXPECT_EQ(outer.name, "outer");
  EXPECT_EQ(outer.calls, 3);
  ASSERT_EQ(outer.parts.size(), 2u);
  EXPECT_EQ(outer.parts.front().name, "first");
  EXPECT_EQ(outer.parts.front().calls, 3);
  EXPECT_GE(outer.parts.front().seconds, 3e-3);
  EXPECT_GE(outer.seconds, outer.parts.front().seconds + outer.parts.back().seconds);
  EXPECT_EQ(last.name, "first");
  EXPECT_EQ(last.calls, 1);
}

TEST(Timing, AScopeEndsWhenItThrows) {
  const Recording recording;
  try {
    timed("broken", []() -> int { throw 1; });
  } catch (int) {
  }
  timed("after", [] {});
  EXPECT_EQ(recording.parts().size(), 2u);
}

TEST(Timing, NothingIsRecordedWithoutARecording) {
  timed("before", [] {});
  const Recording recording;
  EXPECT_TRUE(recording.parts().empty());
}

}  // namespace
}  // namespace mlp
