#include "search/evolve/genome.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/error.h"

namespace triage::search {
namespace {

constexpr std::string_view kThen = " > ";

[[noreturn]] void refuse(std::string_view text, std::string_view part, std::string_view expected) {
  fail("genome '{}': expected {}, found '{}'", text, expected, part);
}

Net parse_net(std::string_view text, std::string_view part) {
  const std::size_t at = part.find('@'), slash = part.substr(0, at).find('/');
  Net leg{plan::ArchSpec::parse(part.substr(0, std::min(at, slash))), {}};
  if (slash != part.npos) {
    leg.precision = plan::precision_from_string(std::string(part.substr(slash + 1, at - slash - 1)),
                                                std::format("genome '{}'", text));
  }
  const int last = static_cast<int>(leg.arch.blocks.size()) - 1;
  for (std::size_t begin = at; begin != part.npos;) {
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
  genome.policy = plan::policy_from_string(std::string(text.substr(0, colon)), std::format("genome '{}'", text));
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
  std::string text = plan::to_string(policy) + ": ";
  for (const Net& leg : nets) {
    if (&leg != &nets.front()) text += kThen;
    text += net_text(leg.arch, leg.precision);
    for (const int block : leg.early) text += (block == leg.early.front() ? "@" : ",") + std::to_string(block);
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
    for (const int block : leg.early) {
      const cost::Segment segment{
          .arch = leg.arch, .first_block = first, .last_block = block + 1, .carry = true, .precision = leg.precision};
      stages.push_back({segment, prefix(leg.arch, static_cast<std::size_t>(block) + 1)});
      first = block + 1;
    }
    const int end = static_cast<int>(leg.arch.blocks.size());
    stages.push_back(
        {{.arch = leg.arch, .first_block = first, .last_block = end, .precision = leg.precision}, leg.arch});
  }
  return stages;
}

std::string net_text(const plan::ArchSpec& net, plan::Precision precision) {
  return precision == plan::Precision::fp32 ? net.text() : net.text() + "/" + plan::to_string(precision);
}

void Structures::check(const Genome& genome) const {
  const auto outside = [&](std::string_view place, std::string_view expected, const std::string& found) {
    fail("genome '{}': {}: expected {}, found {}", genome.text(), place, expected, found);
  };
  if (std::ranges::find(policies, genome.policy) == policies.end()) {
    outside("policy", "one that this search has", plan::to_string(genome.policy));
  }
  const std::size_t count = genome.stages();
  if (count < 1 || count > max_stages) {
    outside("stages", std::format("1 to {}", max_stages), std::to_string(count));
  }
  if (!cascades && genome.nets.size() > 1) outside("nets", "one", std::to_string(genome.nets.size()));
  for (const Net& leg : genome.nets) {
    if (std::ranges::find(precisions, leg.precision) == precisions.end()) {
      outside("net " + leg.arch.text(), "a precision that this search has", plan::to_string(leg.precision));
    }
    if (!early_exits && !leg.early.empty()) outside("net " + leg.arch.text(), "no early exits", "some");
    std::vector<int> blocks = leg.early;
    blocks.push_back(static_cast<int>(leg.arch.blocks.size()) - 1);
    for (const int block : blocks) {
      if (std::ranges::find(exits, block) == exits.end()) {
        outside("net " + leg.arch.text(), "exits where the supernet has them", std::format("block {}", block));
      }
    }
    space.check(complete(leg.arch, space));
  }
}

plan::ArchSpec complete(const plan::ArchSpec& net, const plan::SearchSpace& space) {
  plan::ArchSpec arch = net;
  const plan::ArchSpec smallest = space.smallest();
  for (std::size_t b = arch.blocks.size(); b < smallest.blocks.size(); ++b) arch.blocks.push_back(smallest.blocks[b]);
  return arch;
}

plan::ArchSpec prefix(const plan::ArchSpec& net, std::size_t blocks) {
  return {{net.blocks.begin(), net.blocks.begin() + static_cast<std::ptrdiff_t>(std::min(blocks, net.blocks.size()))}};
}

}  // namespace triage::search
