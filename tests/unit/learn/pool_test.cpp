// Every task once, however many there are and however soon the next run comes.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
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

// Threads that come, go to sleep again and are woken once more for the same run, in place of others: with more threads than cores, and tasks as long as threads wait.
TEST(Pool, WaitsForNoThreadThatWasNotWoken) {
  Pool pool(7);
  std::atomic<std::int64_t> done = 0;
  std::int64_t wanted = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  for (std::int64_t run = 0; std::chrono::steady_clock::now() < end; ++run) {
    const std::int64_t count = 2 + run % 4;
    wanted += count;
    pool.run(count, [&](std::int64_t i) {
      ++done;
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(20 * (1 + (7 * i + run) % 13));
      while (std::chrono::steady_clock::now() < until) {}
    });
  }
  EXPECT_EQ(done, wanted);
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
