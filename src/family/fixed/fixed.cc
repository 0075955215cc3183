#include "family/fixed/fixed.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "core/error.h"

namespace triage::family {
namespace {

constexpr std::string_view kMarks = "_.+-";  // of a name, besides letters and digits

std::string checked(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kMarks.find(c) != kMarks.npos;
  };
  if (name.empty() || !std::ranges::all_of(name, fits))
    fail("net 'fixed:{}': expected a name of letters, digits and '{}'", name, kMarks);
  return std::string(name);
}

class FixedSpace final : public Space {
 public:
  explicit FixedSpace(std::string_view body) {
    for (std::size_t begin = 0; begin <= body.size();) {
      const std::size_t end = std::min(body.find('|', begin), body.size());
      names_.push_back(checked(body.substr(begin, end - begin)));
      begin = end + 1;
    }
    for (auto name = names_.begin(); name != names_.end(); ++name) {
      if (std::find(names_.begin(), name, *name) != name)
        fail("space 'fixed:{}': found net '{}' twice, expected each once", body, *name);
    }
  }

  std::string text() const override { return fixed_space(names_); }
  std::size_t sections() const override { return 1; }
  double subnets() const override { return static_cast<double>(names_.size()); }

  ArchSpec largest() const override { return net(names_.size() - 1); }
  ArchSpec smallest() const override { return net(0); }
  ArchSpec sample(Rng& rng) const override { return net(rng.below(static_cast<std::uint32_t>(names_.size()))); }
  ArchSpec sample_near(double size, Rng& rng) const override {
    const double place = size * static_cast<double>(names_.size() - 1) + rng.uniform() - 0.5;
    return net(near(std::lround(place)));
  }
  std::vector<ArchSpec> corners() const override {
    std::vector<ArchSpec> all;
    for (std::size_t i = 0; i < names_.size(); ++i) all.push_back(net(i));
    return all;
  }

  void check(const ArchSpec& arch) const override { place_of(arch); }
  ArchSpec step(const ArchSpec& arch, Rng& rng) const override {
    return net(near(place_of(arch) + (rng.below(2) == 0 ? 1 : -1)));
  }
  ArchSpec complete(const ArchSpec& arch) const override { return net(near(place_of(arch))); }
  SpaceGraph graph(const plan::InputShape&) const override {
    fail("space '{}': its nets have no layers to be listed", text());
  }

 private:
  ArchSpec net(std::size_t place) const { return {std::string(kFixed), names_[place]}; }
  std::size_t near(long place) const {
    return static_cast<std::size_t>(std::clamp(place, 0L, static_cast<long>(names_.size()) - 1));
  }
  long place_of(const ArchSpec& arch) const {
    const auto found = std::ranges::find(names_, arch.body);
    if (!is_fixed(arch) || found == names_.end()) fail("net '{}': expected one of '{}'", arch.text(), text());
    return found - names_.begin();
  }

  std::vector<std::string> names_;
};

}  // namespace

std::string FixedFamily::canonical(std::string_view body) const { return checked(body); }
std::unique_ptr<Space> FixedFamily::space(std::string_view body) const { return std::make_unique<FixedSpace>(body); }
std::size_t FixedFamily::sections(std::string_view) const { return 1; }
std::string FixedFamily::prefix(std::string_view body, std::size_t sections) const {
  if (sections != 1) fail("net 'fixed:{}': expected 1 section, found {}", body, sections);
  return std::string(body);
}
Blueprint FixedFamily::blueprint(std::string_view body, const plan::InputShape&, int) const {
  fail("net 'fixed:{}': a net that is taken as it is has no layers here", body);
}

bool is_fixed(const ArchSpec& net) { return net.family == kFixed; }

ArchSpec fixed_net(const std::string& name) { return {std::string(kFixed), checked(name)}; }

std::string fixed_space(const std::vector<std::string>& rising_in_size) {
  std::string body;
  for (const std::string& name : rising_in_size) body += (body.empty() ? "" : "|") + name;
  return join_family(kFixed, body);
}

}  // namespace triage::family
