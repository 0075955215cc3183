// Map: CompiledSession checks and loads at open time; WorkspacePool hands out workspaces; run() points one at the
// caller's tensors and calls the kernels in order, on one thread or on the team.
#include "engine/compiled/compiled_session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "core/files/file.h"
#include "core/system/cpu.h"
#include "engine/compiled/kernel_library.h"
#include "engine/compiled/kernel_trial.h"
#include "engine/compiled/program_workspace.h"
#include "engine/compiled/proof_record.h"
#include "engine/compiled/stage_program.h"
#include "engine/compiled/step_profile.h"
#include "engine/status.h"
#include "engine/threads/thread_choice.h"
#include "triage/classifier.h"

namespace triage::engine {
namespace {

struct ProgramFile {
  ProgramFile(const std::string& file, const std::string& expected) {
    const std::string bytes = read_stage_file(file, expected);
    sha256 = sha256_hex(bytes);
    program = parse_program(bytes, file);
  }
  std::string sha256;
  StageProgram program;
};

struct Task {  // a step, ready to run
  Kernel kernel = nullptr;
  View::Memory gate = View::Memory::map;  // an output: left out where the caller does not want it
};

class CompiledSession : public Session {
 public:
  CompiledSession(const std::string& file, const CompiledOptions& options)
      : CompiledSession(file, ProgramFile(file, options.sha256), options) {}

  CompiledSession(const std::string& file, ProgramFile program, const CompiledOptions& options)
      : origin_(file),
        program_(std::move(program.program)),
        library_(checked_library(options)),
        team_(team_for(options)),
        constants_(program_.constants.size()) {
    if (!program_.constants.empty()) {
      std::memcpy(constants_.data(), program_.constants.data(), program_.constants.size());
    }
    std::vector<Kernel> kernels;
    for (const std::string& symbol : program_.kernels) kernels.push_back(library_->kernel(symbol));
    const std::vector<View::Memory> read = outputs_read(program_);
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      const View::Memory written = step.arguments.back().memory;
      tasks_.push_back({.kernel = kernels[static_cast<std::size_t>(step.kernel)],
                        .gate = std::ranges::find(read, written) == read.end() ? written : View::Memory::map});
    }
    {
      const std::vector<int> counts = thread_counts(team_->size());
      ProgramWorkspace space(program_, constants_.data(), counts);
      const SampleBuffers sample(program_.shape);
      require_proof(space, counts, sample, program.sha256, options);
      threads_ = choose_threads(team_->size(), [&](int threads) {
        return options.seconds_of_run ? options.seconds_of_run(threads) : seconds_of_run(space, sample, threads);
      });
    }
    if (!options.profile.empty()) {
      std::vector<std::string> names;
      for (const Step& step : program_.steps) names.push_back(step.name);
      profile_ = std::make_unique<StepProfile>(options.profile, std::move(names));
    }
    pool_.give(*make_workspace());
    program_.constants = {};  // there is a copy
  }

  const SessionInfo& info() const override { return program_.shape; }
  int threads() const override { return threads_; }

