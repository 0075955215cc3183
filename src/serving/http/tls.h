// Inside serving/http: OpenSSL as a server.
#pragma once

#include <event2/bufferevent.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

namespace triage::serving {

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

// TLS 1.2 and 1.3. PEM files; the certificate with its chain. Throws Error naming the file.
TlsContext tls_server_context(const std::string& certificate, const std::string& key);

// Takes the socket; null: out of memory (the socket is still the caller's).
bufferevent* tls_socket(event_base* base, evutil_socket_t socket, SSL_CTX* context);

// Whether both are the same, in a time that says nothing of where they differ, nor of their lengths.
bool same_secret(std::string_view one, std::string_view other);

}  // namespace triage::serving
