// ProgramWorkspace: the memory of one run of a program, and every kernel's arguments, made once.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "engine/compiled/kernel_abi.h"
#include "engine/compiled/stage_program.h"
#include "engine/threads/pool.h"

namespace triage::engine {

inline constexpr std::size_t kMemoryAlignment = 64;

class AlignedMemory {
 public:
  explicit AlignedMemory(std::size_t bytes)
      : data_(static_cast<std::uint8_t*>(::operator new(bytes, std::align_val_t{kMemoryAlignment}))) {}
  std::uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::uint8_t* data) const { ::operator delete(data, std::align_val_t{kMemoryAlignment}); }
  };
  std::unique_ptr<std::uint8_t, Free> data_;
};

// Of a dimension that `parts` threads share out: how much comes before `part`. Whole units; the last part also gets
// what is left of one. What cannot be shared goes to the first, which does all else that is not shared: its core has
// the memory near.
int share_begin(int extent, int unit, int part, int parts);

// The outputs that steps read too: they need memory even where the caller gives none.
std::vector<View::Memory> outputs_read(const StageProgram& program);

class ProgramWorkspace : public Pooled<ProgramWorkspace> {
 public:
  // counts: of threads that may share the split steps. constants: the program's, aligned; must outlive this.
  ProgramWorkspace(const StageProgram& program, std::uint8_t* constants, std::span<const int> counts);
  ProgramWorkspace(const ProgramWorkspace&) = delete;
  ProgramWorkspace& operator=(const ProgramWorkspace&) = delete;

  // Where the image's input and outputs are, by View::Memory; null: not wanted.
  using Outside = std::array<std::uint8_t*, 6>;
  void point_at(const Outside& outside);

  // Of a step, for its kernel; null where this part has nothing to do. parts: 1 or one of the constructor's.
  void** arguments(std::size_t step, int part, int parts) const {
    if (parts == 1) return alone_[step];
    return shared_of(parts).arguments[step * static_cast<std::size_t>(parts) + static_cast<std::size_t>(part)];
  }

  // Whether more than part 0 has something to do.
  bool is_shared(std::size_t step, int parts) const { return parts > 1 && shared_of(parts).is_shared[step]; }

  std::atomic<int> failed_step{-1};  // of the run in progress
  int failure = 0;                   // what its kernel returned

 private:
  struct Patch {
    KernelBuffer* buffer;
    std::size_t memory, offset;
  };

  KernelBuffer* add_buffer(const View& view);
  void** add_arguments(const std::vector<KernelBuffer*>& buffers);
  struct Shared {
    int parts = 1;
    std::vector<void**> arguments;  // [steps, parts]
    std::vector<char> is_shared;    // [steps]
  };
  const Shared& shared_of(int parts) const {
    std::size_t c = 0;
    while (shared_[c].parts != parts) ++c;
    return shared_[c];
  }
  void add_shared(const Step& step, const std::vector<KernelBuffer*>& buffers, Shared& shared);

  std::uint8_t* constants_;
  std::vector<AlignedMemory> maps_;
  std::array<std::unique_ptr<AlignedMemory>, 6> scratch_;  // for outputs_read()
  // The containers below keep their elements where they are.
  std::vector<std::unique_ptr<KernelDimension[]>> dimensions_;
  std::vector<std::unique_ptr<KernelBuffer>> buffers_;
  std::vector<std::unique_ptr<void*[]>> arguments_;
  std::vector<void**> alone_;  // [steps]
  std::vector<Shared> shared_;
  std::vector<Patch> patches_;
};

}  // namespace triage::engine
