#include "family/family.h"

#include <cctype>
#include <format>

#include "core/error.h"
#include "family/fixed/fixed.h"
#include "family/mbconv/mbconv.h"
#include "family/plain/plain.h"
#include "family/residual/residual.h"
#include "plan/space.h"

namespace triage::family {

std::span<const Family* const> families() {
  static const PlainFamily plain;
  static const ResidualFamily residual;
  static const MbconvFamily mbconv;
  static const Family* const all[] = {&plain, &residual, &mbconv};
  return all;
}

const Family& family_named(std::string_view name) {
  static const FixedFamily fixed;  // of a search alone: nobody makes nets of it
  if (name == kFixed) return fixed;
  std::string names;
  for (const Family* family : families()) {
    if (family->name() == name) return *family;
    names += std::format("{}{}", names.empty() ? "" : ", ", family->name());
  }
  fail("family: expected one of {}, found '{}'", names, name);
}

FamilyText split_family(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool named = !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0;
  if (!named || colon == text.npos) return {kPlain, text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string join_family(std::string_view family, std::string_view body) {
  return family == kPlain ? std::string(body) : std::format("{}:{}", family, body);
}

ArchSpec ArchSpec::parse(std::string_view text) {
  const auto [name, body] = split_family(text);
  return {std::string(name), family_named(name).canonical(body)};
}

std::string ArchSpec::text() const { return join_family(family, body); }

ArchSpec Space::sample_sized(Rng& rng) const {
  const double size = rng.uniform();
  return sample_near(size, rng);
}

std::vector<ArchSpec> Space::sample_distinct(std::size_t count, std::uint64_t seed) const {
  return plan::distinct_samples<ArchSpec>(*this, count, seed);
}

std::unique_ptr<Space> parse_space(std::string_view text) {
  const auto [name, body] = split_family(text);
  return family_named(name).space(body);
}

std::size_t sections(const ArchSpec& arch) { return family_named(arch.family).sections(arch.body); }

ArchSpec prefix(const ArchSpec& arch, std::size_t sections) {
  return {arch.family, family_named(arch.family).prefix(arch.body, sections)};
}

Blueprint blueprint(const ArchSpec& arch, const plan::InputShape& input, int classes) {
  return family_named(arch.family).blueprint(arch.body, input, classes);
}

NetSize size_of(const ArchSpec& arch, const plan::InputShape& input, int classes) {
  return size_of(blueprint(arch, input, classes));
}

}  // namespace triage::family