  Status run(int n, const StageTensors& tensors) const override {
    try {
      check_tensors(program_.shape, n, tensors, origin_);
      ProgramWorkspace* space = pool_.take();
      if (!space) space = make_workspace();
      const bool done = run_rows(*space, n, tensors, threads_);
      const int step = space->failed_step.load(std::memory_order_relaxed), code = space->failure;
      space->failed_step.store(-1, std::memory_order_relaxed);
      pool_.give(*space);
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

  // An image and every output.
  struct SampleBuffers {
    explicit SampleBuffers(const SessionInfo& shape)
        : input(static_cast<std::size_t>(shape.input_size)),
          logits(static_cast<std::size_t>(shape.classes)),
          features(static_cast<std::size_t>(shape.feature_width)),
          carry(static_cast<std::size_t>(shape.carry_size)) {
      for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 37 % 101) / 101;
    }
    StageTensors tensors() const {
      const auto wanted = [](const std::vector<float>& output) {
        return output.empty() ? nullptr : const_cast<float*>(output.data());
      };
      return {input.data(), wanted(logits), wanted(features), wanted(carry)};
    }
    std::vector<float> input, logits, features, carry;
  };

  std::shared_ptr<const KernelLibrary> checked_library(const CompiledOptions& options) const {
    check_cpu(program_, origin_);
    const fs::path file = fs::path(origin_).parent_path() / program_.library;
    return options.libraries ? options.libraries->open(file, program_.library_sha256)
                             : std::make_shared<const KernelLibrary>(file, program_.library_sha256);
  }

  // Every kernel has run in a child process, now or before, with the arguments it gets in each number of threads.
  void require_proof(ProgramWorkspace& space, std::span<const int> counts, const SampleBuffers& sample,
                     const std::string& sha256, const CompiledOptions& options) const {
    const std::string cpu = options.cpu.empty() ? cpu_identity() : options.cpu;
    const ProofRecord record(library_->file(), library_->sha256(), cpu);
    std::optional<std::string> failure = record.find(sha256);
    if (!failure) {
      const auto [text, lasting] = try_kernels(space, counts, sample, options.trial_seconds);
      if (lasting) record.add(sha256, text);
      failure = text;
    }
    if (failure->empty()) return;
    fail_with(ErrorCode::unsupported, "{}: {} when it was tried in a child process on this CPU ({})", origin_, *failure,
              cpu_name());
  }

  // What is wrong with one, empty: nothing; and whether that is worth remembering.
  std::pair<std::string, bool> try_kernels(ProgramWorkspace& space, std::span<const int> counts,
                                           const SampleBuffers& sample, double seconds) const {
    space.point_at(outside_of(sample.tensors(), 0));
    std::vector<KernelCall> calls;
    std::vector<std::size_t> step_of;
    for (const int parts : counts) {
      for (std::size_t s = 0; s < tasks_.size(); ++s) {
        for (int part = 0; part < parts; ++part) {
          void** const arguments = space.arguments(s, part, parts);
          if (!arguments) continue;
          calls.push_back({tasks_[s].kernel, arguments});
          step_of.push_back(s);
        }
      }
    }
    library_->take_scratch();
    const TrialEnd end = try_in_child(calls, seconds);
    if (end.how == TrialEnd::How::done) return {"", end.lasting()};
    const Step& step = program_.steps[step_of[end.call]];
    return {std::format("kernel '{}' (step {}{}{}) {}", program_.kernels[static_cast<std::size_t>(step.kernel)],
                        step_of[end.call], step.name.empty() ? "" : ", ", step.name, to_text(end)),
            end.lasting()};
  }

  // The second of two runs: the first one brings the memory to the threads.
  double seconds_of_run(ProgramWorkspace& space, const SampleBuffers& sample, int threads) const {
    std::chrono::duration<double> spent{};
    for (int i = 0; i < 2; ++i) {
      const auto start = std::chrono::steady_clock::now();
      run_rows(space, 1, sample.tensors(), threads);
      spent = std::chrono::steady_clock::now() - start;
    }
    return spent.count();
  }

  // In use by the caller.
  ProgramWorkspace* make_workspace() const {
    return pool_.add(std::make_unique<ProgramWorkspace>(program_, constants_.data(), std::span(&threads_, 1)));
  }

  static std::uint8_t* row(const float* data, int index, int size) {
    if (!data) return nullptr;
    const float* const begin = data + static_cast<std::size_t>(index) * static_cast<std::size_t>(size);
    return reinterpret_cast<std::uint8_t*>(const_cast<float*>(begin));  // a kernel does not write its input
  }

  Outside outside_of(const StageTensors& tensors, int index) const {
    Outside outside{};
    const auto at = [&](View::Memory memory) -> std::uint8_t*& { return outside[static_cast<std::size_t>(memory)]; };
    at(View::Memory::input) = row(tensors.input.data, index, program_.shape.input_size);
    at(View::Memory::logits) = row(tensors.logits.data, index, program_.shape.classes);
    at(View::Memory::features) = row(tensors.features.data, index, program_.shape.feature_width);
    at(View::Memory::carry) = row(tensors.carry.data, index, program_.shape.carry_size);
    return outside;
  }

  // False when a kernel failed; the workspace says which.
  bool run_rows(ProgramWorkspace& space, int n, const StageTensors& tensors, int threads) const {
    for (int i = 0; i < n; ++i) {
      const Outside outside = outside_of(tensors, i);
      space.point_at(outside);
      team_->run(threads, [&](int part, int parts) { run_part(space, outside, part, parts); });
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
      const bool last = s + 1 == tasks_.size();
      if (!last && (space.is_shared(s, parts) || space.is_shared(s + 1, parts))) team_->barrier(parts);
      profile.step_done();
    }
  }

  std::string origin_;
  StageProgram program_;
  std::shared_ptr<const KernelLibrary> library_;
  std::shared_ptr<ThreadTeam> team_;
  AlignedMemory constants_;
  std::vector<Task> tasks_;
  std::unique_ptr<StepProfile> profile_;  // none: not wanted
  int threads_ = 1;                       // of the team, that a run takes
  mutable Pool<ProgramWorkspace> pool_;
};

}  // namespace

std::shared_ptr<ThreadTeam> team_for(const CompiledOptions& options) {
  if (options.team) return options.team;
  if (options.threads < 1 || options.threads > 1024) {
    fail_with(ErrorCode::bad_input, "threads: found {}, expected 1 to 1024", options.threads);
  }
  return std::make_shared<ThreadTeam>(options.threads, options.allow_spinning);
}

Result<std::unique_ptr<Session>> open_compiled(const std::string& file, const CompiledOptions& options) {
  try {
    return std::unique_ptr<Session>(std::make_unique<CompiledSession>(file, options));
  } catch (...) {
    return current_error();
  }
}

std::string compiled_engine_version() { return TRIAGE_VERSION; }

}  // namespace triage::engine
