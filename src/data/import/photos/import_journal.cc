#include "data/import/photos/import_journal.h"

#include <format>
#include <sstream>
#include <utility>

#include "core/text.h"

namespace triage::data {
namespace {

constexpr std::string_view kCheckpoint = "checkpoint ";

std::optional<ImportedPhoto> read_photo(const std::string& line) {
  std::istringstream in(line);
  std::string kind;
  ImportedPhoto photo;
  in >> kind;
  if (kind == "image") {
    photo.image = true;
    in >> photo.height >> photo.width >> photo.channels >> photo.bytes;
    if (!in) return std::nullopt;
    return photo;
  }
  int failure = 0;
  if (kind != "no" || !(in >> failure) || in.get() != ' ') return std::nullopt;
  photo.failure = static_cast<DecodeFailure>(failure);
  std::getline(in, photo.reason);
  return photo;
}

}  // namespace

ImportJournal::ImportJournal(const fs::path& out, std::string identity)
    : identity_(std::move(identity)), file_(out.string() + ".journal") {
  read();
}

void ImportJournal::read() {
  std::string text(file_.size(), '\0');
  file_.read_at(0, text.data(), text.size());
  std::size_t block = 0;  // behind the last checkpoint
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (!line.starts_with(kCheckpoint)) continue;
    const std::string content = text.substr(block, at - block);
    const std::size_t known = done_.size();
    if (line.substr(kCheckpoint.size()) != sha256_hex(content)) break;
    if (!read_block(content)) {
      done_.resize(known);
      break;
    }
    block = end + 1;
  }
  if (resumed()) file_.truncate(block);
}

bool ImportJournal::read_block(const std::string& content) {
  std::istringstream in(content);
  std::string line;
  if (!resumed()) {
    std::string identity;
    int channels = 0;
    if (!(in >> identity >> channels) || identity != identity_) return false;
    channels_ = channels;
    std::getline(in, line);  // its end
  }
  while (std::getline(in, line)) {
    std::optional<ImportedPhoto> photo = read_photo(line);
    if (!photo) return false;
    done_.push_back(std::move(*photo));
  }
  return true;
}

std::vector<ImportedPhoto> ImportJournal::take_done() { return std::exchange(done_, {}); }

void ImportJournal::begin(int channels) {
  file_.truncate(0);
  done_.clear();
  channels_ = channels;
  block_ = std::format("{} {}\n", identity_, channels);
  checkpoint();
}

void ImportJournal::add(const ImportedPhoto& photo) {
  block_ += photo.image ? std::format("image {} {} {} {}\n", photo.height, photo.width, photo.channels, photo.bytes)
                        : std::format("no {} {}\n", static_cast<int>(photo.failure), photo.reason);
}

void ImportJournal::checkpoint() {
  const std::string text = block_ + std::format("{}{}\n", kCheckpoint, sha256_hex(block_));
  file_.write(text.data(), text.size());
  file_.sync();
  block_.clear();
}

}  // namespace triage::data
