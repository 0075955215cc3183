// Small pieces of gnuplot script shared by the drawings.
#pragma once

#include <format>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace triage::report {

class Script {
 public:
  template <class... Args>
  Script& add(std::format_string<Args...> format, Args&&... args) {
    std::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
    return *this;
  }
  Script& raw(const std::string& text) {
    text_ += text;
    return *this;
  }
  // A named data block of numbers.
  Script& block(const std::string& name, const std::vector<std::vector<double>>& rows) {
    text_ += '$' + name + " << EOD\n";
    for (const auto& row : rows) {
      for (const double value : row) std::format_to(std::back_inserter(text_), "{:.9g} ", value);
      text_ += '\n';
    }
    text_ += "EOD\n";
    return *this;
  }
  // The plot area's place on the page, in CSS pixels from the picture's top left corner.
  Script& area(double left, double right, double top, double bottom, double width, double height) {
    return add(
        "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\nset tmargin at screen {:.5f}\nset bmargin at "
        "screen {:.5f}",
        left / width, right / width, 1 - top / height, 1 - bottom / height);
  }
  // One plot command from its parts.
  Script& plot(const std::vector<std::string>& parts) {
    text_ += "plot ";
    for (std::size_t i = 0; i < parts.size(); ++i) text_ += (i ? ", \\\n  " : "") + parts[i];
    text_ += '\n';
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace triage::report
