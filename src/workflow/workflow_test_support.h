// What the tests of workflow share: configurations as files, and what is said of those that are refused.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "workflow/config/run_config.h"
#include "workflow/config/search_config.h"

namespace triage::workflow {

inline const std::string kTwoStages = R"(name = "pair"
[data]
file = "data.tds"
[[stage]]
name = "little"
arch = "8,16"
[[stage]]
name = "big"
arch = "16,32-32"
)";

inline const std::string kSupernet = R"(name = "net"
[data]
file = "data.tds"
[supernet]
space = "8:16:8,16:32:8-32"
)";

inline const std::string kSearch = R"(name = "joint"
[search]
supernet = "runs/net"
)";

// In a file c.toml that lives as long as this.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { write_file_atomic(path(), text); }
  fs::path path() const { return directory_ / "c.toml"; }

 private:
  TempDir directory_;
};

inline RunConfig run_config(const std::string& text, const std::vector<std::string>& settings = {}) {
  return load_run_config(ConfigFile(text).path(), settings);
}
inline SearchConfig search_config(const std::string& text, const std::vector<std::string>& settings = {}) {
  return load_search_config(ConfigFile(text).path(), settings);
}

// What is said of a configuration, less the directory.
template <class Load>
std::string refusal(Load load, const std::string& text, const std::vector<std::string>& settings = {}) {
  const std::string said = error_of([&] { load(text, settings); });
  const std::size_t file = said.find("c.toml");
  return file == std::string::npos ? said : said.substr(file);
}
inline std::string run_refusal(const std::string& text, const std::vector<std::string>& settings = {}) {
  return refusal(run_config, text, settings);
}
inline std::string search_refusal(const std::string& text, const std::vector<std::string>& settings = {}) {
  return refusal(search_config, text, settings);
}

}  // namespace triage::workflow
