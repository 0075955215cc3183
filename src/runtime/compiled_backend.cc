// Map: CompiledBackend checks and loads at open time; WorkspacePool hands out workspaces; run() points one at the
// caller's buffers and calls the kernels in order, on one thread or on the team.
#include "runtime/compiled_backend.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/file.h"
#include "runtime/kernel_library.h"
#include "runtime/program_workspace.h"
#include "runtime/stage_program.h"
#include "runtime/status.h"
#include "runtime/step_profile.h"
#include "triage/classifier.h"

namespace triage::runtime {
namespace {

// A list that only grows, so that taking and giving back need no lock and no counters.
class WorkspacePool {
 public:
  WorkspacePool() = default;
  ~WorkspacePool() {
    for (ProgramWorkspace* space = first_.load(); space;) delete std::exchange(space, space->next);
  }
  WorkspacePool(const WorkspacePool&) = delete;
  WorkspacePool& operator=(const WorkspacePool&) = delete;

  ProgramWorkspace* take() {  // null: all are in use
    for (ProgramWorkspace* space = first_.load(std::memory_order_acquire); space; space = space->next) {
      if (!space->in_use.load(std::memory_order_relaxed) && !space->in_use.exchange(true, std::memory_order_acquire)) {
        return space;
      }
    }
    return nullptr;
  }
  void add(std::unique_ptr<ProgramWorkspace> space) {
    ProgramWorkspace* const added = space.release();
    added->next = first_.load(std::memory_order_relaxed);
    while (!first_.compare_exchange_weak(added->next, added, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<ProgramWorkspace*> first_{nullptr};
};

std::shared_ptr<ThreadTeam> team_for(const CompiledOptions& options) {
  if (options.team) return options.team;
  if (options.threads < 1 || options.threads > 1024) {
    fail_with(ErrorCode::bad_input, "threads: found {}, expected 1 to 1024", options.threads);
  }
  return std::make_shared<ThreadTeam>(options.threads, options.allow_spinning);
}

struct Task {  // a step, ready to run
  Kernel kernel = nullptr;
  View::Memory gate = View::Memory::map;  // an output: left out where the caller does not want it
  bool barrier = false;                   // before the next one
};

class CompiledBackend : public Backend {
 public:
  CompiledBackend(const std::string& file, const CompiledOptions& options)
      : origin_(file),
        program_(parse_program(read_stage_file(file, options.sha256), file)),
        library_(checked_library()),
        team_(team_for(options)),
        constants_(program_.constants.size()) {
    if (!program_.constants.empty()) {
      std::memcpy(constants_.data(), program_.constants.data(), program_.constants.size());
    }
    std::vector<Kernel> kernels;
    for (const std::string& symbol : program_.kernels) kernels.push_back(library_.kernel(symbol));
    const std::vector<View::Memory> read = outputs_read(program_);
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      const View::Memory written = step.arguments.back().memory;
      const bool last = s + 1 == program_.steps.size();
      tasks_.push_back({.kernel = kernels[static_cast<std::size_t>(step.kernel)],
                        .gate = std::ranges::find(read, written) == read.end() ? written : View::Memory::map,
                        .barrier = !last && (step.split >= 0 || program_.steps[s + 1].split >= 0)});
    }
    if (!options.profile.empty()) {
      std::vector<std::string> names;
      for (const Step& step : program_.steps) names.push_back(step.name);
      profile_ = std::make_unique<StepProfile>(options.profile, std::move(names));
    }
    release(*make_workspace());
    program_.constants = {};  // there is a copy
  }

  const StageShape& shape() const override { return program_.shape; }

  Status run(int n, const StageBuffers& buffers) const override {
    try {
      check(n, buffers);
      ProgramWorkspace* space = pool_.take();
      if (!space) space = make_workspace();
      const bool done = run_rows(*space, n, buffers);
      const int step = space->failed_step.load(std::memory_order_relaxed), code = space->failure;
      space->failed_step.store(-1, std::memory_order_relaxed);
      release(*space);
      if (done) return Ok{};
      const int kernel = program_.steps[static_cast<std::size_t>(step)].kernel;
      fail_with(ErrorCode::engine_failure, "{}: step {}: kernel '{}' failed with code {}", origin_, step,
                program_.kernels[static_cast<std::size_t>(kernel)], code);
    } catch (...) {
      return current_error();
    }
  }

 private:
  using Outside = ProgramWorkspace::Outside;

  KernelLibrary checked_library() const {
    check_cpu(program_, origin_);
    return KernelLibrary(fs::path(origin_).parent_path() / program_.library, program_.library_sha256);
  }

  // In use by the caller.
  ProgramWorkspace* make_workspace() const {
    auto made = std::make_unique<ProgramWorkspace>(program_, constants_.data(), team_->size());
    made->in_use.store(true, std::memory_order_relaxed);
    ProgramWorkspace* const space = made.get();
    pool_.add(std::move(made));
    return space;
  }
  static void release(ProgramWorkspace& space) { space.in_use.store(false, std::memory_order_release); }

  void check(int n, const StageBuffers& buffers) const {
    if (n < 1 || !buffers.input || !buffers.logits) {
      fail_with(ErrorCode::bad_input, "{}: run: expected n >= 1 (found {}), an input and a logits buffer", origin_, n);
    }
    const StageShape& shape = program_.shape;
    if ((buffers.features && shape.feature_width == 0) || (buffers.carry && shape.carry_size == 0)) {
      fail_with(ErrorCode::bad_input, "{}: output '{}': wanted, but the stage has none", origin_,
                buffers.features && shape.feature_width == 0 ? "features" : "carry");
    }
  }

  static std::uint8_t* row(const float* data, int index, int size) {
    if (!data) return nullptr;
    const float* const begin = data + static_cast<std::size_t>(index) * static_cast<std::size_t>(size);
    return reinterpret_cast<std::uint8_t*>(const_cast<float*>(begin));  // a kernel does not write its input
  }

  // False when a kernel failed; the workspace says which.
  bool run_rows(ProgramWorkspace& space, int n, const StageBuffers& buffers) const {
    for (int i = 0; i < n; ++i) {
      Outside outside{};
      const auto at = [&](View::Memory memory) -> std::uint8_t*& { return outside[static_cast<std::size_t>(memory)]; };
      at(View::Memory::input) = row(buffers.input, i, program_.shape.input_size);
      at(View::Memory::logits) = row(buffers.logits, i, program_.shape.classes);
      at(View::Memory::features) = row(buffers.features, i, program_.shape.feature_width);
      at(View::Memory::carry) = row(buffers.carry, i, program_.shape.carry_size);
      space.point_at(outside);
      team_->run([&](int part, int parts) { run_part(space, outside, part, parts); });
      if (space.failed_step.load(std::memory_order_relaxed) >= 0) return false;
    }
    return true;
  }

  // Every part comes to every barrier, failed or not.
  void run_part(ProgramWorkspace& space, const Outside& outside, int part, int parts) const {
    StepProfile::Run profile(part == 0 ? profile_.get() : nullptr);
    for (std::size_t s = 0; s < tasks_.size(); ++s) {
      const Task& task = tasks_[s];
      const bool wanted = task.gate == View::Memory::map || outside[static_cast<std::size_t>(task.gate)];
      void** const arguments = wanted ? space.arguments(s, part, parts) : nullptr;
      if (arguments && space.failed_step.load(std::memory_order_relaxed) < 0) {
        if (const int code = task.kernel(arguments); code != 0) {
          int none = -1;
          if (space.failed_step.compare_exchange_strong(none, static_cast<int>(s), std::memory_order_relaxed)) {
            space.failure = code;
          }
        }
      }
      if (task.barrier) team_->barrier(parts);
      profile.step_done();
    }
  }

  std::string origin_;
  StageProgram program_;
  KernelLibrary library_;
  std::shared_ptr<ThreadTeam> team_;
  AlignedMemory constants_;
  std::vector<Task> tasks_;
  std::unique_ptr<StepProfile> profile_;  // none: not wanted
  mutable WorkspacePool pool_;
};

}  // namespace

Result<std::unique_ptr<Backend>> open_compiled(const std::string& file, const CompiledOptions& options) {
  try {
    return std::unique_ptr<Backend>(std::make_unique<CompiledBackend>(file, options));
  } catch (...) {
    return current_error();
  }
}

std::string compiled_engine_version() { return version(); }

}  // namespace triage::runtime
