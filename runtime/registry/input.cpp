#include "runtime/registry/input.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::registry {
namespace {

Error refuse(const Parameter& parameter, std::string why, std::string next = {}) {
    return {ErrorCode::invalid_argument,
            "The value of \"" + std::string(parameter.name) + "\" is not acceptable.",
            std::move(why), std::move(next)};
}

std::vector<std::string> choices_of(const Parameter& parameter) {
    std::vector<std::string> names;
    for (const auto name : split(parameter.choices, '|')) names.emplace_back(name);
    return names;
}

Result<Json> checked_choice(const Parameter& parameter, const std::string& text) {
    const auto names = choices_of(parameter);
    if (std::find(names.begin(), names.end(), text) != names.end()) return Json(text);
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return refuse(parameter, "\"" + text.substr(0, 40) + "\" is not one of: " + all + ".",
                  did_you_mean(text, names));
}

Result<Json> checked_text(const Parameter& parameter, const std::string& text) {
    if (text.size() > parameter.bytes_max) {
        return Error{ErrorCode::too_large,
                     "The value of \"" + std::string(parameter.name) + "\" is too large.",
                     std::to_string(text.size()) + " bytes where " +
                         std::to_string(parameter.bytes_max) + " are allowed.",
                     "Send less."};
    }
    if (!is_utf8(text)) return refuse(parameter, "It is not UTF-8.");
    switch (parameter.kind) {
        case ValueKind::choice:
            return checked_choice(parameter, text);
        case ValueKind::amount: {
            auto amount = parse_amount(text);
            if (!amount.ok())
                return refuse(parameter, amount.error().what + " " + amount.error().why,
                              amount.error().next);
            return Json(to_text(amount.value()));
        }
        case ValueKind::time: {
            auto time = parse_rfc3339(text);
            if (!time.ok()) return refuse(parameter, time.error().what, time.error().next);
            return Json(to_rfc3339(time.value()));
        }
        case ValueKind::address: {
            auto address = crypto::parse_address(text);
            if (!address.ok())
                return refuse(parameter, address.error().what + " " + address.error().why,
                              address.error().next);
            return Json(crypto::to_text(address.value()));
        }
        case ValueKind::hex: {
            auto bytes = from_hex(text);
            if (!bytes.ok()) return refuse(parameter, "It is not lower-case hexadecimal.");
            return Json(text);
        }
        case ValueKind::base64: {
            auto bytes = from_base64(text);
            if (!bytes.ok()) return refuse(parameter, "It is not base64.");
            return Json(text);
        }
        case ValueKind::boolean:
        case ValueKind::integer:
        case ValueKind::number:
        case ValueKind::text:
        case ValueKind::list:
        case ValueKind::object:
        case ValueKind::json:
            break;
    }
    return Json(text);
}

/// What its text has at least, without writing it.
std::size_t json_bytes_least(const Json& value) {
    if (value.is_string()) return value.get_ref<const std::string&>().size() + 2;
    if (!value.is_structured()) return 1;
    std::size_t bytes = 2;
    if (value.is_object()) {
        for (const auto& [name, element] : value.get_ref<const Json::object_t&>())
            bytes += name.size() + json_bytes_least(element) + 4;
    } else {
        for (const auto& element : value) bytes += json_bytes_least(element) + 1;
    }
    return bytes;
}

Result<Json> checked_structure(const Parameter& parameter, Json value) {
    if (parameter.kind == ValueKind::object && !value.is_object()) {
        return refuse(parameter, "It must be a JSON object.");
    }
    if (parameter.kind == ValueKind::list && !value.is_array()) {
        return refuse(parameter, "It must be a JSON list.");
    }
    if (json_bytes_least(value) > parameter.bytes_max) {
        return Error{ErrorCode::too_large,
                     "The value of \"" + std::string(parameter.name) + "\" is too large.",
                     "At most " + std::to_string(parameter.bytes_max) + " bytes are allowed.",
                     "Send less."};
    }
    return value;
}

/// One value, which is not null, of the parameter's kind.
Result<Json> checked_value(const Parameter& parameter, Json value) {
    switch (parameter.kind) {
        case ValueKind::boolean:
            if (!value.is_boolean()) return refuse(parameter, "It must be true or false.");
            return value;
        case ValueKind::integer:
            if (!value.is_number_integer()) return refuse(parameter, "It must be a whole number.");
            return value;
        case ValueKind::number:
            if (!value.is_number() || !std::isfinite(value.get<double>())) {
                return refuse(parameter, "It must be a number.");
            }
            return value;
        case ValueKind::list:
        case ValueKind::object:
        case ValueKind::json:
            return checked_structure(parameter, std::move(value));
        case ValueKind::text:
        case ValueKind::amount:
        case ValueKind::time:
        case ValueKind::address:
        case ValueKind::hex:
        case ValueKind::base64:
        case ValueKind::choice:
            break;
    }
    if (!value.is_string()) {
        const bool amount = parameter.kind == ValueKind::amount;
        return refuse(
            parameter,
            amount ? "An amount is a decimal string, never a number." : "It must be a string.",
            amount ? "Write it in quotes, like \"0.5\"." : "");
    }
    return checked_text(parameter, value.get_ref<const std::string&>());
}

Result<Json> checked_list(const Parameter& parameter, Json value) {
    if (!value.is_array()) return refuse(parameter, "It must be a list.");
    if (value.size() > limits::list_rows_max) return refuse(parameter, "It has too many elements.");
    Json list = Json::array();
    for (auto& element : value) {
        auto checked = checked_value(parameter, std::move(element));
        if (!checked.ok()) return checked.error();
        list.push_back(std::move(checked).value());
    }
    return list;
}

Result<Json> default_of(const Parameter& parameter) {
    return value_from_text(parameter, parameter.default_text);
}

Error unknown_field(const Operation& operation, const std::string& name, InputSource source) {
    std::vector<std::string> known;
    for (const auto& parameter : operation.parameters) {
        if (source == InputSource::command_line || !parameter.cli_only)
            known.emplace_back(parameter.name);
    }
    std::string all;
    for (const auto& each : known) all += (all.empty() ? "" : ", ") + each;
    return {ErrorCode::invalid_argument,
            "\"" + name.substr(0, 64) + "\" is not a field of " + std::string(operation.name) + ".",
            all.empty() ? "It takes no fields." : "It takes: " + all + ".",
            did_you_mean(name, known)};
}

Result<Json> number_from_text(const Parameter& parameter, std::string_view text) {
    if (parameter.kind == ValueKind::integer) {
        std::int64_t number = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (failure != std::errc{} || end != text.data() + text.size()) {
            return refuse(parameter,
                          "\"" + std::string(text.substr(0, 40)) + "\" is not a whole number.");
        }
        return Json(number);
    }
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) {
        return refuse(parameter, "\"" + std::string(text.substr(0, 40)) + "\" is not a number.");
    }
    return Json(number);
}

