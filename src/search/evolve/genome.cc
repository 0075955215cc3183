#include "search/evolve/genome.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/error.h"
#include "family/fixed/fixed.h"

namespace triage::search {
namespace {

constexpr std::string_view kThen = " > ", kTogether = "+together";

[[noreturn]] void refuse(std::string_view text, std::string_view part, std::string_view expected) {
  fail("genome '{}': expected {}, found '{}'", text, expected, part);
}

// A resolution stands behind '@' in other families.
std::string_view exit_mark(std::string_view family) { return family == family::kPlain ? "@" : "@exit"; }

// Where a net's precision begins; npos: nowhere. A stride has a digit behind its '/'.
std::size_t precision_at(std::string_view net) {
  const std::size_t slash = net.rfind('/');
  const bool stride = slash != net.npos && slash + 1 < net.size() && net[slash + 1] >= '0' && net[slash + 1] <= '9';
  return stride ? net.npos : slash;
}

Net parse_net(std::string_view text, std::string_view part) {
  const std::string_view mark = exit_mark(family::split_family(part).family);
  const std::size_t at = part.find(mark);
  const auto [arch, precision] = net_from_text(part.substr(0, at), std::format("genome '{}'", text));
  Net leg{arch, {}, precision};
  const int last = leg.last();
  for (std::size_t begin = at == part.npos ? at : at + mark.size() - 1; begin != part.npos;) {
    const std::size_t end = part.find(',', ++begin);
    const std::string_view number = part.substr(begin, end == part.npos ? end : end - begin);
    int block = 0;
    const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), block);
    const int least = leg.early.empty() ? 0 : leg.early.back() + 1;
    if (error != std::errc{} || rest != number.data() + number.size() || block < least || block >= last) {
      refuse(text, number, std::format("a block from {} to {}", least, last - 1));
    }
    leg.early.push_back(block);
    begin = end;
  }
  return leg;
}

}  // namespace

Genome Genome::parse(std::string_view text) {
  const std::size_t colon = text.find(": ");
  if (colon == text.npos) refuse(text, text, "POLICY: NET > NET");
  Genome genome;
  std::string_view policy = text.substr(0, colon);
  genome.together = policy.ends_with(kTogether);
  if (genome.together) policy.remove_suffix(kTogether.size());
  genome.policy = plan::policy_from_string(std::string(policy), std::format("genome '{}'", text));
  for (std::size_t begin = colon + 2;;) {
    const std::size_t end = text.find(kThen, begin);
    genome.nets.push_back(parse_net(text, text.substr(begin, end == text.npos ? end : end - begin)));
    if (end == text.npos) break;
    begin = end + kThen.size();
  }
  if (genome.stages() > kMaxSearchStages) {
    refuse(text, std::to_string(genome.stages()) + " stages", std::format("at most {} stages", kMaxSearchStages));
  }
  return genome;
}

std::string Genome::text() const {
  std::string text = std::format("{}{}: ", plan::to_string(policy), together ? kTogether : "");
  for (const Net& leg : nets) {
    if (&leg != &nets.front()) text += kThen;
    text += net_text(leg.arch, leg.precision);
    for (const int block : leg.early)
      text += std::format("{}{}", block == leg.early.front() ? exit_mark(leg.arch.family) : ",", block);
  }
  return text;
}

std::size_t Genome::stages() const {
  return std::accumulate(nets.begin(), nets.end(), std::size_t{0},
                         [](std::size_t sum, const Net& leg) { return sum + leg.stages(); });
}

std::vector<GenomeStage> stages_of(const Genome& genome) {
  std::vector<GenomeStage> stages;
  for (const Net& leg : genome.nets) {
    int first = 0;
    for (const int section : leg.early) {
      const cost::Segment segment{.arch = leg.arch,
                                  .first_section = first,
                                  .last_section = section + 1,
                                  .carry = true,
                                  .precision = leg.precision};
      stages.push_back({segment, family::prefix(leg.arch, static_cast<std::size_t>(section) + 1)});
      first = section + 1;
    }
    stages.push_back({{.arch = leg.arch, .first_section = first, .precision = leg.precision}, leg.arch});
  }
  return stages;
}

std::string net_text(const family::ArchSpec& net, plan::Precision precision) {
  return precision == plan::Precision::fp32 ? net.text() : net.text() + "/" + plan::to_string(precision);
}

std::pair<family::ArchSpec, plan::Precision> net_from_text(std::string_view text, const std::string& where) {
  const std::size_t slash = precision_at(text);
  return {family::ArchSpec::parse(text.substr(0, slash)),
          slash == text.npos ? plan::Precision::fp32
                             : plan::precision_from_string(std::string(text.substr(slash + 1)), where)};
}

std::vector<plan::Precision> precisions_of(const family::ArchSpec& net, const std::vector<plan::Precision>& searched) {
  return family::is_fixed(net) ? std::vector{plan::Precision::fp32} : searched;
}

std::int64_t Structures::macs(const family::ArchSpec& net) const {
  const auto fixed = fixed_macs.find(net.text());
  return fixed != fixed_macs.end() ? fixed->second : family::size_of(net, input, classes).macs;
}

void Structures::check(const Genome& genome) const {
  const auto outside = [&](std::string_view place, std::string_view expected, const std::string& found) {
    fail("genome '{}': {}: expected {}, found {}", genome.text(), place, expected, found);
  };
  if (std::ranges::find(policies, genome.policy) == policies.end()) {
    outside("policy", "one that this search has", plan::to_string(genome.policy));
  }
  if (genome.together && !answers_together) outside("policy", "exits that answer alone", "answers together");
  const std::size_t count = genome.stages();
  if (count < 1 || count > max_stages) {
    outside("stages", std::format("1 to {}", max_stages), std::to_string(count));
  }
  if (!cascades && genome.nets.size() > 1) outside("nets", "one", std::to_string(genome.nets.size()));
  for (const Net& leg : genome.nets) {
    const std::vector<plan::Precision> possible = precisions_of(leg.arch, precisions);
    if (std::ranges::find(possible, leg.precision) == possible.end()) {
      outside("net " + leg.arch.text(), "a precision that this search has", plan::to_string(leg.precision));
    }
    if (!early_exits && !leg.early.empty()) outside("net " + leg.arch.text(), "no early exits", "some");
    const auto& [space, exits] = of(leg.arch);
    std::vector<int> blocks = leg.early;
    blocks.push_back(leg.last());
    for (const int block : blocks) {
      if (std::ranges::find(exits, block) == exits.end()) {
        outside("net " + leg.arch.text(), "exits where the supernet has them", std::format("block {}", block));
      }
    }
    space->check(space->complete(leg.arch));
  }
}

}  // namespace triage::search
