#include "serving/page/page.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "core/error.h"

namespace triage::serving {
namespace {

// What stands between <tag> and </tag>, as Content-Security-Policy names it.
std::string source_hash(std::string_view html, std::string_view tag) {
  const std::string open = std::format("<{}>", tag), close = std::format("</{}>", tag);
  const std::size_t begin = html.find(open), end = html.find(close);
  if (begin == std::string_view::npos || end == std::string_view::npos) fail("page: expected {}", open);
  const std::string_view text = html.substr(begin + open.size(), end - begin - open.size());
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  char base64[64];
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64), digest, sizeof digest);
  return std::format("'sha256-{}'", base64);
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& page_headers() {
  static const std::vector<std::pair<std::string, std::string>> headers{
      {"Content-Security-Policy",
       std::format("default-src 'none'; script-src {}; style-src {}; img-src blob: data:; connect-src 'self'; "
                   "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                   source_hash(page_html(), "script"), source_hash(page_html(), "style"))},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cache-Control", "no-store"}};
  return headers;
}

}  // namespace triage::serving