Result<Json> one_from_text(const Parameter& parameter, std::string_view text) {
    switch (parameter.kind) {
        case ValueKind::boolean:
            if (text == "true" || text == "yes" || text == "1") return Json(true);
            if (text == "false" || text == "no" || text == "0") return Json(false);
            return refuse(parameter,
                          "\"" + std::string(text.substr(0, 40)) + "\" is neither true nor false.");
        case ValueKind::integer:
        case ValueKind::number:
            return number_from_text(parameter, text);
        case ValueKind::list:
        case ValueKind::object: {
            auto json = parse_json(text);
            if (!json.ok()) return refuse(parameter, json.error().what + " " + json.error().why);
            return checked_structure(parameter, std::move(json).value());
        }
        case ValueKind::json: {
            auto json = parse_json(text);
            if (!json.ok()) return refuse(parameter, json.error().what + " " + json.error().why);
            return json;
        }
        case ValueKind::text:
        case ValueKind::amount:
        case ValueKind::time:
        case ValueKind::address:
        case ValueKind::hex:
        case ValueKind::base64:
        case ValueKind::choice:
            break;
    }
    return checked_text(parameter, std::string(text));
}

}  // namespace

std::string flag_of(const Parameter& parameter) {
    std::string flag = "--" + std::string(parameter.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

Result<Json> value_from_text(const Parameter& parameter, std::string_view text) {
    const bool plain_list = parameter.kind == ValueKind::list && !text.starts_with("[");
    if (!parameter.repeated && !plain_list) return one_from_text(parameter, text);
    Json list = Json::array();
    if (plain_list) {
        if (!is_utf8(text)) return refuse(parameter, "It is not UTF-8.");
        for (const auto part : split(text, ',')) list.push_back(std::string(part));
        return checked_structure(parameter, list);
    }
    const bool whole = parameter.kind == ValueKind::json || parameter.kind == ValueKind::object;
    const std::vector<std::string_view> parts = whole ? std::vector{text} : split(text, ',');
    for (const auto part : parts) {
        auto value = one_from_text(parameter, part);
        if (!value.ok()) return value.error();
        list.push_back(std::move(value).value());
    }
    return list;
}

Result<Json> check_input(const Operation& operation, Json raw, InputSource source) {
    if (raw.is_null()) raw = Json::object();
    if (!raw.is_object()) {
        return Error{ErrorCode::malformed, "The input is not a JSON object.",
                     "It is a " + std::string(raw.type_name()) + ".",
                     "Send {\"field\": value, ...}."};
    }
    Json checked = Json::object();
    std::size_t used = 0;
    for (const auto& parameter : operation.parameters) {
        if (source == InputSource::wire && parameter.cli_only) continue;
        const auto found = raw.find(parameter.name);
        if (found != raw.end()) ++used;
        if (found != raw.end() && !found->is_null()) {
            auto value = parameter.repeated ? checked_list(parameter, std::move(*found))
                                            : checked_value(parameter, std::move(*found));
            if (!value.ok()) return value.error();
            checked[std::string(parameter.name)] = std::move(value).value();
        } else if (!parameter.default_text.empty()) {
            auto value = default_of(parameter);
            if (!value.ok()) return value.error();
            checked[std::string(parameter.name)] = std::move(value).value();
        } else if (parameter.presence == Presence::required) {
            return Error{
                ErrorCode::invalid_argument, "\"" + std::string(parameter.name) + "\" is missing.",
                std::string(operation.name) + " needs it: " + std::string(parameter.help), ""};
        }
    }
    if (used == raw.size()) return checked;
    for (const auto& [name, value] : raw.items()) {
        const bool known =
            std::any_of(operation.parameters.begin(), operation.parameters.end(),
                        [&](const Parameter& parameter) {
                            return parameter.name == name &&
                                   (source == InputSource::command_line || !parameter.cli_only);
                        });
        if (!known) return unknown_field(operation, name, source);
    }
    return checked;
}

}  // namespace ait::registry
