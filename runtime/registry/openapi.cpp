#include "runtime/registry/openapi.hpp"

#include <algorithm>

#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::registry {
namespace {

Json schema_of_kind(ValueKind kind) {
    switch (kind) {
        case ValueKind::boolean:
            return {{"type", "boolean"}};
        case ValueKind::integer:
            return {{"type", "integer"}};
        case ValueKind::number:
            return {{"type", "number"}};
        case ValueKind::text:
        case ValueKind::choice:
            return {{"type", "string"}};
        case ValueKind::amount:
            return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]{1,6})?$"}};
        case ValueKind::time:
            return {{"type", "string"}, {"format", "date-time"}};
        case ValueKind::address:
            return {{"type", "string"}, {"pattern", "^ait1[02-9ac-hj-np-z]+$"}};
        case ValueKind::hex:
            return {{"type", "string"}, {"pattern", "^([0-9a-f]{2})*$"}};
        case ValueKind::base64:
            return {{"type", "string"}, {"contentEncoding", "base64"}};
        case ValueKind::list:
            return {{"type", "array"}};
        case ValueKind::object:
            return {{"type", "object"}};
        case ValueKind::json:
            return Json::object();
    }
    return Json::object();
}

Json choices_json(std::span<const std::string_view> choices) {
    Json names = Json::array();
    for (const auto choice : choices) names.push_back(std::string(choice));
    return names;
}

/// An answer's zero time, hash or address is null (runtime/base/codec/json.hpp).
bool may_be_null(const SchemaField& field) {
    return !field.required || field.kind == ValueKind::time || field.kind == ValueKind::hex ||
           field.kind == ValueKind::address;
}

Json field_schema(const SchemaField& field) {
    Json schema = schema_of_kind(field.kind);
    if (field.kind == ValueKind::list) {
        schema["items"] =
            field.object != nullptr ? json_schema(*field.object) : schema_of_kind(field.element);
        if (!field.choices.empty()) schema["items"]["enum"] = choices_json(field.choices);
    } else if (field.object != nullptr) {
        schema = json_schema(*field.object);
    } else if (!field.choices.empty()) {
        schema["enum"] = choices_json(field.choices);
    }
    const bool nullable = may_be_null(field) && schema.contains("type");
    if (nullable) schema["type"] = Json::array({schema["type"], "null"});
    if (nullable && schema.contains("enum")) schema["enum"].push_back(nullptr);
    if (!field.help.empty()) schema["description"] = field.help;
    return schema;
}

