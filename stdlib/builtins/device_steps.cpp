#include "stdlib/builtins/device_steps.h"

#include "stdlib/builtins/kernels.h"

namespace {

bool finite(double v) { return v - v == 0; }

}  // namespace

extern "C" {

void mlp_step_begin(mlp_device_step* s, int64_t point) {
  if (point < s->weights) {
    s->updates[point].step = static_cast<double>(s->step);
    s->updates[point].rate = s->rate;
  }
  if (point == 0) s->call->step = s->step;
}

void mlp_step_rows(mlp_device_step* s, int64_t point) {
  const mlp_network_call* const call = s->call;
  const int64_t count = s->number_count, apart = mlp_step_copies(count);
  const int64_t to = static_cast<uint32_t>(point) / static_cast<uint32_t>(apart), first = point - to * apart;
  if (to >= call->rows) return;
  const int64_t from = s->order[s->first + to];
  const float* const numbers = s->numbers + from * count;
  float* const numbers_now = const_cast<float*>(call->numbers) + to * count;
  float copied[mlp_step_each] = {};
#pragma GCC unroll 8
  for (int64_t i = 0; i < mlp_step_each; ++i)          // all are read before one is written: they do not wait for each other
    if (first + i * apart < count) copied[i] = numbers[first + i * apart];
#pragma GCC unroll 8
  for (int64_t i = 0; i < mlp_step_each; ++i)
    if (first + i * apart < count) numbers_now[first + i * apart] = copied[i];
  if (first > 0) return;
  for (int64_t i = 0; i < s->others; ++i) {
    const int64_t f = s->other[i];
    if (s->codes[f]) const_cast<int32_t*>(call->codes[f])[to] = s->codes[f][from];
    if (s->bags[f]) const_cast<mlp_bag*>(call->bags[f])[to] = s->bags[f][from];
  }
  const_cast<double*>(call->target)[to] = s->target[from];
  const_cast<double*>(call->row_weight)[to] = s->row_weight[from];
  const_cast<int64_t*>(call->row_id)[to] = s->row_id[from];
}

void mlp_step_total(mlp_device_step* s, int64_t thread, double* shared) {
  double mass = 0, loss = 0;
#pragma GCC unroll 8
  for (int64_t i = thread; i < s->call->rows; i += mlp_step_threads) {
    mass += s->call->row_weight[i];
    loss += s->call->row_weight[i] * s->call->losses[i];
  }
  shared[2 * thread] = mass;
  shared[2 * thread + 1] = loss;
}
void mlp_step_totalled(mlp_device_step* s, int64_t thread, const double* shared) {
  if (thread > 0) return;
  double mass = 0, loss = 0;
#pragma GCC unroll 16
  for (int64_t i = 0; i < mlp_step_threads; ++i) {
    mass += shared[2 * i];
    loss += shared[2 * i + 1];
  }
  s->sums[mlp_step_mass] = mass;
  s->sums[mlp_step_loss] = loss;
  s->sums[mlp_step_share] = 1 / mass;
  if (!finite(loss) && s->lost[0] == 0) s->lost[0] = s->step;
}

void mlp_step_lost(mlp_device_step* s, int64_t point) {
  if (point >= s->weights || s->lost[0] != s->step) return;
  const mlp_update_call& weight = s->updates[point];
  for (int64_t i = 0; i < weight.count; ++i)
    if (!finite(static_cast<double>(weight.gradient[i]))) s->lost[1 + point] = 1;
}

void mlp_step_scale(mlp_device_step* s, int64_t point, int64_t sum) {
  if (point < s->floats) s->gradients[point] *= static_cast<float>(s->sums[sum]);
}

void mlp_step_square(mlp_device_step* s, int64_t block, int64_t thread, double* shared) {
  double sum = 0;
  for (int64_t i = block * mlp_step_threads + thread; i < s->floats; i += mlp_step_square_blocks * mlp_step_threads) sum += static_cast<double>(s->gradients[i]) * static_cast<double>(s->gradients[i]);
  shared[thread] = sum;
}
void mlp_step_squared(mlp_device_step* s, int64_t block, int64_t thread, const double* shared) {
  if (thread > 0) return;
  double sum = 0;
  for (int64_t i = 0; i < mlp_step_threads; ++i) sum += shared[i];
  s->sums[mlp_step_squares + block] = sum;
}
void mlp_step_norm(mlp_device_step* s, int64_t point) {
  if (point > 0) return;
  double square = 0;
  for (int64_t i = 0; i < mlp_step_square_blocks; ++i) square += s->sums[mlp_step_squares + i];
  const double norm = mlp_sqrt(square);
  s->sums[mlp_step_shorter] = norm > s->clip ? s->clip / norm : 1;
}

void mlp_step_follow(mlp_device_step* s, int64_t point, int64_t state) {
  if (point >= s->state_sizes[state]) return;
  const double momentum = s->momentum[state];
  float* const at = s->states[state] + point;
  *at = static_cast<float>(momentum * static_cast<double>(*at) + (1 - momentum) * static_cast<double>(s->call->means[state][point]));
}

}
