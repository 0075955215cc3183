// What the tests of energy sources share.
#pragma once

#include <fstream>

#include "core/test_support.h"
#include "measure/energy/energy_source.h"

namespace triage::measure {

// A made-up root directory.
class FakeRoot {
 public:
  EnergyPlaces places() const { return {.root = directory_.path(), .pmic_command = "no-such-vcgencmd"}; }
  fs::path operator/(const char* file) const { return directory_ / file; }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((directory_.path() / file).parent_path());
    std::ofstream(directory_.path() / file) << text << '\n';
  }

 private:
  TempDir directory_;
};

inline double window_joules(EnergySource& source, const std::function<void()>& work) {
  source.begin();
  work();
  source.end();
  return source.take_joules().at(0);
}

}  // namespace triage::measure
