// Every schedule that tuning has measured, and each kernel's winner, in one SQLite file.
//
// Rows belong to a machine (target and CPU), a kernel and a schedule; a file holds those of many machines, an object
// sees those of one. Each insert is a transaction: a process that is killed loses at most the candidate it was at.
// Several processes may work on one file; one object per thread, and a process forked while it is open must not use its
// copy. A damaged or foreign file, or one of another version, is refused by
// name: rows carry checksums, those of before there were any are taken with a warning.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/kernel/schedule.h"
#include "compiler/tuning/candidate_runner.h"
#include "core/files/file.h"

namespace triage::compiler {

struct Candidate {
  KernelKey key;
  Schedule schedule;
  CandidateResult outcome;
  std::string git, date;  // of the program that measured, and when
};

std::string tuning_machine(const Target& target, const std::string& cpu);  // "x86_64 avx2 fma on Xeon ..."

// Between kernels of one precision that both pool or both do not: of the logarithms (base 2) of their sizes.
double key_distance(const KernelKey& a, const KernelKey& b);

// All throw Error, which begins with the file's name.
class TuningStore {
 public:
  TuningStore(const fs::path& file, std::string machine);  // opens the file or makes it
  ~TuningStore();
  TuningStore(TuningStore&&) noexcept;

  // Replaces what was known of the candidate, at its old place in the order.
  void insert(const KernelKey& key, const Schedule& schedule, const CandidateResult& outcome);
  // A tuning has ended: the winner (measured, no failure) and how many candidates that took into account.
  void finish(const KernelKey& key, const Schedule& winner, int effort);

  int effort(const KernelKey& key) const;                         // of the last finish; 0 without one
  std::optional<Candidate> best(const KernelKey& key) const;      // the winner; before a finish the fastest
  std::vector<Candidate> candidates(const KernelKey& key) const;  // in the order in which they came first
  std::vector<Candidate> all() const;                             // likewise, of all kernels
  std::vector<KernelKey> keys() const;                            // with candidates, by text
  std::vector<Candidate> nearest(const KernelKey& key, std::size_t most) const;  // other kernels' best, nearest first
  std::size_t count() const;                                                     // candidates

  const std::string& machine() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::compiler
