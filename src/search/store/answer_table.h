// Where a LogitStore keeps its rows: a SQLite file of its own, or tables of a database that has other things too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/files/file.h"

namespace triage::search {

struct AnswerRow {
  std::string arch;
  std::int64_t macs = 0, parameters = 0;
  std::string accuracy, logits;  // JSON; half precision, as bytes
  std::string sha256;            // of all of these
};

using AnswerHeader = std::map<std::string, std::string>;  // must be the same for answers to be comparable

class AnswerTable {
 public:
  virtual ~AnswerTable() = default;
  virtual bool has(const std::string& arch) = 0;
  virtual std::optional<AnswerRow> find(const std::string& arch) = 0;
  virtual void insert(const AnswerRow& row) = 0;                              // replaces what there was
  virtual void each(const std::function<void(const AnswerRow&)>& visit) = 0;  // in the order of their insertion
};

// Both throw Error where what is there belongs to another header.
std::unique_ptr<AnswerTable> open_answer_file(const fs::path& file, const AnswerHeader& header);
std::unique_ptr<AnswerTable> open_answer_tables(const std::string& location, const std::string& name,
                                                const AnswerHeader& header);

}  // namespace triage::search
