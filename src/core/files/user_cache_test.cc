#include "core/files/user_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

namespace triage {
namespace {

class Environment {  // a variable while it lives
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) const { value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1); }
  const char* name_;
  std::optional<std::string> before_;
};

TEST(UserCache, IsXdgsElseTheHomes) {
  const Environment home("HOME", "/home/user"), cache("XDG_CACHE_HOME", "/caches");
  EXPECT_EQ(user_cache_directory(), "/caches/triage");
  for (const char* unusable : {static_cast<const char*>(nullptr), "", "relative"}) {
    const Environment without("XDG_CACHE_HOME", unusable);
    EXPECT_EQ(user_cache_directory(), "/home/user/.cache/triage");
    const Environment homeless("HOME", unusable);
    EXPECT_EQ(user_cache_directory(), "");
  }
}

}  // namespace
}  // namespace triage
