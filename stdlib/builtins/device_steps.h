// What a batch of training on a device does around the compiled network. Each function is what one thread does: `point` counts the threads of the
// launch. Called by the kernels that compiler/codegen/gpu makes of them: of mlp_step_rows mlp_device_rows, and so on.
#pragma once
#include "abi/abi.h"
#include "base/launch_threads.h"

// mlp_device_step::sums: weights and weighted losses of the rows, the factor of the gradients by these weights, that by their norm, and squares of each
// block (step_square_blocks).
enum mlp_step_sum { mlp_step_mass = 0, mlp_step_loss = 1, mlp_step_share = 2, mlp_step_shorter = 3, mlp_step_squares = 4 };
enum { mlp_step_threads = mlp::launch_threads, mlp_step_square_blocks = 64, mlp_step_sums = mlp_step_squares + mlp_step_square_blocks, mlp_step_each = 8 };

// Threads that copy the numbers of a row, mlp_step_each each, so many apart.
inline int64_t mlp_step_copies(int64_t numbers) { return numbers > 0 ? (numbers + mlp_step_each - 1) / mlp_step_each : 1; }

extern "C" {

void mlp_step_begin(mlp_device_step* s, int64_t point);                  // a thread for each weight, one at least: number of the step, rate
void mlp_step_rows(mlp_device_step* s, int64_t point);                   // rows x mlp_step_copies(numbers)
void mlp_step_total(mlp_device_step* s, int64_t thread, double* shared); // one block; behind the barrier:
void mlp_step_totalled(mlp_device_step* s, int64_t thread, const double* shared);
void mlp_step_lost(mlp_device_step* s, int64_t point);                   // weights
void mlp_step_scale(mlp_device_step* s, int64_t point, int64_t sum);     // floats: times sums[sum]
void mlp_step_square(mlp_device_step* s, int64_t block, int64_t thread, double* shared);  // blocks of a fixed number; behind the barrier:
void mlp_step_squared(mlp_device_step* s, int64_t block, int64_t thread, const double* shared);
void mlp_step_norm(mlp_device_step* s, int64_t point);                   // one thread
void mlp_step_follow(mlp_device_step* s, int64_t point, int64_t state);  // floats of the state

}
