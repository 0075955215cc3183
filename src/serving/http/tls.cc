#include "serving/http/tls.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "core/error.h"

namespace triage::serving {
namespace {

std::string tls_error() {
  char text[256] = "unknown error";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace

TlsContext tls_server_context(const std::string& certificate, const std::string& key) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) fail("TLS: {}", tls_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    fail("{}: expected a certificate in PEM: {}", certificate, tls_error());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    fail("{}: expected a private key in PEM: {}", key, tls_error());
  if (SSL_CTX_check_private_key(context.get()) != 1)
    fail("{}: expected the key of {}: {}", key, certificate, tls_error());
  return context;
}

bufferevent* tls_socket(event_base* base, evutil_socket_t socket, SSL_CTX* context) {
  SSL* const tls = SSL_new(context);
  if (tls == nullptr) return nullptr;
  bufferevent* const made =
      bufferevent_openssl_socket_new(base, socket, tls, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  if (made == nullptr) {
    SSL_free(tls);
    return nullptr;
  }
  bufferevent_openssl_set_allow_dirty_shutdown(made, 1);
  return made;
}

bool same_secret(std::string_view one, std::string_view other) {
  unsigned char digest_one[SHA256_DIGEST_LENGTH], digest_other[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(one.data()), one.size(), digest_one);
  SHA256(reinterpret_cast<const unsigned char*>(other.data()), other.size(), digest_other);
  return CRYPTO_memcmp(digest_one, digest_other, SHA256_DIGEST_LENGTH) == 0;
}

}  // namespace triage::serving
