// A kernel of rows (abi/abi.h, mlp_kernel) on a device: columns of numbers that lie there to columns of doubles.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "runtime/device/device.h"

namespace mlp::device {

class RowKernel {
 public:
  // code, kernel: PTX and its entry, of compiler/codegen/gpu. numbers: fitted, by slot. columns: by schema column; outputs: how many.
  RowKernel(Device& device, const std::string& code, const std::string& kernel, const std::vector<double>& numbers, std::size_t columns, std::size_t outputs);
  // Rows to come, and then each column that is read: `bytes` a value; present: as in mlp_column.
  void rows(std::int64_t count);
  void take(std::size_t column, const void* values, std::size_t bytes, const std::uint8_t* present);
  void start();                                    // returns before the device is done
  const double* at(std::size_t output) const { return results_[output].data(); }  // where its rows lie, until there are more of them
  void get(std::size_t output, double* to, std::int64_t count);  // of the first rows; waits
  std::int64_t bytes() const;                      // that a run reads and writes

 private:
  struct Call {                                    // what the entry takes
    mlp_batch batch;
    mlp_fitted fitted;
    const mlp_output* outputs;
  };
  Device& device_;
  std::unique_ptr<Program> program_;
  const void* kernel_;
  std::int64_t rows_ = 0;
  bool changed_ = true;                            // what `call_` leads to
  Array<double> numbers_;
  std::vector<Array<std::uint8_t>> values_, present_;
  std::vector<Array<double>> results_;
  Array<mlp_column> columns_;
  Array<mlp_output> outputs_;
  Array<Call> call_;
};

}  // namespace mlp::device
