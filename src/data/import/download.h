// Data sets from the network: resumed downloads with a known checksum, unpacked and imported.
#pragma once

#include <string>

#include "core/context.h"
#include "data/dataset.h"

namespace triage::data {

struct DownloadSource {
  std::string url;       // http or https; redirects are followed
  std::string checksum;  // "md5:HEX" or "sha256:HEX" of the whole file; empty: not checked
};

struct DownloadOptions {
  int attempts = 4;           // each goes on where the one before broke off
  int retry_delay_ms = 2000;  // before the second attempt, doubled each time
  int connect_timeout_s = 30;
  int stall_timeout_s = 60;  // without a byte
  Context context;
};

// Downloads to `path`. While it lasts the bytes are in `path`.part; a later call resumes there (HTTP range), also after
// a failure or a stop (Interrupted). A server without ranges is read from the start. A wrong checksum removes the file
// and names it. A file that is already at `path` with the right checksum is kept and nothing is fetched.
// Throws Error naming the URL, the HTTP status or the reason, and the bytes received and expected.
void download_file(const DownloadSource& source, const fs::path& path, const DownloadOptions& options = {});

// The official archive of "cifar10" or "cifar100" with its published MD5; any other name is an error that lists them.
DownloadSource official_source(const std::string& name);

// Downloads the archive next to `out`, unpacks it, imports it and writes `out`; then removes archive and files. What
// was downloaded stays after a failure, so that no byte is fetched twice; anything else is removed.
void get_dataset(const std::string& name, const DownloadSource& source, const fs::path& out,
                 const DownloadOptions& options = {});

// Fails, after removing the file, unless its digest is `checksum` ("md5:HEX", "sha256:HEX").
void verify_download(const fs::path& path, const std::string& checksum);

}  // namespace triage::data
