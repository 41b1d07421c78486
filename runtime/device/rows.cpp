#include "runtime/device/rows.h"

#include "base/launches.h"

namespace mlp::device {

RowKernel::RowKernel(Device& device, const std::string& code, const std::string& kernel, const std::vector<double>& numbers, std::size_t columns, std::size_t outputs)
    : device_(device), program_(device.load(code)), kernel_(program_->kernel(kernel)), numbers_(device, static_cast<std::int64_t>(numbers.size())), values_(columns), present_(columns),
      results_(outputs), columns_(device, static_cast<std::int64_t>(columns)), outputs_(device, static_cast<std::int64_t>(outputs)), call_(device, 1) {
  device.copy_in(numbers_.data(), numbers.data(), numbers.size() * sizeof(double));
}

void RowKernel::rows(std::int64_t count) {
  rows_ = count;
  changed_ = true;
  for (Array<double>& result : results_)
    if (result.size() < count) result = Array<double>(device_, count);
}

void RowKernel::take(std::size_t column, const void* values, std::size_t bytes, const std::uint8_t* present) {
  const auto put = [&](Array<std::uint8_t>& to, const void* from, std::size_t size) {
    if (to.size() < static_cast<std::int64_t>(size)) to = Array<std::uint8_t>(device_, static_cast<std::int64_t>(size));
    device_.copy_in(to.data(), from, size);
  };
  changed_ = true;
  put(values_[column], values, bytes * static_cast<std::size_t>(rows_));
  if (present)
    put(present_[column], present, static_cast<std::size_t>(rows_));
  else
    present_[column] = {};
}

void RowKernel::start() {
  if (changed_) {
    std::vector<mlp_column> columns;
    for (std::size_t c = 0; c < values_.size(); ++c) columns.push_back({values_[c].data(), present_[c].data()});
    std::vector<mlp_output> outputs;
    for (const Array<double>& result : results_) outputs.push_back({result.data(), nullptr});
    device_.copy_in(columns_.data(), columns.data(), columns.size() * sizeof(mlp_column));
    device_.copy_in(outputs_.data(), outputs.data(), outputs.size() * sizeof(mlp_output));
    const Call call{{rows_, columns_.data(), nullptr, nullptr}, {numbers_.data(), nullptr, nullptr}, outputs_.data()};
    device_.copy_in(call_.data(), &call, sizeof call);
    changed_ = false;
  }
  device_.launch(kernel_, (rows_ + launch_rows - 1) / launch_rows, call_.data(), rows_);
}

void RowKernel::get(std::size_t output, double* to, std::int64_t count) { device_.copy_out(to, results_[output].data(), static_cast<std::size_t>(count) * sizeof(double)); }

std::int64_t RowKernel::bytes() const {
  std::int64_t sum = 0;
  for (const Array<std::uint8_t>& a : values_) sum += a.size();
  for (const Array<std::uint8_t>& a : present_) sum += a.size();
  for (const Array<double>& a : results_) sum += a.size() * static_cast<std::int64_t>(sizeof(double));
  return sum;
}

}  // namespace mlp::device
