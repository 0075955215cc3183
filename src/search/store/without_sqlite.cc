// In place of logit_store.cc and sql.cc in a program that was built without SQLite and PostgreSQL: answers are kept as
// long as the object lives.
#include <algorithm>

#include "core/error.h"
#include "core/warning.h"
#include "search/store/logit_store.h"
#include "search/store/sql.h"

namespace triage::search {

bool is_server(const std::string& location) { return location.starts_with("postgres"); }

struct LogitStore::Impl {
  std::vector<Label> labels;
  std::vector<SubnetAnswers> answers;

  auto place_of(const std::string& subnet) { return std::ranges::find(answers, subnet, &SubnetAnswers::arch); }
};

LogitStore::LogitStore(const fs::path& file, const StoreKey&, int, const std::vector<Label>& labels)
    : impl_(std::make_unique<Impl>(labels)) {
  warn(file.string() + ": is not written: this program was built without SQLite, with the preset cuda");
}
LogitStore::LogitStore(const std::string& location, const std::string& name, const StoreKey&, int,
                       const std::vector<Label>&) {
  fail("{}: '{}': this program was built without PostgreSQL, with the preset cuda", location, name);
}
LogitStore::~LogitStore() = default;
LogitStore::LogitStore(LogitStore&&) noexcept = default;

bool LogitStore::has(const family::ArchSpec& subnet) const { return find(subnet).has_value(); }

std::optional<SubnetAnswers> LogitStore::find(const family::ArchSpec& subnet) const {
  const auto place = impl_->place_of(subnet.text());
  return place == impl_->answers.end() ? std::nullopt : std::optional(*place);
}

void LogitStore::insert(const SubnetAnswers& answers) {
  if (const auto place = impl_->place_of(answers.arch); place != impl_->answers.end()) impl_->answers.erase(place);
  impl_->answers.push_back(answers);
}

std::vector<SubnetAnswers> LogitStore::list() const { return impl_->answers; }

const std::vector<Label>& LogitStore::labels() const { return impl_->labels; }

}  // namespace triage::search
