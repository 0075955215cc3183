#include "data/import/download.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/progress.h"

namespace triage::data {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using FileHandle = std::unique_ptr<std::FILE, Closer>;

enum class NextStep { done, retry, restart };

struct Transfer {
  CURL* curl = nullptr;
  std::FILE* file = nullptr;
  Progress* progress = nullptr;
  StopToken stop;
  std::uint64_t first = 0;  // bytes that were there before
  bool disk_full = false;
};

std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  const std::size_t written = std::fwrite(data, 1, size * count, transfer->file);
  if (written != size * count) transfer->disk_full = true;
  return written;
}

int on_progress(void* context, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  auto* transfer = static_cast<Transfer*>(context);
  const std::uint64_t megabytes = (transfer->first + static_cast<std::uint64_t>(now)) >> 20;
  const std::uint64_t all = transfer->first + static_cast<std::uint64_t>(total);
  transfer->progress->update(megabytes, total > 0 ? std::format("of {} MB", (all + (1u << 20) - 1) >> 20) : "");
  return transfer->stop.requested() ? 1 : 0;
}

std::uint64_t size_or_zero(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

struct RemoveIfEmpty {
  const fs::path& path;
  ~RemoveIfEmpty() {
    std::error_code ignored;
    if (size_or_zero(path) == 0) fs::remove(path, ignored);
  }
};

struct FetchResult {
  NextStep outcome = NextStep::done;
  std::string reason;
};

// One attempt, going on at the end of `part`. A part that is whole already (status 416) counts as done: libcurl says
// so.
FetchResult fetch(const std::string& url, const fs::path& part, const DownloadOptions& options, Progress& progress) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, Closer> curl(curl_easy_init());
  if (curl == nullptr) fail("{}: cannot start libcurl", url);
  const FileHandle file(std::fopen(part.c_str(), "ab"));
  if (file == nullptr) fail("{}: cannot open for writing", part.string());
  Transfer transfer{curl.get(), file.get(), &progress, options.context.stop, size_or_zero(part), false};
  char message[CURL_ERROR_SIZE] = "";
  const auto set = [&](auto option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 5L);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "triage");
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout_s));
  set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.first));
  set(CURLOPT_ERRORBUFFER, message);
  set(CURLOPT_WRITEFUNCTION, on_bytes);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl.get());
  const bool flushed = std::fflush(file.get()) == 0;
  if (transfer.disk_full || !flushed) {
    fail("{}: cannot write at offset {}: disk full?", part.string(), size_or_zero(part));
  }
  if (code == CURLE_OK) return {};
  const std::uint64_t have = size_or_zero(part);
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    throw Interrupted(std::format("{}: stopped after {} bytes; the same command goes on from there", url, have));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    if (status >= 400 && status < 500 && status != 408 && status != 429) {
      fail("{}: HTTP status {}, expected 200", url, status);
    }
    return {NextStep::retry, std::format("HTTP status {}, expected 200", status)};
  }
  if (code == CURLE_RANGE_ERROR && transfer.first > 0) return {NextStep::restart, "the server cannot resume"};
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    fail("{}: {}, expected an http or https address", url, curl_easy_strerror(code));
  }
  curl_off_t length = -1;
  curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  const std::string expected =
      length > 0 ? std::format(" of {}", transfer.first + static_cast<std::uint64_t>(length)) : "";
  return {NextStep::retry,
          std::format("{} after {}{} bytes", *message ? message : curl_easy_strerror(code), have, expected)};
}

std::string file_digest(const fs::path& path, const std::string& algorithm) {
  const EVP_MD* type = EVP_get_digestbyname(algorithm.c_str());
  const std::unique_ptr<EVP_MD_CTX, Closer> context(EVP_MD_CTX_new());
  if (type == nullptr || context == nullptr || EVP_DigestInit_ex(context.get(), type, nullptr) != 1) {
    fail("{}: this OpenSSL has no {}", path.string(), algorithm);
  }
  const MappedFile file(path);
  EVP_DigestUpdate(context.get(), file.bytes().data(), file.bytes().size());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += std::format("{:02x}", digest[i]);
  return hex;
}

struct Checksum {
  std::string algorithm, hex;
};

Checksum parse_checksum(const std::string& text) {
  const auto colon = text.find(':');
  Checksum checksum{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
  std::transform(checksum.hex.begin(), checksum.hex.end(), checksum.hex.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t digits = checksum.algorithm == "md5" ? 32 : checksum.algorithm == "sha256" ? 64 : 0;
  if (digits == 0 || checksum.hex.size() != digits ||
      checksum.hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw UsageError(std::format("checksum '{}': expected md5: with 32 or sha256: with 64 hexadecimal digits", text));
  }
  return checksum;
}

}  // namespace

void verify_download(const fs::path& path, const std::string& checksum) {
  const Checksum expected = parse_checksum(checksum);
  const std::string found = file_digest(path, expected.algorithm);
  if (found == expected.hex) return;
  fs::remove(path);
  fail("{}: {} is {}, expected {}; the file was removed", path.string(), expected.algorithm, found, expected.hex);
}

void download_file(const DownloadSource& source, const fs::path& path, const DownloadOptions& options) {
  if (!source.checksum.empty()) {
    const Checksum expected = parse_checksum(source.checksum);
    if (fs::exists(path) && file_digest(path, expected.algorithm) == expected.hex) return;
  }
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  const fs::path part = path.string() + ".part";
  const RemoveIfEmpty remove_if_empty{part};
  Progress progress(options.context, "download", 0, "MB", size_or_zero(part) >> 20);
  int delay = options.retry_delay_ms;
  bool restarted = false;
  for (int attempt = 1;;) {
    const std::uint64_t before = size_or_zero(part);
    const FetchResult failure = fetch(source.url, part, options, progress);
    if (failure.outcome == NextStep::done) break;
    if (failure.outcome == NextStep::restart && !restarted) {
      restarted = true;
      fs::remove(part);
      continue;
    }
    const std::uint64_t have = size_or_zero(part);
    if (have > before) attempt = 1, delay = options.retry_delay_ms;  // it moves: count anew
    if (attempt++ >= options.attempts) {
      fail("{}: {}{}", source.url, failure.reason, have > 0 ? "; the same command goes on from there" : "");
    }
    progress.line(std::format("{}: {}; trying again", source.url, failure.reason));
    std::this_thread::sleep_for(std::chrono::milliseconds(delay));
    delay *= 2;
  }
  progress.finish();
  if (!source.checksum.empty()) verify_download(part, source.checksum);
  fs::rename(part, path);
}

}  // namespace triage::data
