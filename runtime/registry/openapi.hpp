#pragma once

// The OpenAPI 3.1 document, made from the operation table and nothing else.

#include <string_view>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/operation.hpp"

namespace ait::registry {

/// The document that a node of this version serves at /openapi.json. Pure; any thread.
Json openapi_document(std::string_view version);

/// JSON Schema of a described answer; of one input value.
Json json_schema(const Schema& schema);
Json json_schema(const Parameter& parameter);

}  // namespace ait::registry
