#include "engine/spec.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "core/error.h"
#include "core/text.h"

namespace triage::engine {
namespace {

constexpr int kMaxThreads = 1024;

std::string default_provider(std::string_view engine) {
  const auto* const found = std::ranges::find(kProviderNames, engine, &ProviderName::engine);
  return std::string(found == std::end(kProviderNames) ? "" : found->provider);
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// The text up to `mark`, which is taken away with it.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t at = std::min(text.find(mark), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

void set_option(EngineSpec& spec, std::string_view option, const std::string& where) {
  std::string_view value = option;
  const std::string_view key = take_until(value, '=');
  if (key == "precision" && is_word(value)) {
    spec.precision = value;
  } else if (key == "device" && !value.empty()) {
    spec.device = value;
  } else if (key == "threads") {
    const auto end = std::from_chars(value.data(), value.data() + value.size(), spec.threads);
    if (end.ec != std::errc{} || end.ptr != value.data() + value.size() || spec.threads < 1 ||
        spec.threads > kMaxThreads) {
      fail("{}: threads: found '{}', expected 1 to {}", where, value, kMaxThreads);
    }
  } else {
    fail("{}: found '{}', expected precision=, threads= or device= with a value", where, option);
  }
}

}  // namespace

std::string EngineSpec::text() const {
  std::string text = engine;
  if (provider != default_provider(engine)) text += ":" + provider;
  if (!precision.empty()) text += ";precision=" + precision;
  if (threads != 1) text += std::format(";threads={}", threads);
  if (device != kCpu) text += ";device=" + device;
  return text;
}

EngineSpec EngineSpec::parse(std::string_view text, const std::string& where) {
  std::string_view rest = text;
  std::string_view named = take_until(rest, ';');
  const bool has_provider = named.find(':') != std::string_view::npos;
  EngineSpec spec = spec_of_engine(take_until(named, ':'));
  if (has_provider) spec.provider = named;
  std::string_view names = spec.provider;
  bool words = is_word(spec.engine) && !(has_provider && names.empty());
  while (!names.empty()) words = is_word(take_until(names, ',')) && words;
  if (!words) fail("{}: found '{}', expected ENGINE[:PROVIDER][;OPTION=VALUE...]", where, text);
  while (!rest.empty()) set_option(spec, take_until(rest, ';'), where);
  return spec;
}

EngineSpec spec_of_engine(std::string_view engine) {
  return {.engine = std::string(engine), .provider = default_provider(engine)};
}

EngineSpec spec_of_provider(std::string_view provider, const std::string& where) {
  const auto* const found = std::ranges::find(kProviderNames, provider, &ProviderName::provider);
  if (found != std::end(kProviderNames)) {
    return {.engine = std::string(found->engine), .provider = std::string(provider)};
  }
  fail("{}: found '{}', expected one of {}", where, provider, joined(kProviderNames, &ProviderName::provider));
}

}  // namespace triage::engine
