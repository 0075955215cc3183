#include "train/files/checkpoint.h"

#include <cstring>

namespace triage::train {
namespace {

constexpr char kMagic[8] = {'T', 'R', 'I', 'A', 'G', 'E', 'C', 'K'};

}  // namespace

std::string difference(const Json& expected, const Json& found, const std::string& place) {
  if (expected == found) return {};
  if (expected.is_object() && found.is_object()) {
    for (const auto& [key, value] : expected.items()) {
      const std::string name = place.empty() ? key : place + "." + key;
      if (!found.contains(key)) return name + ": expected " + value.dump() + ", found nothing";
      if (std::string text = difference(value, found.at(key), name); !text.empty()) return text;
    }
    for (const auto& [key, value] : found.items()) {
      if (!expected.contains(key))
        return (place.empty() ? key : place + "." + key) + ": expected nothing, found " + value.dump();
    }
    return {};
  }
  return place + ": expected " + expected.dump() + ", found " + found.dump();
}

Json without_device(Json identity) {
  for (Json* part = &identity; part->is_object(); part = &(*part)["teacher"]) {
    part->erase("device");
    if (!part->contains("teacher")) break;
  }
  return identity;
}

void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint) {
  const std::string header =
      dump_json(Json{{"version", kCheckpointVersion}, {"identity", checkpoint.identity}, {"state", checkpoint.state}});
  const std::string body = pickle(checkpoint.tensors);
  const std::uint64_t sizes[2] = {header.size(), body.size()};
  std::string content(kMagic, sizeof kMagic);
  content.append(reinterpret_cast<const char*>(sizes), sizeof sizes).append(header).append(body);
  content += sha256_hex(content);
  write_file_atomic(file, content);
}

Checkpoint load_checkpoint(const fs::path& file, const Json& identity) {
  const std::string content = read_file(file);
  const std::string origin = file.string();
  std::uint64_t sizes[2] = {};
  constexpr std::size_t kFixed = sizeof kMagic + sizeof sizes, kDigest = 64;
  if (content.size() < kFixed + kDigest || std::memcmp(content.data(), kMagic, sizeof kMagic) != 0) {
    fail("{}: expected a triage checkpoint, found {} bytes of something else", origin, content.size());
  }
  std::memcpy(sizes, content.data() + sizeof kMagic, sizeof sizes);
  const std::uint64_t payload = content.size() - kFixed - kDigest;
  if (sizes[0] > payload || sizes[1] != payload - sizes[0]) {
    fail("{}: damaged: expected {} + {} bytes behind the header, found {}", origin, sizes[0], sizes[1], payload);
  }
  const std::string_view signed_part(content.data(), content.size() - kDigest);
  if (sha256_hex(signed_part) != std::string_view(content).substr(signed_part.size())) {
    fail("{}: damaged: its SHA-256 does not match its content", origin);
  }
  const Json header = parse_json(std::string_view(content).substr(kFixed, sizes[0]), origin);
  const JsonReader reader(header, origin);
  if (const int version = reader.get<int>("version"); version != kCheckpointVersion) {
    fail("{}: version: expected {}, found {}", origin, kCheckpointVersion, version);
  }
  Checkpoint checkpoint;
  checkpoint.identity = reader.at("identity").json();
  checkpoint.state = reader.at("state").json();
  if (std::string text = difference(without_device(identity), without_device(checkpoint.identity), ""); !text.empty()) {
    fail("{}: belongs to another run: {}. Use another --run directory, or delete this one to start again.", origin,
         text);
  }
  checkpoint.tensors = unpickle(std::string_view(content).substr(kFixed + sizes[0], sizes[1]), origin).tensors;
  return checkpoint;
}

}  // namespace triage::train