Json reference(std::string_view name) {
    return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

Json json_content(Json schema) {
    return {{"application/json", {{"schema", std::move(schema)}}}};
}

/// What the chain adds to a command's own answer.
void add_inclusion(Json& schema) {
    schema["properties"]["transaction_hash"] = {{"type", "string"},
                                                {"description", "The transaction's hash."}};
    schema["properties"]["height"] = {{"type", "integer"},
                                      {"description", "The block that holds it."}};
    schema["properties"]["block_time"] = {
        {"type", "string"}, {"format", "date-time"}, {"description", "That block's time."}};
}

Json answer_schema(const Operation& row) {
    Json schema = row.response != nullptr ? json_schema(row.response()) : Json{{"type", "object"}};
    if (row.kind == OperationKind::command) add_inclusion(schema);
    if (!row.list) return schema;
    return {{"type", "object"},
            {"properties",
             {{"items", {{"type", "array"}, {"items", std::move(schema)}}},
              {"next_cursor", {{"type", Json::array({"string", "null"})}}}}},
            {"required", Json::array({"items", "next_cursor"})}};
}

Json answers_of(const Operation& row) {
    Json good{{"description", "The answer."}};
    // A stream sends pieces of this answer; whether as events or as lines is the caller's choice.
    if (row.kind == OperationKind::stream) {
        good["content"] = {{"text/event-stream", {{"schema", {{"type", "string"}}}}}};
    }
    good["content"]["application/json"] = {{"schema", answer_schema(row)}};
    return {{"200", std::move(good)},
            {"default",
             {{"description", "A refusal or a failure."},
              {"content", json_content(reference("Error"))}}}};
}

Json parameter_object(const Parameter& parameter, bool in_path) {
    Json object{{"name", std::string(parameter.name)},
                {"in", in_path ? "path" : "query"},
                {"required", in_path || parameter.presence == Presence::required},
                {"schema", json_schema(parameter)}};
    if (!parameter.help.empty()) object["description"] = std::string(parameter.help);
    return object;
}

Json signed_body() {
    return {
        {"type", "object"},
        {"properties",
         {{"transaction",
           {{"type", "string"},
            {"contentEncoding", "base64"},
            {"description", "The signed transaction."}}},
          {"blobs",
           {{"type", "array"}, {"items", {{"type", "string"}, {"contentEncoding", "base64"}}}}}}},
        {"required", Json::array({"transaction"})},
        {"additionalProperties", false}};
}

Json plain_body(const Operation& row, std::span<const std::string_view> in_path) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const auto& parameter : row.parameters) {
        if (parameter.cli_only) continue;
        if (std::find(in_path.begin(), in_path.end(), parameter.name) != in_path.end()) continue;
        properties[std::string(parameter.name)] = json_schema(parameter);
        if (parameter.presence == Presence::required)
            required.push_back(std::string(parameter.name));
    }
    Json body{
        {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (!required.empty()) body["required"] = std::move(required);
    return body;
}

Json common_headers(const Operation& row) {
    Json list = Json::array({{{"$ref", "#/components/parameters/account"}},
                             {{"$ref", "#/components/parameters/chain"}}});
    if (row.kind == OperationKind::command)
        list.push_back({{"$ref", "#/components/parameters/idempotency_key"}});
    if (row.dry_run) list.push_back({{"$ref", "#/components/parameters/dry_run"}});
    return list;
}

Json operation_object(const Operation& row) {
    const auto in_path = path_parameters(row.rest.path);
    const bool has_body = row.rest.method != "GET" && row.rest.method != "DELETE";
    Json parameters = common_headers(row);
    for (const auto& parameter : row.parameters) {
        const bool path =
            std::find(in_path.begin(), in_path.end(), parameter.name) != in_path.end();
        if (path || (!has_body && !parameter.cli_only))
            parameters.push_back(parameter_object(parameter, path));
    }
    const std::string domain(row.name.substr(0, row.name.find('.')));
    Json object{{"operationId", std::string(row.name)},
                {"summary", std::string(row.summary)},
                {"tags", Json::array({domain})},
                {"parameters", std::move(parameters)}};
    if (has_body) {
        const bool is_signed = row.transaction.account_signed;
        object["requestBody"] = {
            {"required", is_signed},
            {"content", json_content(is_signed ? signed_body() : plain_body(row, in_path))}};
        if (is_signed) {
            object["x-aitbc-transaction"] = {{"kind", std::string(row.transaction.kind)},
                                             {"fields", plain_body(row, {})}};
        }
    }
    object["responses"] = answers_of(row);
    if (!row.cli.empty()) object["x-cli"] = "aitbc " + std::string(row.cli);
    return object;
}

Json components() {
    const Json text{{"type", "string"}};
    const Json error{{"type", "object"},
                     {"properties",
                      {{"code", text},
                       {"message", text},
                       {"details", text},
                       {"hint", text},
                       {"retryable", {{"type", "boolean"}}},
                       {"request_id", text}}},
                     {"required", Json::array({"code", "message", "retryable"})}};
    const auto header = [&](const char* name, const char* help) {
        return Json{{"name", name},
                    {"in", "header"},
                    {"required", false},
                    {"description", help},
                    {"schema", text}};
    };
    return {{"schemas",
             {{"Error",
               {{"type", "object"},
                {"properties", {{"error", error}}},
                {"required", Json::array({"error"})}}}}},
            {"parameters",
             {{"account", header("Aitbc-Account", "The account on whose behalf.")},
              {"idempotency_key",
               header("Idempotency-Key", "A repeated command with the same key is done once.")},
              {"chain",
               {{"name", "chain"},
                {"in", "query"},
                {"required", false},
                {"description", "Which of the node's chains; its default one if absent."},
                {"schema", text}}},
              {"dry_run",
               {{"name", "dry_run"},
                {"in", "query"},
                {"required", false},
                {"description", "Check and show the plan; change nothing."},
                {"schema", {{"type", "boolean"}}}}}}},
            {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}};
}

}  // namespace

Json json_schema(const Schema& schema) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const auto& field : schema.fields) {
        properties[field.name] = field_schema(field);
        if (field.required) required.push_back(field.name);
    }
    Json object{{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) object["required"] = std::move(required);
    return object;
}

Json json_schema(const Parameter& parameter) {
    Json schema = schema_of_kind(parameter.kind);
    if (parameter.kind == ValueKind::choice)
        schema["enum"] = choices_json(split(parameter.choices, '|'));
    if (parameter.kind == ValueKind::text) schema["maxLength"] = parameter.bytes_max;
    if (parameter.repeated) schema = {{"type", "array"}, {"items", std::move(schema)}};
    if (!parameter.default_text.empty()) {
        const auto value = value_from_text(parameter, parameter.default_text);
        AIT_ASSERT(value.ok());  // self_check has read every default
        schema["default"] = value.value();
    }
    if (!parameter.help.empty()) schema["description"] = std::string(parameter.help);
    return schema;
}

Json openapi_document(std::string_view version) {
    Json paths = Json::object();
    for (const auto* row : all_operations()) {
        if (row->rest.path.empty()) continue;
        std::string method(row->rest.method);
        for (auto& c : method) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        paths[std::string(row->rest.path)][method] = operation_object(*row);
    }
    return {{"openapi", "3.1.0"},
            {"info",
             {{"title", "AITBC node"},
              {"version", std::string(version)},
              {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
            {"servers", Json::array({{{"url", "/"}}})},
            {"security", Json::array({{{"token", Json::array()}}})},
            {"paths", std::move(paths)},
            {"components", components()}};
}

}  // namespace ait::registry
