// Study: what the workers of one search share: who works on which batch, and every trial so far. It lives in a SQLite
// file (any number of processes on one machine) or in a PostgreSQL database (on any number of machines).
//
// A study belongs to one identity: all that must be the same for trials to be comparable (space, weights, data, costs,
// budgets, method, seed). A killed worker loses at most the batch it was at, which then goes to another one.
// One object per thread, and none open across a fork(). Everything throws Error, which begins with the location.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"

namespace triage::search {

struct TrialPoint {  // one operating point of a trial
  double cost = 0;
  double accuracy = 0;
  std::vector<double> thresholds;
  Json more = Json::object();  // what else the search wants to keep
  bool operator==(const TrialPoint&) const = default;
};

struct Trial {
  std::uint64_t id = 0;     // given by the study: 1, 2, 3, ... without gaps
  std::uint64_t batch = 0;  // given by the study
  std::uint64_t seed = 0;
  std::string genome;  // once in a study
  std::string origin;  // how the search came to it
  std::vector<TrialPoint> points;
};

struct StudyBatch {  // a claimed piece of work
  std::uint64_t id = 0;
  int attempt = 1;  // above 1: earlier workers did not complete it
};

struct StudyOptions {
  // s; how long a claim holds against others. Longer than a batch may take: there is no renewal.
  double lease_seconds = 900;
};

class Study {
 public:
  // location: see open_database() in sql.h; tables are made when missing. One database may hold several studies, each
  // with a name. An existing one of another identity is refused; the first field that differs is shown with both sides.
  Study(const std::string& location, const std::string& name, const Json& identity, const StudyOptions& options = {});
  ~Study();
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;

  // The next piece of work: the lowest batch that was given up, else a new number (0, 1, 2, ...). A batch is given up
  // when its process is gone (seen at once on the same machine, and where its connection to PostgreSQL has ended) or
  // its lease has run out.
  StudyBatch claim();

  // Records the batch as done with its trials, in one transaction; trials whose genome the study has are left out.
  // False, and nothing is recorded, when the batch was completed before: by another worker who took it over. Who is
  // first counts, so a worker whose lease ran out need not ask. summary: an object for the history.
  bool complete(const StudyBatch& batch, const std::vector<Trial>& trials, const Json& summary);

  // Trials with a larger id, rising. Never incomplete: who has seen id N has seen, or can read, all ids below.
  std::vector<Trial> trials_after(std::uint64_t last_id) const;
  // The summaries of the batches that are done, by rising batch; the field "batch" of each is its number.
  std::vector<Json> history() const;
  std::size_t size() const;     // trials
  std::size_t workers() const;  // that hold a claim now

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::search
