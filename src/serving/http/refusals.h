// Inside serving/http: what is refused, as answers {"error": ...}, with Retry-After where it helps.
#pragma once

#include "serving/http/http_message.h"
#include "serving/request.h"

namespace triage::serving {

HttpResponse error_response(int status, const std::string& message);
HttpResponse error_response(const RequestError& error);

HttpResponse refusal_now();  // of the exception that is being handled; one that is nobody's fault but ours: 500

}  // namespace triage::serving
