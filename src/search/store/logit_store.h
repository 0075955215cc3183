// What every exit of a subnet says about every image of a split, kept in one SQLite file or in a database that many
// machines share: an answer is asked for once, and searches over subnets, exits and thresholds read it from here.
//
// A store belongs to one supernet's weights, one data set, one split and one way to recalibrate; another one is refused
// with both sides named. An insert is a transaction: a process that is killed loses at most the subnet it was at.
// One object per thread; several processes may work on one store (who asks which subnet: subnet_work.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "core/label.h"
#include "family/arch.h"

namespace triage::search {

// What must be the same for answers to be comparable.
struct StoreKey {
  std::string weights;        // SHA-256 of supernet.pt
  std::string data;           // SHA-256 of the data set
  std::string split;          // "validation of route=2500 validation=2500 seed=1"
  std::string recalibration;  // "2048 images, seed 1"
};

struct SubnetAnswers {
  std::string arch;
  std::int64_t macs = 0, parameters = 0;
  std::vector<double> accuracy;  // of every exit, the last exit at the end
  std::vector<float> logits;     // [exits, images, classes]; kept in half precision
};

class LogitStore {
 public:
  // Opens the file or makes it. `labels`: of the split's images. Throws Error.
  LogitStore(const fs::path& file, const StoreKey& key, int classes, const std::vector<Label>& labels);
  // The store called `name` in a database; location: see open_database() in sql.h.
  LogitStore(const std::string& location, const std::string& name, const StoreKey& key, int classes,
             const std::vector<Label>& labels);
  ~LogitStore();
  LogitStore(LogitStore&&) noexcept;

  bool has(const family::ArchSpec& subnet) const;
  std::optional<SubnetAnswers> find(const family::ArchSpec& subnet) const;
  void insert(const SubnetAnswers& answers);  // replaces what there was; Error when sizes do not fit
  std::vector<SubnetAnswers> list() const;    // without logits, in the order of their insertion

  const std::vector<Label>& labels() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::search
