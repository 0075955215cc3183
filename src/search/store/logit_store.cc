#include "search/store/logit_store.h"

#include <algorithm>
#include <cstring>

#include "core/json.h"
#include "core/warning.h"
#include "search/store/answer_table.h"
#include "search/store/sql.h"

namespace triage::search {
namespace {

constexpr int kStoreVersion = 1;

using Half = _Float16;

std::string to_half(const std::vector<float>& values) {
  std::vector<Half> half(values.size());
  std::ranges::transform(values, half.begin(), [](float value) { return static_cast<Half>(value); });
  return {reinterpret_cast<const char*>(half.data()), half.size() * sizeof(Half)};
}

std::vector<float> from_half(const std::string& bytes) {
  std::vector<Half> half(bytes.size() / sizeof(Half));
  std::memcpy(half.data(), bytes.data(), half.size() * sizeof(Half));
  std::vector<float> values(half.size());
  std::ranges::transform(half, values.begin(), [](Half value) { return static_cast<float>(value); });
  return values;
}

AnswerHeader header(const StoreKey& key, int classes, const std::vector<Label>& labels) {
  return {{"weights", key.weights},
          {"data", key.data},
          {"split", key.split},
          {"recalibration", key.recalibration},
          {"version", std::to_string(kStoreVersion)},
          {"classes", std::to_string(classes)},
          {"images", std::to_string(labels.size())},
          {"labels", sha256_hex(store_labels(labels, static_cast<std::size_t>(classes)))}};
}

// Of a row: what is computed from it.
std::string row_digest(const AnswerRow& row) {
  return sha256_hex(std::format("{}\n{} {}\n{}\n", row.arch, row.macs, row.parameters, row.accuracy) + row.logits);
}

// Without logits.
SubnetAnswers checked(const AnswerRow& row, const std::string& origin) {
  const std::string found = row_digest(row);
  if (row.sha256.empty()) {
    warn(origin + ": has answers without a checksum (of before there were any): damage would not be noticed");
  } else if (found != row.sha256) {
    fail("{}: subnet {}: damaged: expected SHA-256 {}, found {}", origin, row.arch, row.sha256, found);
  }
  const Json accuracy = parse_json(row.accuracy, origin + ": accuracy");
  return {.arch = row.arch,
          .macs = row.macs,
          .parameters = row.parameters,
          .accuracy = JsonReader(accuracy, origin + ": accuracy of " + row.arch).as<std::vector<double>>(),
          .logits = {}};
}

}  // namespace

struct LogitStore::Impl {
  std::string origin;
  int classes;
  std::vector<Label> labels;
  std::unique_ptr<AnswerTable> table;

  std::size_t logits(const SubnetAnswers& answers) const {
    return answers.accuracy.size() * labels.size() * static_cast<std::size_t>(classes);
  }
};

LogitStore::LogitStore(const fs::path& file, const StoreKey& key, int classes, const std::vector<Label>& labels)
    : impl_(std::make_unique<Impl>(file.string(), classes, labels,
                                   open_answer_file(file, header(key, classes, labels)))) {}
LogitStore::LogitStore(const std::string& location, const std::string& name, const StoreKey& key, int classes,
                       const std::vector<Label>& labels)
    : impl_(std::make_unique<Impl>(shown_location(location), classes, labels,
                                   open_answer_tables(location, name, header(key, classes, labels)))) {}
LogitStore::~LogitStore() = default;
LogitStore::LogitStore(LogitStore&&) noexcept = default;

bool LogitStore::has(const family::ArchSpec& subnet) const { return impl_->table->has(subnet.text()); }

std::optional<SubnetAnswers> LogitStore::find(const family::ArchSpec& subnet) const {
  const std::optional<AnswerRow> row = impl_->table->find(subnet.text());
  if (!row) return std::nullopt;
  SubnetAnswers answers = checked(*row, impl_->origin);
  const std::size_t expected = impl_->logits(answers) * sizeof(Half);
  if (row->logits.size() != expected) {
    fail("{}: subnet {}: expected {} bytes of logits, found {}", impl_->origin, answers.arch, expected,
         row->logits.size());
  }
  answers.logits = from_half(row->logits);
  return answers;
}

void LogitStore::insert(const SubnetAnswers& answers) {
  const std::size_t expected = impl_->logits(answers);
  if (answers.logits.size() != expected || expected == 0) {
    fail("{}: subnet {}: expected {} logits, found {}", impl_->origin, answers.arch, expected, answers.logits.size());
  }
  AnswerRow row{.arch = answers.arch,
                .macs = answers.macs,
                .parameters = answers.parameters,
                .accuracy = Json(answers.accuracy).dump(),
                .logits = to_half(answers.logits),
                .sha256 = {}};
  row.sha256 = row_digest(row);
  impl_->table->insert(row);
}

std::vector<SubnetAnswers> LogitStore::list() const {
  std::vector<SubnetAnswers> all;
  impl_->table->each([&](const AnswerRow& row) { all.push_back(checked(row, impl_->origin)); });
  return all;
}

const std::vector<Label>& LogitStore::labels() const { return impl_->labels; }

}  // namespace triage::search
