// A device that times what it passes on to a GPU, launch by launch: where a step of training goes. Recordings are not recorded but asked for again
// each time, so the whole takes longer than it does without; the parts are those of the GPU.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "runtime/device/cuda.h"

namespace bench {

using namespace mlp;

class TimedDevice : public device::Device {
 public:
  struct Part {
    std::int64_t calls = 0;
    double least = 0, sum = 0;                         // milliseconds of a call, of all
  };
  explicit TimedDevice(device::CudaDevice& gpu) : gpu_(gpu) {}
  const std::map<std::string, Part>& parts() const { return parts_; }
  void forget() { parts_.clear(); }

  std::string describe() const override { return gpu_.describe(); }
  int architecture() const override { return gpu_.architecture(); }
  void* allocate(std::size_t bytes) override { return gpu_.allocate(bytes); }
  void release(void* memory) noexcept override { gpu_.release(memory); }
  void copy_in(void* to, const void* from, std::size_t bytes) override { gpu_.copy_in(to, from, bytes); }
  void copy_out(void* to, const void* from, std::size_t bytes) override { gpu_.copy_out(to, from, bytes); }
  void zero(void* to, std::size_t bytes) override {
    time("zero " + std::to_string(bytes) + " bytes", [&] { gpu_.zero(to, bytes); });
  }
  std::unique_ptr<device::Program> load(const std::string& code) override { return std::make_unique<NamedProgram>(gpu_.load(code), names_); }
  void launch(const void* kernel, std::int64_t blocks, void* call, std::int64_t number) override {
    time(names_[kernel] + ", " + std::to_string(blocks) + " blocks", [&] { gpu_.launch(kernel, blocks, call, number); });
  }
  void product(const device::Product& p) override {
    time("product " + std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k) + (p.count > 1 ? " times " + std::to_string(p.count) : ""), [&] { gpu_.product(p); });
  }
  std::unique_ptr<device::Recording> record(const std::function<void()>& work) override {
    return std::make_unique<Again>(work);
  }
  void run(const device::Recording& recording) override { static_cast<const Again&>(recording).work(); }
  void wait() override { gpu_.wait(); }

 private:
  struct Again : device::Recording {
    explicit Again(std::function<void()> w) : work(std::move(w)) {}
    std::function<void()> work;
  };
  struct NamedProgram : device::Program {
    NamedProgram(std::unique_ptr<device::Program> p, std::map<const void*, std::string>& n) : program(std::move(p)), names(n) {}
    const void* kernel(const std::string& name) const override {
      const void* const found = program->kernel(name);
      names[found] = name;
      return found;
    }
    std::unique_ptr<device::Program> program;
    std::map<const void*, std::string>& names;
  };
  void time(const std::string& what, const std::function<void()>& work) {
    const double taken = gpu_.milliseconds(work);
    Part& part = parts_[what];
    part.least = part.calls == 0 ? taken : std::min(part.least, taken);
    part.sum += taken;
    ++part.calls;
  }

  device::CudaDevice& gpu_;
  std::map<const void*, std::string> names_;
  std::map<std::string, Part> parts_;
};

}  // namespace bench
