// Every task once, however many there are and however soon the next run comes.
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <vector>

#include "runtime/learn/pool.h"

namespace mlp::learn {
namespace {

TEST(Pool, RunsEachTaskOnce) {
  std::mt19937 draw(1);
  for (const int threads : {1, 2, 3, 5, 17}) {
    Pool pool(threads);
    for (int run = 0; run < 2000; ++run) {
      const bool own = draw() % 3 == 0;
      std::vector<int> times(own ? static_cast<std::size_t>(threads) : draw() % 40);
      const auto task = [&](std::int64_t i) { ++times[static_cast<std::size_t>(i)]; };
      if (own) pool.each(task);
      else pool.run(static_cast<std::int64_t>(times.size()), task);
      ASSERT_EQ(times, std::vector<int>(times.size(), 1)) << threads << " threads, run " << run << (own ? ", each" : "");
      if (draw() % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));  // all sleep
    }
  }
}

TEST(Pool, ThrowsOnWhatTheFirstTaskThrew) {
  for (const int threads : {1, 4}) {
    Pool pool(threads);
    for (int run = 0; run < 100; ++run) {
      try {
        pool.run(20, [](std::int64_t i) {
          if (i % 7 == 3) throw std::runtime_error(std::to_string(i));
        });
        FAIL() << "nothing was thrown";
      } catch (const std::runtime_error& e) {
        if (threads == 1) EXPECT_STREQ(e.what(), "3");
        else EXPECT_EQ(std::stoi(e.what()) % 7, 3);
      }
    }
  }
}

}  // namespace
}  // namespace mlp::learn
